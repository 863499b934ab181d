import { restoredOutcome, type StoredOutcome } from '../claims/stored-outcome.ts';
import type { PieceContext, Study, StudyResult } from './study.ts';

/** A result as data. */
export type StoredResult = Omit<StudyResult, 'claims'> & {
  readonly claims: readonly StoredOutcome[];
};

/** A result with its claims. */
export function restoredResult(stored: StoredResult): StudyResult {
  return { ...stored, claims: stored.claims.map((one) => restoredOutcome(one)) };
}

/** A study whose work does not divide: one piece, on all threads. */
export function singlePiece<Configuration>(
  study: Pick<
    Study<Configuration>,
    'name' | 'title' | 'description' | 'papers' | 'references' | 'schema'
  > & {
    compute(configuration: Configuration, context: PieceContext): Promise<StoredResult>;
  },
): Study<Configuration, StoredResult> {
  const { compute, ...about } = study;
  return {
    ...about,
    pieces: () => 1,
    label: () => study.title,
    wide: () => true,
    piece: compute,
    finish: (_, [stored]) => restoredResult(stored),
  };
}
