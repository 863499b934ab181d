import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { type Claim, type ClaimOutcome, claimById } from 'mesoscope';
import { type ErrorData, errorData, errorOf } from '../host/thread-message.ts';
import { writeAtomically } from './atomic.ts';

const outcomesName = 'outcomes.bin';

type StoredOutcome = { readonly id: string; readonly seconds: number } & (
  | { readonly finding: unknown }
  | { readonly error: ErrorData }
);

/** Keeps the outcomes of finished claims in a partial folder. @throws MesoscopeError `file` */
export function saveOutcomes(partial: string, outcomes: readonly ClaimOutcome[]): void {
  const stored: StoredOutcome[] = outcomes.map((outcome) => ({
    ...{ id: outcome.claim.id, seconds: outcome.seconds },
    ...('finding' in outcome ? { finding: outcome.finding } : { error: errorData(outcome.error) }),
  }));
  writeAtomically(join(partial, outcomesName), serialize(stored));
}

/** The outcomes of a partial folder; none if no claim had ended. */
export function loadOutcomes(partial: string, claims: readonly Claim[]): ClaimOutcome[] {
  const path = join(partial, outcomesName);
  if (!existsSync(path)) return [];
  return (deserialize(readFileSync(path)) as StoredOutcome[]).map((stored) => {
    const { seconds } = stored;
    const claim = claimById(stored.id, claims);
    return 'error' in stored
      ? { claim, seconds, error: errorOf(stored.error) }
      : { claim, seconds, finding: stored.finding as never };
  });
}
