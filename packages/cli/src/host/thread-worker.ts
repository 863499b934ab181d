import { type Backend, claimById, runClaim, studyByName } from 'mesoscope';
import { createBackend } from './backend.ts';
import { type Answer, errorData, type Order, type ThreadTask } from './thread-message.ts';

let started: Promise<Backend> | undefined;

/** Computes one order on this thread, whose backend serves one after the other. */
export default async function compute({ order, execution, port }: ThreadTask): Promise<Answer> {
  try {
    started ??= createBackend(execution);
    const result = await resultOf(order, await started, (...done) => port.postMessage(done));
    return { result };
  } catch (cause) {
    return { error: errorData(cause) };
  } finally {
    port.close();
  }
}

async function resultOf(
  order: Order,
  backend: Backend,
  progress: (...done: unknown[]) => void,
): Promise<unknown> {
  if (order.kind === 'claim') {
    const { id, instance, seed, setting } = order;
    const options = { backend, seed, setting, progress };
    const { finding, seconds } = await runClaim({ claim: claimById(id), instance }, options);
    return { finding, seconds };
  }
  const { study, configuration, index } = order;
  const { piece } = studyByName(study);
  return backend.scopedAsync(async () => piece?.(configuration, index, { backend, progress }));
}
