import { requireCount, requireFinite, requireShape, requireThat, shapeMismatch } from './checks.ts';
import {
  betaQuantile,
  betaUpperQuantile,
  requireProbability,
  studentQuantile,
} from './distributions.ts';
import { largestMagnitude } from './vector.ts';

/** Low and high end of a confidence interval. */
export type Interval = readonly [low: number, high: number];

export interface IntervalOptions {
  /** Probability with which such intervals contain the true value; default 0.95. */
  readonly confidence?: number;
}

export interface LineFit {
  readonly slope: number;
  readonly intercept: number;
  /** Student-t interval from the residuals; null with two points, where no residual is left to judge by. */
  readonly slopeInterval: Interval | null;
  readonly interceptInterval: Interval | null;
  /** `√(Σ residual² / (n − 2))`, 0 with two points. */
  readonly residualDeviation: number;
}

/**
 * Least-squares line `y ≈ intercept + slope·x` with Student-t intervals (Draper & Smith, Applied Regression
 * Analysis, ch. 1): exact coverage for independent normal errors of equal variance.
 *
 * @throws MesoscopeError `shape-mismatch` if lengths differ or there are fewer than two points, `not-finite`,
 *   `invalid-value` if all x coincide
 */
export function fitLine(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  { confidence = 0.95 }: IntervalOptions = {},
): LineFit {
  requireProbability(confidence, 'confidence');
  const n = x.length;
  if (n < 2) throw shapeMismatch('x', [n], ['at least 2 points']);
  requireShape('y', [y.length], [n]);
  const across = centred('x', x);
  const up = centred('y', y);
  requireThat(across.unit > 0, 'x', x[0], 'at least two different values');
  let sxx = 0;
  let sxy = 0;
  for (let i = 0; i < n; i++) {
    sxx += across.deviations[i] ** 2;
    sxy += across.deviations[i] * up.deviations[i];
  }
  // Of the deviations, each in its own unit.
  const relativeSlope = sxy / sxx;
  const slope = (relativeSlope * up.unit) / across.unit;
  const intercept = up.mean - slope * across.mean;
  if (n === 2) {
    return {
      slope,
      intercept,
      slopeInterval: null,
      interceptInterval: null,
      residualDeviation: 0,
    };
  }
  let residuals = 0;
  for (let i = 0; i < n; i++) {
    residuals += (up.deviations[i] - relativeSlope * across.deviations[i]) ** 2;
  }
  const residualDeviation = up.unit * Math.sqrt(residuals / (n - 2));
  const t = studentRadius(confidence, n - 2);
  const slopeRadius = (t * residualDeviation) / Math.sqrt(sxx) / across.unit;
  const lever = across.mean / across.unit;
  const interceptRadius = t * residualDeviation * Math.sqrt(1 / n + lever ** 2 / sxx);
  return {
    slope,
    intercept,
    slopeInterval: [slope - slopeRadius, slope + slopeRadius],
    interceptInterval: [intercept - interceptRadius, intercept + interceptRadius],
    residualDeviation,
  };
}

export interface MeanInterval {
  readonly mean: number;
  /** Sample standard deviation, divisor n − 1; 0 for one value. */
  readonly deviation: number;
  /** `mean ± t_{n−1} deviation/√n`; null for one value. */
  readonly interval: Interval | null;
}

/**
 * Mean of independent values with its Student-t interval.
 *
 * @throws MesoscopeError `shape-mismatch` without values, `not-finite`
 */
export function meanInterval(
  values: ArrayLike<number>,
  { confidence = 0.95 }: IntervalOptions = {},
): MeanInterval {
  requireProbability(confidence, 'confidence');
  const n = values.length;
  if (n === 0) throw shapeMismatch('values', [0], ['at least 1']);
  const { mean: average, deviations, unit } = centred('values', values);
  if (n === 1) return { mean: average, deviation: 0, interval: null };
  const deviation = unit * Math.sqrt(deviations.reduce((sum, x) => sum + x * x, 0) / (n - 1));
  const radius = (studentRadius(confidence, n - 1) * deviation) / Math.sqrt(n);
  return { mean: average, deviation, interval: [average - radius, average + radius] };
}

export interface RateData {
  /** The scales, > 0: layers, particles, step sizes. */
  readonly x: ArrayLike<number>;
  /** The measured quantity, > 0: one row of values over x for each seed. */
  readonly y: readonly ArrayLike<number>[];
}

export interface RateFit {
  /** Mean over seeds of the log–log slope: `y ≈ constant · x^slope`. */
  readonly slope: number;
  /** Student-t interval over seeds; for one seed from its residuals, null if it has two points only. */
  readonly interval: Interval | null;
  /** Geometric mean over seeds. */
  readonly constant: number;
  /** Slope of each seed. */
  readonly slopes: readonly number[];
}

/**
 * Rate of convergence: the log–log slope of each seed by least squares, and its mean with an interval over seeds.
 * Seeds must be independent; values of one seed may depend on each other.
 *
 * @throws MesoscopeError `invalid-value` where x or y is not positive, and the errors of {@link fitLine}
 */
export function fitRate(data: RateData, options: IntervalOptions = {}): RateFit {
  if (data.y.length === 0) throw shapeMismatch('y', [0], ['at least 1 seed', data.x.length]);
  const logX = logarithms('x', data.x);
  const fits = data.y.map((row, seed) => fitLine(logX, logarithms(`y[${seed}]`, row), options));
  const slopes = fits.map((fit) => fit.slope);
  const constant = Math.exp(mean(fits.map((fit) => fit.intercept)));
  if (fits.length === 1) {
    return { slope: slopes[0], interval: fits[0].slopeInterval, constant, slopes };
  }
  const { mean: slope, interval } = meanInterval(slopes, options);
  return { slope, interval, constant, slopes };
}

/**
 * Clopper–Pearson interval of a probability from `successes` of `trials`: covers with at least the stated
 * confidence, whatever the probability.
 *
 * @throws MesoscopeError `invalid-value` unless both are integers, 0 ≤ successes ≤ trials, trials ≥ 1
 */
export function binomialInterval(
  successes: number,
  trials: number,
  { confidence = 0.95 }: IntervalOptions = {},
): Interval {
  requireProbability(confidence, 'confidence');
  requireCount('trials', trials);
  const fits = Number.isInteger(successes) && successes >= 0 && successes <= trials;
  requireThat(fits, 'successes', successes, `an integer from 0 to ${trials}`);
  const tail = 0.5 - 0.5 * confidence;
  return [
    successes === 0 ? 0 : betaQuantile(tail, successes, trials - successes + 1),
    successes === trials ? 1 : betaUpperQuantile(tail, successes + 1, trials - successes),
  ];
}

/** The t with `P(|T| ≤ t) = confidence`: by the tail, which is exact where the confidence is near 1. */
function studentRadius(confidence: number, degrees: number): number {
  return -studentQuantile(0.5 - 0.5 * confidence, degrees);
}

/** Mean, and deviations from it in a unit in which the largest distance from the first value is 1; 0 if all are equal. */
function centred(path: string, values: ArrayLike<number>) {
  requireFinite(path, values);
  // Distances from the first value: no digits are lost where all values lie together, none are left where they are equal.
  const distances = Float64Array.from(values, (value) => value - values[0]);
  const unit = largestMagnitude(distances);
  const fits = unit < Number.POSITIVE_INFINITY;
  requireThat(fits, path, values[0], 'values whose differences do not overflow');
  if (unit === 0) return { mean: values[0], unit, deviations: distances };
  const relative = distances.map((distance) => distance / unit);
  const shift = mean(relative);
  return {
    mean: values[0] + unit * shift,
    unit,
    deviations: relative.map((distance) => distance - shift),
  };
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

function logarithms(path: string, values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values, (value, i) => {
    requireThat(
      value > 0 && value < Number.POSITIVE_INFINITY,
      `${path}[${i}]`,
      value,
      'a number > 0, to take its logarithm',
      'Leave out scales at which the quantity is exactly zero or below rounding.',
    );
    return Math.log(value);
  });
}
