import type { StudyResult } from './study.ts';

/** Titles of a result's sections, in order. */
export function titlesOf({ sections }: Pick<StudyResult, 'sections'>): string[] {
  return sections.map((one) => (one.kind === 'figure' ? one.figure.title : one.title));
}
