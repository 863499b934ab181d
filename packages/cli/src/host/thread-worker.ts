import { errorData } from 'mesoscope/configuration';
import { computePiece, Interrupted } from 'mesoscope/study';
import { equipmentOf, studyOf } from './equipment.ts';
import type { Answer, ThreadEvent, ThreadTask } from './thread-message.ts';

/** Computes one piece on this thread. */
export default async function compute({ job, order, stop, port }: ThreadTask): Promise<Answer> {
  const tell = (...event: ThreadEvent) => port.postMessage(event);
  try {
    const study = await studyOf(job);
    const equipment = {
      ...(await equipmentOf(job, order.wide)),
      interrupted: () => Atomics.load(stop, 0) !== 0,
    };
    const result = await computePiece(study, job.configuration, order, equipment, {
      progress: (share, label) => tell('progress', share, label),
      metric: (record) => tell('metric', record),
      state: (state) => tell('state', state),
    });
    return { result };
  } catch (cause) {
    return cause instanceof Interrupted
      ? { interrupted: cause.message }
      : { error: errorData(cause) };
  } finally {
    port.close();
  }
}
