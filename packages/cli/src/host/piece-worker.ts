import { parentPort, workerData } from 'node:worker_threads';
import { MesoscopeError, studyByName } from 'mesoscope';
import { createBackend } from './backend.ts';
import type { PieceJob, PieceReply, PieceRequest } from './piece-message.ts';

/** The thread of a `PiecePool`: computes one piece after the other, with a backend of its own. */
const { study, configuration, execution } = workerData as PieceJob;
const { piece } = studyByName(study);
const backend = await createBackend(execution);
const reply = (message: PieceReply) => parentPort?.postMessage(message);

parentPort?.on('message', async ({ index }: PieceRequest) => {
  try {
    const result = await backend.scopedAsync(async () =>
      piece?.(configuration, index, {
        backend,
        progress: (share) => reply({ kind: 'progress', share }),
      }),
    );
    reply({ kind: 'done', piece: result });
  } catch (cause) {
    reply(
      cause instanceof MesoscopeError
        ? { kind: 'refused', fault: cause.fault }
        : { kind: 'failed', reason: String(cause) },
    );
  }
});
