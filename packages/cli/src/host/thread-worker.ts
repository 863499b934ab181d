import { errorData } from 'mesoscope/configuration';
import type { Backend } from 'mesoscope/kernels';
import { computePiece, Interrupted, type Study } from 'mesoscope/study';
import { createBackend } from './backend.ts';
import { type Catalogue, loadCatalogue } from './catalogue.ts';
import { dataFrom } from './data.ts';
import type { Answer, PieceJob, ThreadEvent, ThreadTask } from './thread-message.ts';

const backends = new Map<number, Promise<Backend>>();
let catalogue: Promise<Catalogue> | undefined;

/** Computes one piece on this thread, whose backends serve one piece after the other. */
export default async function compute({ job, order, stop, port }: ThreadTask): Promise<Answer> {
  const tell = (...event: ThreadEvent) => port.postMessage(event);
  try {
    const study = await studyOf(job);
    const backend = await backendFor(job, order.wide);
    const equipment = {
      backend,
      ...dataFrom(job.directory),
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

async function studyOf({ study, modules }: PieceJob): Promise<Study> {
  catalogue ??= loadCatalogue(modules);
  return (await catalogue).study(study);
}

/** A backend of all the workers for a wide piece, of one for the others. */
function backendFor({ execution }: PieceJob, wide: boolean): Promise<Backend> {
  const workers = wide ? execution.workers : 1;
  const started = backends.get(workers) ?? createBackend({ ...execution, workers });
  backends.set(workers, started);
  return started;
}
