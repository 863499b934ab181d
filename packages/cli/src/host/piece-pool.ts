import { Worker } from 'node:worker_threads';
import { MesoscopeError, type PiecePool } from 'mesoscope';
import type { PieceJob, PieceReply, PieceRequest } from './piece-message.ts';

/** A pool of Node threads; they start when they are first needed. */
export interface ThreadPool extends PiecePool {
  dispose(): void;
}

/** Built code, also where this file runs as source: a thread of Node loads JavaScript. */
const script = new URL('../../dist/host/piece-worker.js', import.meta.url);

interface Thread {
  readonly worker: Worker;
  busy: boolean;
}

/** Threads that compute pieces of a study: as many as the execution has workers, each with one thread for its kernels. */
export function createPiecePool({ study, configuration, execution }: PieceJob): ThreadPool {
  const threads: Thread[] = [];
  const start = (): Thread => {
    const job: PieceJob = { study, configuration, execution: { ...execution, workers: 1 } };
    const thread = { worker: new Worker(script, { workerData: job }), busy: false };
    threads.push(thread);
    return thread;
  };
  return {
    size: execution.workers,
    compute: (index, progress) =>
      ask(threads.find(({ busy }) => !busy) ?? start(), index, progress),
    dispose() {
      for (const { worker } of threads) void worker.terminate();
    },
  };
}

function ask(thread: Thread, index: number, progress: (share: number) => void): Promise<unknown> {
  const { worker } = thread;
  thread.busy = true;
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      worker.off('message', hear).off('error', reject).off('exit', died);
      thread.busy = false;
      finish();
    };
    const hear = (reply: PieceReply) => {
      switch (reply.kind) {
        case 'progress':
          return progress(reply.share);
        case 'done':
          return settle(() => resolve(reply.piece));
        case 'refused':
          return settle(() => reject(new MesoscopeError(reply.fault)));
        case 'failed':
          return settle(() => reject(new Error(reply.reason)));
      }
    };
    const died = (code: number) => reject(new Error(`A worker thread ended with code ${code}.`));
    worker.on('message', hear).on('error', reject).on('exit', died);
    const request: PieceRequest = { index };
    worker.postMessage(request);
  });
}
