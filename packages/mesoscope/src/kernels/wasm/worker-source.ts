import { FAULT, GENERATION, REMAINING, SLEEPERS, STOP, TICKETS } from '../heap/memory-map.ts';

/** What a worker is sent once. */
export interface WorkerTask {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** 1, 2, …; the thread that posts jobs is 0. */
  readonly thread: number;
  /** Name of the exported function that takes part in a job. */
  readonly work: string;
}

/**
 * A worker's whole program, as text, so that no bundler has to find a file. It looks for units to run, for some tens of
 * microseconds without sleeping, since the next job is usually near; then it sleeps until one is posted. A worker
 * counts itself among the sleepers before it looks for the last time, and a job is posted before sleepers are
 * looked for: one of the two sees the other. The port is Node's wherever there is `require`: Bun has `self` as well, and
 * delivers nothing to it.
 */
export const workerSource = `
const port = typeof require === 'function' ? require('node:worker_threads').parentPort : self;
port.onmessage = ({ data: { module, memory, thread, work } }) => {
  const run = new WebAssembly.Instance(module, { env: { memory } }).exports[work];
  const control = new Int32Array(memory.buffer);
  port.postMessage('ready');
  for (let spins = 0; Atomics.load(control, ${STOP / 4}) === 0; spins++) {
    if (Atomics.load(control, ${TICKETS / 4}) > 0) {
      try {
        run(thread);
      } catch {
        Atomics.store(control, ${FAULT / 4}, 1);
        Atomics.notify(control, ${REMAINING / 4});
        return;
      }
      spins = 0;
    } else if (spins > 10000) {
      Atomics.add(control, ${SLEEPERS / 4}, 1);
      const generation = Atomics.load(control, ${GENERATION / 4});
      if (Atomics.load(control, ${TICKETS / 4}) <= 0 && Atomics.load(control, ${STOP / 4}) === 0) {
        Atomics.wait(control, ${GENERATION / 4}, generation);
      }
      Atomics.sub(control, ${SLEEPERS / 4}, 1);
      spins = 0;
    }
  }
};
`;
