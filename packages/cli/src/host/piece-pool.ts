import type { PiecePool } from 'mesoscope';
import type { Execution } from './backend.ts';
import { startThreads } from './threads.ts';

/** Which study's pieces are to be computed, and how. */
export interface PieceJob {
  readonly study: string;
  readonly configuration: unknown;
  readonly execution: Execution;
}

/** A pool of Node threads. */
export interface ThreadPool extends PiecePool {
  dispose(): Promise<void>;
}

/** Threads that compute pieces of a study: as many as the execution has workers, each with one thread for its kernels. */
export function createPiecePool({ study, configuration, execution }: PieceJob): ThreadPool {
  const threads = startThreads(execution.workers, execution);
  return {
    size: threads.count,
    compute: (index, progress) =>
      threads.run({ kind: 'piece', study, configuration, index }, { progress }),
    dispose: () => threads.dispose(),
  };
}
