import { openCheckpoint } from 'mesoscope/checkpoint';
import type { Backend } from 'mesoscope/kernels';
import type { DataSource, Study } from 'mesoscope/study';
import { checkpointFolder } from '../input/checkpoint-folder.ts';
import { createBackend } from './backend.ts';
import { type Catalogue, loadCatalogue } from './catalogue.ts';
import { loadCorpus } from './corpus.ts';
import { loadImages } from './images.ts';
import type { PieceJob } from './thread-message.ts';

const backends = new Map<number, Promise<Backend>>();
let catalogue: Promise<Catalogue> | undefined;

/** The study of a job, also where it is the user's own. */
export async function studyOf({ study, modules }: PieceJob): Promise<Study> {
  catalogue ??= loadCatalogue(modules);
  return (await catalogue).study(study);
}

/** What this thread computes with: its backends serve one job after the other. */
export async function equipmentOf(
  job: PieceJob,
  wide: boolean,
): Promise<DataSource & { readonly backend: Backend }> {
  return {
    backend: await backendFor(job, wide),
    corpus: async (name) => loadCorpus(name, job.directory),
    images: async (name) => loadImages(name, job.directory),
    async trainedModel(name) {
      const { folder, at } = checkpointFolder(name, job.directory);
      return openCheckpoint(folder, at);
    },
  };
}

/** A backend of all the workers for a wide piece, of one for the others. */
function backendFor({ execution }: PieceJob, wide: boolean): Promise<Backend> {
  const workers = wide ? execution.workers : 1;
  const started = backends.get(workers) ?? createBackend({ ...execution, workers });
  backends.set(workers, started);
  return started;
}
