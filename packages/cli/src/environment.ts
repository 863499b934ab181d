import { type Catalogue, catalogueOf, loadCatalogue } from './host/catalogue.ts';
import { type CellThreads, startCellThreads } from './host/cell-threads.ts';
import type { PieceJob } from './host/thread-message.ts';
import { type PieceThreads, startThreads } from './host/threads.ts';
import { askOnTerminal } from './terminal/ask.ts';
import type { Output } from './terminal/progress.ts';

/** Everything that a command touches outside itself. A test hands in its own. */
export interface Environment {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Relative paths start here. */
  readonly directory: string;
  /** Claims and studies, with those of the user's own modules. @throws MesoscopeError `file` */
  catalogue(modules?: readonly string[]): Promise<Catalogue>;
  /** Where pieces are computed. */
  startPieces(job: PieceJob, pieces: number): Promise<PieceThreads>;
  /** Where the cells of a sweep are computed. */
  startCells(workers: number): CellThreads;
  /** Asks a question that is answered with yes or no, until the signal; undefined where there is no terminal. */
  readonly ask: ((question: string, signal: AbortSignal) => Promise<boolean>) | undefined;
  /** Calls back at the first Ctrl-C; returns a function that stops listening. */
  onInterrupt(listener: () => void): () => void;
}

/** The environment of the running process. */
export function processEnvironment(): Environment {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    directory: process.cwd(),
    catalogue: async (modules = []) =>
      modules.length === 0 ? catalogueOf({ claims: [], studies: [] }) : loadCatalogue(modules),
    startPieces: startThreads,
    startCells: startCellThreads,
    ask: process.stdin.isTTY && process.stderr.isTTY ? askOnTerminal : undefined,
    onInterrupt(listener) {
      let interrupted = false;
      const handle = () => {
        if (interrupted) process.exit(130);
        interrupted = true;
        listener();
      };
      const signals = ['SIGINT', 'SIGTERM'] as const;
      for (const signal of signals) process.on(signal, handle);
      return () => {
        for (const signal of signals) process.off(signal, handle);
      };
    },
  };
}
