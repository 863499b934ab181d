import { type Backend, claimById, runClaim } from 'mesoscope';
import { createBackend } from './backend.ts';
import { type ClaimAnswer, type ClaimOrder, faultOf } from './claim-message.ts';

let backend: Promise<Backend> | undefined;

/** Runs one claim on this thread, whose backend serves one claim after the other. */
export default async function measure(order: ClaimOrder): Promise<ClaimAnswer> {
  const { id, instance, seed, setting, execution, port } = order;
  try {
    backend ??= createBackend(execution);
    const { finding, seconds } = await runClaim(
      { claim: claimById(id), instance },
      {
        ...{ backend: await backend, seed, setting },
        progress: (...done) => port.postMessage(done),
      },
    );
    return { finding, seconds };
  } catch (cause) {
    return faultOf(cause);
  } finally {
    port.close();
  }
}
