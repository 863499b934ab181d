import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { errorOf } from 'mesoscope/configuration';
import { Interrupted, type PieceEvents, type PieceOrder } from 'mesoscope/study';
import { Tinypool } from 'tinypool';
import { createBackend } from './backend.ts';
import type { Answer, PieceJob, ThreadEvent, ThreadTask } from './thread-message.ts';

/** Threads that compute pieces of a study. */
export interface PieceThreads {
  /** Pieces at once. */
  readonly size: number;
  /** The kernels as they name themselves. */
  readonly build: string;
  /** @throws Interrupted after {@link stop}; what the piece throws */
  compute(order: PieceOrder, events: PieceEvents): Promise<unknown>;
  /** Has the pieces under way stop at their next state; those that come to none in time are ended. */
  stop(): void;
  dispose(): Promise<void>;
}

/** Milliseconds that a piece has to keep its state after an interrupt. */
const grace = 1500;

/** Built code, also where this file runs as source: a thread of Node loads JavaScript. */
const script = new URL('../../dist/host/thread-worker.js', import.meta.url).href;

/**
 * Starts threads for the pieces of a job: as many as the execution has workers and the job has pieces. Even one piece runs on a
 * thread of its own, so that the program hears an interrupt while it computes.
 *
 * @throws MesoscopeError what the backend refuses, before any work
 */
export async function startThreads(job: PieceJob, pieces: number): Promise<PieceThreads> {
  const size = Math.max(1, Math.min(job.execution.workers, pieces));
  const probe = await createBackend({ ...job.execution, workers: 1 });
  const build = probe.name;
  probe.dispose();
  const pool = new Tinypool({ filename: script, minThreads: 1, maxThreads: size });
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const abort = new AbortController();
  return {
    size,
    build,
    async compute(order, events) {
      const { port1: listening, port2: port } = new MessageChannel();
      listening.on('message', (event: ThreadEvent) => hear(event, events));
      const task: ThreadTask = { job, order, stop, port };
      try {
        const options = { transferList: [port], signal: abort.signal };
        const answer: Answer = await pool.run(task, options);
        // What was sent before the answer may arrive after it.
        for (let last = receiveMessageOnPort(listening); last !== undefined; ) {
          hear(last.message, events);
          last = receiveMessageOnPort(listening);
        }
        if ('interrupted' in answer) throw new Interrupted(answer.interrupted);
        if ('error' in answer) throw errorOf(answer.error);
        return answer.result;
      } catch (cause) {
        throw abort.signal.aborted ? new Interrupted('ended before its next state') : cause;
      } finally {
        listening.close();
      }
    },
    stop() {
      Atomics.store(stop, 0, 1);
      setTimeout(() => abort.abort(), grace).unref();
    },
    dispose: () => pool.destroy(),
  };
}

function hear([kind, ...told]: ThreadEvent, events: PieceEvents): void {
  (events[kind] as (...told: readonly unknown[]) => void)(...told);
}
