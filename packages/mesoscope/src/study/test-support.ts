import type { Backend } from '../kernels/backend.ts';
import type { Study, StudyContext, StudyResult } from './study.ts';

/** Runs a study as a host would, without data, files or a screen but what is given. */
export function runStudy<Configuration>(
  backend: Backend,
  study: Study<Configuration>,
  configuration: object,
  host: Partial<StudyContext> = {},
): Promise<StudyResult> {
  return backend.scopedAsync(() =>
    study.run(study.schema.parse(configuration), {
      backend,
      corpus: () => Promise.reject(new Error('no corpus')),
      images: () => Promise.reject(new Error('no images')),
      metric: () => {},
      progress: () => {},
      checkpoint: async () => {},
      ...host,
    }),
  );
}

/** Titles of a result's sections, in order. */
export function titlesOf({ sections }: Pick<StudyResult, 'sections'>): string[] {
  return sections.map((one) => (one.kind === 'figure' ? one.figure.title : one.title));
}
