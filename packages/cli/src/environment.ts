import { type Backend, type Claim, claims, type Study, studies } from 'mesoscope';
import { createBackend, type Execution } from './host/backend.ts';
import { type ClaimRunners, createClaimRunners } from './host/claim-runners.ts';
import { createPiecePool, type PieceJob, type ThreadPool } from './host/piece-pool.ts';
import type { Output } from './terminal/progress.ts';

/** Everything that a command touches outside itself. A test hands in its own. */
export interface Environment {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Relative paths start here. */
  readonly directory: string;
  readonly claims: readonly Claim[];
  readonly studies: readonly Study[];
  createBackend(execution: Execution): Promise<Backend>;
  /** Where the claims of a verification run. */
  createClaimRunners(execution: Execution, claims: readonly Claim[]): Promise<ClaimRunners>;
  /** Threads for the pieces of a study; absent: studies compute them where they run. */
  createPool?(job: PieceJob): ThreadPool;
  /** Calls back at the first Ctrl-C; returns a function that stops listening. */
  onInterrupt(listener: () => void): () => void;
}

/** The environment of the running process. */
export function processEnvironment(): Environment {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    directory: process.cwd(),
    claims,
    studies,
    createBackend,
    createClaimRunners,
    createPool: createPiecePool,
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
