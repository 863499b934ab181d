import { type ErrorData, errorData, errorOf } from '../errors.ts';
import type { Claim, Finding } from './claim.ts';
import { claimById } from './registry.ts';
import type { ClaimOutcome } from './run.ts';

/** An outcome as data: a claim holds functions, so that only its id travels between threads and into files. */
export type StoredOutcome = { readonly id: string; readonly seconds: number } & (
  | { readonly finding: Finding }
  | { readonly error: ErrorData }
);

/** An outcome as data. */
export function storedOutcome(outcome: ClaimOutcome): StoredOutcome {
  const { claim, seconds } = outcome;
  return 'finding' in outcome
    ? { id: claim.id, seconds, finding: outcome.finding }
    : { id: claim.id, seconds, error: errorData(outcome.error) };
}

/** The inverse of {@link storedOutcome}. @throws MesoscopeError `unknown-name` */
export function restoredOutcome(stored: StoredOutcome, among?: readonly Claim[]): ClaimOutcome {
  const { seconds } = stored;
  const claim = claimById(stored.id, among);
  return 'finding' in stored
    ? { claim, seconds, finding: stored.finding }
    : { claim, seconds, error: errorOf(stored.error) };
}
