import { MessageChannel } from 'node:worker_threads';
import { type Claim, type ClaimRunner, localRunner } from 'mesoscope';
import { Tinypool } from 'tinypool';
import { createBackend, type Execution } from './backend.ts';
import { type ClaimAnswer, type ClaimOrder, errorOf } from './claim-message.ts';

/** Places where claims run. */
export interface ClaimRunners {
  readonly runners: readonly ClaimRunner[];
  /** The backend as it names itself. */
  readonly build: string;
  dispose(): Promise<void>;
}

/**
 * Several claims are dealt to threads of their own, which share the workers among them: most experiments are too small
 * to keep two threads busy inside. A single claim runs here, on all workers. Results do not depend on either.
 */
export async function createClaimRunners(
  execution: Execution,
  claims: readonly Claim[],
): Promise<ClaimRunners> {
  const threads = Math.min(execution.workers, claims.length);
  if (threads <= 1) {
    const backend = await createBackend(execution);
    return {
      runners: [localRunner(backend)],
      build: backend.name,
      dispose: async () => backend.dispose(),
    };
  }
  const own: Execution = { ...execution, workers: Math.floor(execution.workers / threads) };
  // Refuses here, before any work, what the threads could not start either.
  const probe = await createBackend(own);
  probe.dispose();
  const pool = new Tinypool({
    filename: new URL('./claim-worker.js', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
  });
  return {
    runners: Array.from({ length: threads }, () => pooledRunner(pool, own)),
    build: `${threads} × ${probe.name}`,
    dispose: () => pool.destroy(),
  };
}

/** Runs claims on whichever thread of a pool is free. */
function pooledRunner(pool: Tinypool, execution: Execution): ClaimRunner {
  return async ({ claim, instance }, { seed = 1, setting = 'quick', progress, signal }) => {
    const { port1: listening, port2: port } = new MessageChannel();
    listening.on('message', (done) => progress?.(...(done as [number, number, string])));
    const order: ClaimOrder = { id: claim.id, instance, seed, setting, execution, port };
    try {
      const answer: ClaimAnswer = await pool.run(order, {
        transferList: [port],
        ...(signal === undefined ? {} : { signal }),
      });
      if ('message' in answer) throw errorOf(answer);
      return { claim, ...answer };
    } finally {
      listening.close();
    }
  };
}
