import { type Claim, type ClaimResult, type ClaimRunner, localRunner } from 'mesoscope';
import { createBackend, type Execution } from './backend.ts';
import { shareOf, startThreads, type Threads } from './threads.ts';

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
  const count = Math.min(execution.workers, claims.length);
  // Refuses here, before any work, what the threads could not start either.
  const backend = await createBackend(shareOf(Math.max(1, count), execution));
  if (count <= 1) {
    return {
      runners: [localRunner(backend)],
      build: backend.name,
      dispose: async () => backend.dispose(),
    };
  }
  backend.dispose();
  const threads = startThreads(count, execution);
  return {
    runners: Array.from({ length: count }, () => runnerOn(threads)),
    build: `${count} × ${backend.name}`,
    dispose: () => threads.dispose(),
  };
}

function runnerOn(threads: Threads): ClaimRunner {
  return async ({ claim, instance }, { seed = 1, setting = 'quick', progress, signal }) => {
    const order = { kind: 'claim', id: claim.id, instance, seed, setting } as const;
    const result = await threads.run(order, { progress, signal });
    return { claim, ...(result as Omit<ClaimResult, 'claim'>) };
  };
}
