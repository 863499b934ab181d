import { Tinypool } from 'tinypool';
import type { CellAnswer } from './cell-worker.ts';
import type { PieceJob } from './thread-message.ts';

/** Threads that compute whole runs, one each. */
export interface CellThreads {
  /** @throws Error once the signal has ended the thread that computes it */
  run(job: PieceJob, signal: AbortSignal): Promise<CellAnswer>;
  dispose(): Promise<void>;
}

/** Built code, also where this file runs as source: a thread of Node loads JavaScript. */
const script = new URL('../../dist/host/cell-worker.js', import.meta.url).href;

/** Starts up to so many threads. */
export function startCellThreads(workers: number): CellThreads {
  const pool = new Tinypool({ filename: script, minThreads: 1, maxThreads: workers });
  return {
    run: (job, signal) => pool.run(job, { signal }),
    dispose: () => pool.destroy(),
  };
}
