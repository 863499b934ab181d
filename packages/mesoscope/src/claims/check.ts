import { binomialInterval, type Interval, meanInterval } from '../numeric/fit.ts';

/** What a comparison showed. `undecided`: the measurement could not tell. */
export type Outcome = 'holds' | 'fails' | 'undecided';

/** What is compared: see the function of the same name for how each is judged. */
export type CheckKind =
  | 'order'
  | 'bound'
  | 'at-most'
  | 'at-least'
  | 'equals'
  | 'identity'
  | 'agreement'
  | 'coverage'
  | 'certificate';

/**
 * What a measured number must be to the expected one. `not-slower`: an order of decay at which an O(·) statement is not
 * contradicted, since the number is the expected one or below.
 */
export type Relation = 'value' | 'at-most' | 'at-least' | 'not-slower';

/** A named condition with what was measured to decide it: a hypothesis of a theorem, or a resolution of a measurement. */
export interface Condition {
  readonly name: string;
  readonly holds: boolean;
  readonly value: number | string;
}

/** One comparison of what was measured with what is expected. */
export interface Check {
  readonly name: string;
  readonly kind: CheckKind;
  readonly measured: number;
  /** What the measurement leaves open; null: exact to rounding. */
  readonly interval: Interval | null;
  /** Where the interval comes from: the 95 % of a sample, or a bound on numerical errors. */
  readonly intervalFrom: 'sample' | 'numerics' | null;
  /** A bound on the measurement's bias, known apart from the interval, by which it is widened on both sides. */
  readonly bias: number;
  readonly expected: number;
  readonly relation: Relation;
  /** Values that a *holds* must exclude, since nobody could tell them from `expected` otherwise. */
  readonly rivals: readonly number[];
  /** What would make this check fail. */
  readonly failsIf: string;
  readonly outcome: Outcome;
  /** Why the outcome is not *holds*; empty where it is. */
  readonly reason: string;
}

/** What every kind of check is given. */
export interface Question {
  readonly name: string;
  /** What would make the check fail, in words. */
  readonly failsIf: string;
  /** Conditions under which this one measurement can tell anything: where one is not met the check is undecided. */
  readonly resolution?: readonly Condition[];
}

/** A number with what its measurement leaves open. */
export interface Measurement {
  readonly measured: number;
  /** Default null: exact to rounding. */
  readonly interval?: Interval | null;
  /** Default `sample` where there is an interval. */
  readonly intervalFrom?: 'sample' | 'numerics';
  /** Default 0. */
  readonly bias?: number;
  /**
   * A wider interval, that must miss the expected number too before a check fails: of the 95 % intervals of true statements
   * one in twenty misses, and an extrapolation may be less asymptotic than it looks. Default: the interval.
   */
  readonly contradiction?: Interval | null;
}

/** A number that its numerics leave open by so much on either side. */
export function known(measured: number, open: number): Measurement {
  return { measured, interval: [measured - open, measured + open], intervalFrom: 'numerics' };
}

/**
 * The mean of independent values, read through an increasing map (the exponential of a mean of logarithms): its interval at the
 * joint level of `among` intervals, and the wider one, at the level {@link certain}, that alone contradicts.
 */
export function sampledMean(
  values: readonly number[],
  { among = 1, as = (x: number) => x }: { among?: number; as?: (x: number) => number } = {},
): Measurement & { readonly interval: Interval | null } {
  if (values.length === 0 || !values.every(Number.isFinite)) {
    return { measured: Number.NaN, interval: null };
  }
  const { mean, interval } = meanInterval(values, { confidence: jointConfidence(among) });
  const wide = meanInterval(values, { confidence: certain }).interval;
  const read = (ends: Interval | null): Interval | null => ends && [as(ends[0]), as(ends[1])];
  return { measured: as(mean), interval: read(interval), contradiction: read(wide) };
}

/**
 * A number equals the expected one: holds if the interval, widened by the bias bound, contains it and excludes every
 * rival; fails if it does not contain it; undecided if it contains a rival too.
 */
export function equals(
  question: Question &
    Measurement & { readonly expected: number; readonly rivals?: readonly number[] },
): Check {
  return judged('equals', 'value', question, question.expected, question.rivals);
}

/** How often something was seen that must never happen: holds if 0 times, fails otherwise. */
export function neverSeen(question: Question & { readonly seen: number }): Check {
  return equals({ ...question, measured: question.seen, expected: 0, rivals: [1] });
}

/** A number is at most the expected one: holds if its whole interval is, fails if none of it is, else undecided. */
export function atMost(question: Question & Measurement & { readonly expected: number }): Check {
  return judged('at-most', 'at-most', question, question.expected);
}

/** A number is at least the expected one: as {@link atMost}, mirrored. */
export function atLeast(question: Question & Measurement & { readonly expected: number }): Check {
  return judged('at-least', 'at-least', question, question.expected);
}

/**
 * A theorem's inequality `a_i ≤ bound_i`, judged by the sharpest ratio `max_i a_i/bound_i ≤ 1`. Pairs of which both sides
 * lie below `rounding` say nothing; if none is left the check is undecided.
 *
 * @param question.pairs - `least`: what `a_i` surely exceeds where `value` is only an upper bound of it; default `value`
 */
export function bound(
  question: Question & {
    readonly pairs: readonly {
      readonly value: number;
      readonly bound: number;
      readonly least?: number;
    }[];
    /** Absolute size up to which a value is rounding; default 0, then only 0 itself is. */
    readonly rounding?: number;
    /** Relative uncertainty of the ratios: errors of sampling or of measured constants; default 0. */
    readonly uncertainty?: number;
  },
): Check {
  const { pairs, rounding = 0, uncertainty = 0 } = question;
  const sharpestOf = (all: readonly { readonly value: number; readonly bound: number }[]) =>
    all
      .filter(({ value }) => !(Math.abs(value) <= rounding))
      // A ratio to a negative bound has no sense: it is kept by what lies below it only.
      .reduce((most, { value, bound }) => {
        const broken = bound < 0 && value > bound;
        return larger(most, broken ? Number.POSITIVE_INFINITY : value / bound);
      }, 0);
  const sharpest = sharpestOf(pairs);
  const surely = sharpestOf(
    pairs.map(({ value, bound, least = value }) => ({ value: least, bound })),
  );
  const compared: Condition = {
    name: 'what is bounded stands clear of rounding',
    holds: pairs.some(({ value }) => !(Math.abs(value) <= rounding)),
    value: pairs.reduce((most, { value }) => larger(most, Math.abs(value)), 0),
  };
  const exact = uncertainty === 0 && pairs.every(({ least }) => least === undefined);
  return judged(
    'bound',
    'at-most',
    {
      ...question,
      measured: sharpest,
      interval: exact ? null : [surely * (1 - uncertainty), sharpest * (1 + uncertainty)],
      intervalFrom: 'numerics',
      resolution: [...(question.resolution ?? []), compared],
    },
    1,
  );
}

/** Two numbers, or two sets of them, that should be the same, and what rounding alone can make of their difference. */
export interface Comparison {
  /** The largest difference between the two. */
  readonly difference: number;
  /**
   * By how much they may differ if both are right: their conditioning, measured by perturbing the input by rounding, or
   * a backward error; never a fixed number.
   */
  readonly uncertainty: number;
  /** The size of what is compared. Agreement within an uncertainty above a thousandth of it shows nothing. */
  readonly scale: number;
}

/** Two independent computations agree: their difference, in units of its uncertainty, is at most 1. */
export function agreement(question: Question & { readonly of: readonly Comparison[] }): Check {
  return compared('agreement', question);
}

/** Two sides of an identity agree: their residual, in units of its uncertainty, is at most 1. */
export function identical(question: Question & { readonly of: readonly Comparison[] }): Check {
  return compared('identity', question);
}

/** The largest share of its scale that an uncertainty may have for an agreement to show anything. */
const leastPrecision = 1e-3;

function compared(
  kind: 'agreement' | 'identity',
  question: Question & { readonly of: readonly Comparison[] },
): Check {
  const { of, resolution = [] } = question;
  const units = of.map(({ difference, uncertainty }) =>
    difference === 0 ? 0 : difference / uncertainty,
  );
  const coarsest = of.reduce(
    (most, { uncertainty, scale }) => larger(most, uncertainty / scale),
    0,
  );
  return judged(
    kind,
    'at-most',
    {
      ...question,
      measured: units.reduce(larger, 0),
      resolution: [
        ...resolution,
        {
          name: 'what is compared is known to a thousandth of its size',
          holds: of.length > 0 && coarsest <= leastPrecision,
          value: of.length === 0 ? 'nothing to compare' : coarsest,
        },
      ],
    },
    1,
  );
}

/**
 * A statement of probability at least `level`, tried `trials` times: by the Clopper–Pearson interval of the share that was
 * covered. Fails if the interval lies below the level; undecided if it reaches down to a rival (default: three times as
 * many misses as allowed), so that too few trials decide nothing.
 */
export function coverage(
  question: Question & {
    readonly covered: number;
    readonly trials: number;
    readonly level: number;
    readonly rival?: number;
  },
): Check {
  const { covered, trials, level, rival = 1 - 3 * (1 - level) } = question;
  const interval = binomialInterval(covered, trials);
  const check = judged(
    'coverage',
    'at-least',
    {
      ...question,
      measured: covered / trials,
      interval: [interval[1], interval[1]],
      intervalFrom: 'sample',
    },
    level,
  );
  const told = { ...check, interval, rivals: [rival] };
  return check.outcome === 'holds' && interval[0] <= rival
    ? {
        ...told,
        outcome: 'undecided',
        reason: `the interval does not exclude a coverage of ${rival}`,
      }
    : told;
}

/** A bound that was computed independently of the solver that it judges: at most `expected`. */
export function certificate(
  question: Question & Measurement & { readonly expected: number },
): Check {
  return judged('certificate', 'at-most', question, question.expected);
}

/**
 * A statement about each of several instances, by the weakest of its checks: the first that fails, else the first that is
 * undecided, else the one with the widest interval.
 */
export function weakest(checks: readonly Check[]): Check {
  const width = ({ interval, bias }: Check) =>
    2 * bias + (interval === null ? 0 : interval[1] - interval[0]);
  return (
    checks.find(({ outcome }) => outcome === 'fails') ??
    checks.find(({ outcome }) => outcome === 'undecided') ??
    checks.reduce((weak, check) => (width(check) > width(weak) ? check : weak))
  );
}

/** The confidence of each of `count` intervals whose joint level is 95 % (Bonferroni). */
export function jointConfidence(count: number): number {
  return 1 - 0.05 / count;
}

/** The confidence of an interval that contradicts what it misses. */
export const certain = 0.999;

/** Draws the outcome of a comparison; the kinds above and those of `order.ts` are its only callers. */
export function judged(
  kind: CheckKind,
  relation: Relation,
  question: Question & Measurement,
  expected: number,
  rivals: readonly number[] = [],
): Check {
  const { name, failsIf, measured, interval = null, bias = 0, resolution = [] } = question;
  const { contradiction = null } = question;
  const intervalFrom = interval === null ? null : (question.intervalFrom ?? 'sample');
  const [low, high] = interval ?? [measured, measured];
  const widened: Interval = [low - bias, high + bias];
  const unmet = resolution.find(({ holds }) => !holds);
  const { outcome, reason } =
    unmet !== undefined
      ? undecided(`not met: ${unmet.name} (${text(unmet.value)})`)
      : [measured, ...widened, expected].some(Number.isNaN)
        ? undecided('what was measured is not a number')
        : compareTwice(relation, widened, { contradiction, bias, intervalFrom }, expected, rivals);
  return {
    name,
    kind,
    measured,
    interval,
    intervalFrom,
    bias,
    expected,
    relation,
    rivals,
    failsIf,
    outcome,
    reason,
  };
}

type Judgement = Pick<Check, 'outcome' | 'reason'>;

/** Judges by the interval; what would fail must do so by the wider one too. */
function compareTwice(
  relation: Relation,
  interval: Interval,
  {
    contradiction: wider,
    bias,
    intervalFrom,
  }: {
    readonly contradiction: Interval | null;
    readonly bias: number;
    readonly intervalFrom: Check['intervalFrom'];
  },
  expected: number,
  rivals: readonly number[],
): Judgement {
  const judgement = outcomes[relation](interval, expected, rivals);
  if (judgement.outcome !== 'fails' || wider === null) return judgement;
  const sure = outcomes[relation]([wider[0] - bias, wider[1] + bias], expected, rivals);
  const doubt =
    intervalFrom === 'numerics'
      ? 'but not by so much that its error bound must be right'
      : 'but not beyond what chance may do once in a thousand';
  return sure.outcome === 'fails' ? judgement : undecided(`${judgement.reason}, ${doubt}`);
}

const holds: Judgement = { outcome: 'holds', reason: '' };
const fails = (reason: string): Judgement => ({ outcome: 'fails', reason });
const undecided = (reason: string): Judgement => ({ outcome: 'undecided', reason });

const outcomes: Readonly<
  Record<Relation, (of: Interval, expected: number, rivals: readonly number[]) => Judgement>
> = {
  value([low, high], expected, rivals) {
    if (expected < low || high < expected) return fails('the interval does not contain it');
    const rival = rivals.find((one) => low <= one && one <= high);
    return rival === undefined
      ? holds
      : undecided(`the interval contains ${text(rival)} as well as ${text(expected)}`);
  },
  'at-most'([low, high], expected) {
    if (low > expected) return fails('it is larger');
    return high > expected ? undecided('the interval reaches beyond it') : holds;
  },
  'at-least'([low, high], expected) {
    if (high < expected) return fails('it is smaller');
    return low < expected ? undecided('the interval reaches below it') : holds;
  },
  'not-slower'([low, high], expected, rivals) {
    if (low > expected) return fails('it is slower');
    const rival = rivals.find((one) => one <= high);
    return rival === undefined ? holds : undecided(`the interval reaches ${text(rival)}`);
  },
};

/** The larger of two numbers; NaN if either is. */
function larger(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b);
}

function text(value: number | string): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(3))) : value;
}
