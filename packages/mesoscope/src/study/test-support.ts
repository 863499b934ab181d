import { parseConfiguration } from '../configuration/parse.ts';
import type { KeptPiece } from './pieces.ts';
import { type RunHereOptions, runStudy } from './run-here.ts';
import type { Study, StudyResult } from './study.ts';

/** Titles of a result's sections, in order. */
export function titlesOf({ sections }: Pick<StudyResult, 'sections'>): string[] {
  return sections.map((one) => (one.kind === 'figure' ? one.figure.title : one.title));
}

/** The result of a study on this thread. */
export async function resultOf<Configuration, Piece>(
  study: Study<Configuration, Piece>,
  given: unknown,
  options: RunHereOptions,
): Promise<StudyResult> {
  const result = await runStudy(study, parseConfiguration(study.schema, given), options);
  if (result === undefined) throw new Error('the study was interrupted');
  return result;
}

/** The result of a study that is interrupted after so many metrics, and then continued from what was kept. */
export async function continuedResult<Configuration, Piece>(
  study: Study<Configuration, Piece>,
  given: unknown,
  options: RunHereOptions,
  metrics: number,
): Promise<StudyResult> {
  const kept = new Map<number, KeptPiece>();
  const stop = new AbortController();
  let seen = 0;
  const configuration = parseConfiguration(study.schema, given);
  const first = await runStudy(study, configuration, {
    ...options,
    kept,
    signal: stop.signal,
    metric: () => {
      if (++seen === metrics) stop.abort();
    },
  });
  if (first !== undefined) throw new Error(`the study has only ${seen} metrics`);
  if (kept.size === 0) throw new Error('nothing was kept');
  return resultOf(study, given, { ...options, kept: new Map(structuredClone([...kept])) });
}
