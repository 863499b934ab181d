import type { Check, Condition } from './check.ts';

/**
 * - `holds`: every check held, and each could have failed;
 * - `fails`: a check contradicts the statement;
 * - `outside`: a hypothesis of the theorem is not met on this instance, so that it says nothing here;
 * - `undecided`: the measurement could not tell: a resolution was not met, or an interval is too wide.
 */
export type Verdict = 'holds' | 'fails' | 'outside' | 'undecided';

/** What a claim concludes from its measurements; the verdict follows from it. */
export interface Grounds {
  /** Of the theorem, as met on this instance. */
  readonly hypotheses: readonly Condition[];
  /** What the measurement as a whole needs to tell anything. */
  readonly resolution: readonly Condition[];
  /** The first leads the table. */
  readonly checks: readonly Check[];
}

/** The verdict of a claim and, where it is not *holds*, the reasons for it. The only place where one is drawn. */
export function drawVerdict({ hypotheses, resolution, checks }: Grounds): {
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
} {
  const unmet = hypotheses.filter(({ holds }) => !holds);
  if (unmet.length > 0) return { verdict: 'outside', reasons: unmet.map(inWords) };
  const unresolved = resolution.filter(({ holds }) => !holds);
  if (unresolved.length > 0) return { verdict: 'undecided', reasons: unresolved.map(inWords) };
  const failed = checks.filter(({ outcome }) => outcome === 'fails');
  if (failed.length > 0) return { verdict: 'fails', reasons: failed.map(reasonOf) };
  const open = checks.filter(({ outcome }) => outcome === 'undecided');
  if (open.length > 0) return { verdict: 'undecided', reasons: open.map(reasonOf) };
  if (checks.length === 0) return { verdict: 'undecided', reasons: ['nothing was compared'] };
  return { verdict: 'holds', reasons: [] };
}

function inWords({ name, value }: Condition): string {
  return `${name} (${typeof value === 'number' ? Number(value.toPrecision(4)) : value})`;
}

function reasonOf({ name, reason }: Check): string {
  return `${name}: ${reason}`;
}

/**
 * The resolution that an instance can contradict the statement at all. Where it cannot (U = 0, one class, a law at rest)
 * the sentence says what is trivial about it.
 */
export function notTrivial(trivial: string | undefined): Condition {
  return {
    name: 'the instance could contradict the statement',
    holds: trivial === undefined,
    value: trivial ?? 'yes',
  };
}

/** The summary of an instance that {@link notTrivial} refuses: the verdict's reasons stand before it. */
export const nothing = 'There is nothing to measure.';
