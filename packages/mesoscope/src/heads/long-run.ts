import type { HeadExperiment } from './experiment.ts';
import { headFlow } from './flow.ts';
import { descend } from './growth.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import { linearDecay, timeToFall } from './linear-decay.ts';
import { fitLojasiewicz, type LojasiewiczFit } from './lojasiewicz.ts';
import { headDistance } from './matching.ts';
import type { HeadProblem } from './problem.ts';
import { roundingOfRisk } from './rounding.ts';
import { straying } from './straying.ts';

/** Excess risks, as fractions of the first, at which the decay is judged, from far to near the limit. */
export const levels = { early: 1e-5, late: 1e-8, end: 1e-11 } as const;

/** Time of a step of the integration. */
const step = 0.5;

/** Slope at which the flow counts as at rest: its distance from the limit is this over μ, and must not show in what is measured. */
const atRest = 1e-11;

/** Slope from which on the risk, above its limit by slope²/2μ, is the limit up to rounding. */
const settled = 1e-9;

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
  /** Time predicted from the level `late` to the end, over the measured one. */
  readonly ratio: number;
  /** Łojasiewicz fit over the last three decades, and over the three before. */
  readonly late: LojasiewiczFit;
  readonly early: LojasiewiczFit;
  /**
   * The exponent that the linearised flow shows over the last three decades: above ½ while several modes are left; NaN at a saddle,
   * from which it would run away.
   */
  readonly lateExponent: number;
  /** Least `slope²/(R − R_∞)` over twice the slowest eigenvalue, from the level `late` on: at least 1 in the limit. */
  readonly leastQuotient: number;
  /** Smallest eigenvalue other than 0 at the limit. */
  readonly slowest: number;
  /** What the linearised flow predicts of R − R_∞ after the level `late`, one number for each time from `from` on. */
  readonly predicted: number[];
  readonly from: number;
  /** What the nonlinear terms, the integration ({@link straying}) and the rounding of risks leave open in each number. */
  readonly uncertainty: {
    readonly ratio: number;
    readonly exponent: number;
    readonly quotient: number;
  };
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
  const settledRisks = path.filter(({ slope }) => slope < settled).map(({ risk }) => risk);
  const limits = [problem.risk(end).risk, ...settledRisks];
  const [lowest, highest] = [Math.min(...limits), Math.max(...limits)];
  const limit = (lowest + highest) / 2;
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
    rounding: Math.max(highest - lowest, roundingOfRisk(problem, end)),
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
  const at = (level: number) => excess.findIndex((value) => value <= level * excess[0]);
  const [early, late, until] = [levels.early, levels.late, levels.end].map(at);
  if (early < 0 || until < 0 || until - late < 8 || late - early < 8) return undefined;
  const spectrum = linearDecay(problem, end);
  const [slowest] = spectrum.rates;
  const linear = spectrum.after(headLaw(end.shape, laws[late], end.weights));
  const duration = times[until] - times[late];
  const timeRatio = (fallen: number) => timeToFall(linear.excess, fallen) / duration;
  const fit = (from: number, to: number, shift = 0) =>
    fitLojasiewicz(
      excess.slice(from, to).map((value) => value + shift),
      slopes.slice(from, to),
    );
  const quotient = (over: readonly number[], slopesThere: readonly number[]) =>
    Math.min(...over.map((value, k) => slopesThere[k] ** 2 / value)) / (2 * slowest);

  const window = { excess: excess.slice(late, until), slopes: slopes.slice(late, until) };
  const open = straying(problem, end, spectrum, laws.slice(late, until + 1), step);
  const openExcess = Array.from(open.excess, (bound) => bound + rounding);
  const lastOpen = openExcess[until - late];
  const ratio = timeRatio(excess[until]);
  const lateFit = fit(late, until);
  const leastQuotient = quotient(window.excess, window.slopes);
  const after = times.slice(late, until).map((t) => t - times[late]);
  return {
    ratio,
    late: lateFit,
    early: fit(early, late),
    leastQuotient,
    lateExponent:
      slowest > 0
        ? fitLojasiewicz(after.map(linear.excess), after.map(linear.slope)).exponent
        : Number.NaN,
    slowest,
    predicted: times.slice(late).map((t) => linear.excess(t - times[late])),
    from: late,
    uncertainty: {
      ratio: Math.max(
        timeRatio(excess[until] - lastOpen) - ratio,
        ratio - timeRatio(excess[until] + lastOpen),
      ),
      exponent: slopeError(
        window.excess.map(Math.log),
        window.excess.map((value, k) => openLogarithm(openExcess[k], value)),
        window.slopes.map((value, k) => openLogarithm(open.slope[k], value)),
        lateFit.exponent,
      ),
      quotient:
        leastQuotient -
        quotient(
          window.excess.map((value, k) => value + openExcess[k]),
          window.slopes.map((value, k) => Math.max(0, value - open.slope[k])),
        ),
    },
  };
}

/** What a number known to within `open` leaves open in its logarithm. */
function openLogarithm(open: number, value: number): number {
  return open < value ? -Math.log1p(-open / value) : Number.POSITIVE_INFINITY;
}

/** What errors of x and y leave open, to first order, in the slope of the line through the points: `Σ_k |x_k − x̄| (|δy_k| + |a δx_k|)/Σ_k (x_k − x̄)²`. */
function slopeError(
  x: readonly number[],
  δx: readonly number[],
  δy: readonly number[],
  slope: number,
): number {
  const mean = x.reduce((sum, entry) => sum + entry, 0) / x.length;
  const spread = x.reduce((sum, entry) => sum + (entry - mean) ** 2, 0);
  return x.reduce(
    (sum, entry, k) => sum + (Math.abs(entry - mean) / spread) * (δy[k] + Math.abs(slope) * δx[k]),
    0,
  );
}

function largestNorm(parameters: Float64Array, count: number): number {
  const P = parameters.length / count;
  let largest = 0;
  for (let i = 0; i < count; i++) {
    largest = Math.max(largest, Math.hypot(...parameters.subarray(i * P, (i + 1) * P)));
  }
  return largest;
}
