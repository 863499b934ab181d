import type { HeadExperiment } from './experiment.ts';
import { headFlow } from './flow.ts';
import { descend } from './growth.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import { type DecayingRisk, linearDecay, timeToFall } from './linear-decay.ts';
import { fitLojasiewicz, type LojasiewiczFit } from './lojasiewicz.ts';
import { headDistance } from './matching.ts';
import type { HeadProblem } from './problem.ts';
import { roundingOfRisk } from './rounding.ts';

/** Excess risks, as fractions of the first, at which the decay is judged, from far to near the limit. */
export const levels = { early: 1e-5, linear: 1e-6, late: 1e-8, end: 1e-11 } as const;
type Level = keyof typeof levels;

/** Step of the integration: the scheme of order 4 changes a rate μ by the fraction (μ step)⁴/120. */
const step = 0.5;

/** Slope at which the flow counts as at rest: its distance from the limit is this over μ, and must not show in what is measured. */
const atRest = 1e-12;

/** Parameters of all heads together, up to which the spectrum at the limit is computed. */
export const largestSpectrum = 600;

/** A flow followed to its limit. */
export interface LongRun {
  readonly times: number[];
  readonly excess: number[];
  readonly slopes: number[];
  /** W_2 to the limit of the flow. */
  readonly distances: number[];
  /** R_∞. */
  readonly limit: number;
  /** What rounding leaves open in the difference of two risks near the limit. */
  readonly rounding: number;
  readonly largestHead: number;
  /** Whether no head rests on the boundary of the ball, where the spectrum inside says nothing. */
  readonly inside: boolean;
  /** What the limit's spectrum says; undefined if the run was too short, or too large. */
  readonly decay: Decay | undefined;
}

/** The end of a run against the flow that is linearised at its limit. */
export interface Decay {
  readonly comparison: Comparison;
  /** Smallest eigenvalue other than 0 at the limit. */
  readonly slowest: number;
  /** What the linearised flow predicts of R − R_∞ after the level `late`, one number for each time from `from` on. */
  readonly predicted: number[];
  readonly from: number;
  /** What terms beyond the linear ones, the rounding of risks and the integration leave open in each number. */
  readonly uncertainty: {
    readonly ratio: number;
    readonly exponent: number;
    readonly quotient: number;
  };
}

/** Numbers of a run, each near what the linearised flow says. */
interface Comparison {
  /** Predicted over measured time from the level `late` to the end. */
  readonly ratio: number;
  /** The same from the level `linear`: terms beyond the linear ones, of the order of √(R − R_∞), are ten times as large there. */
  readonly earlierRatio: number;
  /** Łojasiewicz fit over the last three decades, and over the three before. */
  readonly late: LojasiewiczFit;
  readonly early: LojasiewiczFit;
  /**
   * The exponent that the linearised flow shows over the last three decades: above ½ while several modes are left; NaN at a saddle,
   * from which it would run away.
   */
  readonly lateExponent: number;
  /** Exponent minus that of the linearised flow, over the three and over the two decades before the last three. */
  readonly earlierDifferences: readonly [number, number];
  /** Least `slope²/(R − R_∞)` over twice the slowest eigenvalue, from the level `late` and from `linear`: at least 1 in the limit. */
  readonly leastQuotient: number;
  readonly earlierQuotient: number;
}

/** Runs the flow until it rests, or for the given number of steps. */
export function longRun({ problem, law }: HeadExperiment, steps: number): LongRun {
  const isSmall = law.parameters.length <= largestSpectrum;
  const laws: Float64Array[] = [];
  const path: { time: number; risk: number; slope: number }[] = [];
  let last = law;
  for (const { time, risk, slopeSquare, law: now } of headFlow(problem, law, {
    step,
    steps,
    scheme: 'rk4',
  })) {
    path.push({ time, risk, slope: Math.sqrt(slopeSquare) });
    if (isSmall || path.length % 50 === 1) laws.push(now.parameters.slice());
    last = now;
    if (slopeSquare < atRest * atRest) break;
  }
  const end = descend(problem, headLaw(law.shape, last.parameters.slice(), law.weights), 500);
  const limit = problem.risk(end).risk;
  const largest = largestNorm(end.parameters, law.count);
  const excess = path.map(({ risk }) => risk - limit);
  const run = {
    times: path.map(({ time }) => time),
    excess,
    slopes: path.map(({ slope }) => slope),
    distances: laws
      .filter((_, k) => !isSmall || k % 50 === 0)
      .map((parameters) => headDistance(headLaw(law.shape, parameters, law.weights), end)),
    limit,
    rounding: roundingOfRisk(problem, end),
    largestHead: largest,
    inside: largest < 0.999 * problem.radius,
  };
  return { ...run, decay: isSmall ? decayOf(problem, run, laws, end) : undefined };
}

function decayOf(
  problem: HeadProblem,
  { times, excess, slopes, rounding }: Omit<LongRun, 'decay'>,
  laws: readonly Float64Array[],
  end: HeadLaw,
): Decay | undefined {
  const at = (level: Level) => excess.findIndex((value) => value <= levels[level] * excess[0]);
  const [early, linear, late, until] = (['early', 'linear', 'late', 'end'] as const).map(at);
  if (early < 0 || until < 0 || until - late < 8 || late - early < 8) return undefined;
  const linearised = linearDecay(problem, end);
  const [slowest] = linearised.rates;
  const predictionFrom = (k: number) => linearised.after(headLaw(end.shape, laws[k], end.weights));
  const predictions = {
    early: predictionFrom(early),
    linear: predictionFrom(linear),
    late: predictionFrom(late),
  };
  const exponentOf = ({ excess, slope }: DecayingRisk, start: number, from: number, to: number) => {
    if (slowest <= 0) return Number.NaN;
    const after = times.slice(from, to).map((t) => t - times[start]);
    return fitLojasiewicz(after.map(excess), after.map(slope)).exponent;
  };
  const lateExponent = exponentOf(predictions.late, late, late, until);
  const earlyExponent = exponentOf(predictions.early, early, early, late);
  const linearExponent = exponentOf(predictions.linear, linear, linear, late);
  /** With all risks raised by `shift` over the limit. */
  const compare = (shift: number): Comparison => {
    const over = excess.map((value) => value + shift);
    const fit = (from: number, to: number) =>
      fitLojasiewicz(over.slice(from, to), slopes.slice(from, to));
    const ratio = ({ excess }: DecayingRisk, from: number) =>
      timeToFall(excess, over[until]) / (times[until] - times[from]);
    const quotient = (from: number) =>
      Math.min(...over.slice(from, until).map((value, k) => slopes[from + k] ** 2 / value)) /
      (2 * slowest);
    return {
      ratio: ratio(predictions.late, late),
      earlierRatio: ratio(predictions.linear, linear),
      late: fit(late, until),
      early: fit(early, late),
      lateExponent,
      earlierDifferences: [
        fit(early, late).exponent - earlyExponent,
        fit(linear, late).exponent - linearExponent,
      ],
      leastQuotient: quotient(late),
      earlierQuotient: quotient(linear),
    };
  };
  const [comparison, shifted] = [compare(0), compare(rounding)];
  const change = (of: (c: Comparison) => number) => Math.abs(of(shifted) - of(comparison));
  return {
    comparison,
    slowest,
    predicted: times.slice(late).map((t) => predictions.late.excess(t - times[late])),
    from: late,
    uncertainty: {
      ratio:
        Math.abs(comparison.ratio - comparison.earlierRatio) +
        change(({ ratio }) => ratio) +
        (slowest * step) ** 4 / 120,
      exponent:
        Math.max(...comparison.earlierDifferences.map(Math.abs)) +
        change(({ late }) => late.exponent),
      quotient:
        comparison.leastQuotient -
        comparison.earlierQuotient +
        change(({ leastQuotient }) => leastQuotient),
    },
  };
}

function largestNorm(parameters: Float64Array, count: number): number {
  const P = parameters.length / count;
  let largest = 0;
  for (let i = 0; i < count; i++) {
    largest = Math.max(largest, Math.hypot(...parameters.subarray(i * P, (i + 1) * P)));
  }
  return largest;
}
