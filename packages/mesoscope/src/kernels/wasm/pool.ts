import { MesoscopeError } from '../../errors.ts';
import { FAULT, GENERATION, REMAINING, SLEEPERS, STOP, TICKETS } from '../heap/memory-map.ts';
import { canWait, startWorker, type WorkerThread } from './platform.ts';
import { workerSource } from './worker-source.ts';

/** Threads that wait for jobs in a shared memory. */
export interface Pool {
  /**
   * Has the job that stands in memory run by all threads, the calling one included, and returns when its `units` are done.
   * @throws Error if a worker failed; the pool cannot be used after that
   */
  run(units: number): void;
  dispose(): void;
}

/** Iterations of looking, some tens of microseconds, before the posting thread sleeps. */
const patience = 20000;

/** Milliseconds that all workers together may take to start. */
const startingTime = 20000;

/**
 * Starts `count` workers over `memory`.
 *
 * @param work the exported function of `exports` that takes part in a job, given the number of the thread
 * @throws Error if a worker fails, or has not started after 20 s: some hosts drop its messages without a word
 */
export async function startPool(
  count: number,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  exports: Readonly<Record<string, (thread: number) => void>>,
  work: string,
): Promise<Pool> {
  const control = new Int32Array(memory.buffer);
  const mayWait = canWait();
  const workers: WorkerThread[] = [];
  let failure: string | undefined;
  let stopping = false;

  function die(reason: string): void {
    if (!stopping) failure ??= reason;
  }

  function dispose(): void {
    stopping = true;
    Atomics.store(control, STOP / 4, 1);
    Atomics.add(control, GENERATION / 4, 1);
    Atomics.notify(control, GENERATION / 4);
    for (const worker of workers) worker.terminate();
  }

  function refuseBroken(): void {
    if (failure === undefined && Atomics.load(control, FAULT / 4) !== 0) {
      failure = 'a kernel stopped on a worker thread';
    }
    if (failure === undefined) return;
    dispose();
    throw new MesoscopeError({
      code: 'unsupported',
      what: `going on after a worker thread was lost (${failure})`,
      by: 'the wasm backend',
      wayOut: 'Create a new backend, with one thread if it happens again.',
    });
  }

  function waitForOthers(): void {
    for (let spins = 0; ; spins++) {
      const remaining = Atomics.load(control, REMAINING / 4);
      if (remaining === 0) return;
      if (spins < patience || !mayWait) {
        if ((spins & 1023) === 1023) refuseBroken();
        continue;
      }
      refuseBroken();
      Atomics.wait(control, REMAINING / 4, remaining, 1);
    }
  }

  const ready = Array.from(
    { length: count },
    (_, index) =>
      new Promise<void>((resolve, reject) => {
        const worker = startWorker(
          workerSource,
          () => {
            worker.release();
            resolve();
          },
          (reason) => {
            die(reason);
            reject(new Error(`a worker thread did not start: ${reason}`));
          },
        );
        workers.push(worker);
        worker.post({ module, memory, thread: index + 1, work });
      }),
  );
  try {
    await within(startingTime, Promise.all(ready));
  } catch (error) {
    dispose();
    throw error;
  }

  return {
    run: (units) => {
      refuseBroken();
      Atomics.store(control, REMAINING / 4, units);
      Atomics.store(control, TICKETS / 4, units);
      Atomics.add(control, GENERATION / 4, 1);
      if (Atomics.load(control, SLEEPERS / 4) > 0) Atomics.notify(control, GENERATION / 4);
      try {
        exports[work](0);
      } catch (error) {
        failure = String(error);
        refuseBroken();
      }
      waitForOthers();
    },
    dispose,
  };
}

function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no worker thread in ${milliseconds} ms`));
    const timer = setTimeout(late, milliseconds);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
