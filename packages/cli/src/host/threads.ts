import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { Tinypool } from 'tinypool';
import type { Execution } from './backend.ts';
import { type Answer, errorOf, type Order, type ThreadTask } from './thread-message.ts';

/** Threads that compute claims, or pieces of studies, each with a backend of its own. */
export interface Threads {
  readonly count: number;
  /**
   * Has an order computed by a thread that is free.
   *
   * @throws Error what the work throws; an `AbortError` after an abort, which ends the thread
   */
  run(
    order: Order,
    options: {
      readonly progress?: ((...done: never[]) => void) | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<unknown>;
  dispose(): Promise<void>;
}

/** Built code, also where this file runs as source: a thread of Node loads JavaScript. */
const script = new URL('../../dist/host/thread-worker.js', import.meta.url).href;

/** Starts `count` threads, among which the workers of an execution are shared out. */
export function startThreads(count: number, execution: Execution): Threads {
  const own = shareOf(count, execution);
  const pool = new Tinypool({ filename: script, minThreads: count, maxThreads: count });
  return {
    count,
    async run(order, { progress, signal }) {
      const { port1: listening, port2: port } = new MessageChannel();
      const hear = (done: unknown) => progress?.(...(done as never[]));
      listening.on('message', hear);
      const task: ThreadTask = { order, execution: own, port };
      try {
        const answer: Answer = await pool.run(task, {
          transferList: [port],
          ...(signal === undefined ? {} : { signal }),
        });
        if ('error' in answer) throw errorOf(answer.error);
        return answer.result;
      } finally {
        // What was sent before the answer may arrive after it.
        for (let last = receiveMessageOnPort(listening); last !== undefined; ) {
          hear(last.message);
          last = receiveMessageOnPort(listening);
        }
        listening.close();
      }
    },
    dispose: () => pool.destroy(),
  };
}

/** What each of `count` threads may use of an execution. */
export function shareOf(count: number, execution: Execution): Execution {
  return { ...execution, workers: Math.max(1, Math.floor(execution.workers / count)) };
}
