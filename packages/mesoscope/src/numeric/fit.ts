import { MesoscopeError } from '../errors.ts';
import { requireFinite } from './checks.ts';
import { betaQuantile, requireProbability, studentQuantile } from './distributions.ts';

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
  if (y.length !== n || n < 2) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'y',
      received: [y.length],
      expected: [n < 2 ? 'at least 2 points' : n],
    });
  }
  requireFinite('x', x);
  requireFinite('y', y);
  const meanX = mean(x);
  const meanY = mean(y);
  let sxx = 0;
  let sxy = 0;
  for (let i = 0; i < n; i++) {
    sxx += (x[i] - meanX) ** 2;
    sxy += (x[i] - meanX) * (y[i] - meanY);
  }
  if (sxx === 0) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'x',
      received: x[0],
      expected: 'at least two different values',
    });
  }
  const slope = sxy / sxx;
  const intercept = meanY - slope * meanX;
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
  for (let i = 0; i < n; i++) residuals += (y[i] - meanY - slope * (x[i] - meanX)) ** 2;
  const residualDeviation = Math.sqrt(residuals / (n - 2));
  const t = studentQuantile(0.5 + 0.5 * confidence, n - 2);
  const slopeRadius = (t * residualDeviation) / Math.sqrt(sxx);
  const interceptRadius = t * residualDeviation * Math.sqrt(1 / n + meanX ** 2 / sxx);
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
  if (n === 0) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'values',
      received: [0],
      expected: ['at least 1'],
    });
  }
  requireFinite('values', values);
  const average = mean(values);
  if (n === 1) return { mean: average, deviation: 0, interval: null };
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i] - average) ** 2;
  const deviation = Math.sqrt(squares / (n - 1));
  const radius = (studentQuantile(0.5 + 0.5 * confidence, n - 1) * deviation) / Math.sqrt(n);
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
  if (data.y.length === 0) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'y',
      received: [0],
      expected: ['at least 1 seed', data.x.length],
    });
  }
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
  if (!Number.isInteger(trials) || trials < 1) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'trials',
      received: trials,
      expected: 'an integer ≥ 1',
    });
  }
  if (!Number.isInteger(successes) || successes < 0 || successes > trials) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'successes',
      received: successes,
      expected: `an integer from 0 to ${trials}`,
    });
  }
  const tail = 0.5 - 0.5 * confidence;
  return [
    successes === 0 ? 0 : betaQuantile(tail, successes, trials - successes + 1),
    successes === trials ? 1 : betaQuantile(1 - tail, successes + 1, trials - successes),
  ];
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

function logarithms(path: string, values: ArrayLike<number>): Float64Array {
  requireFinite(path, values);
  return Float64Array.from(values, (value, i) => {
    if (!(value > 0)) {
      throw new MesoscopeError({
        code: 'invalid-value',
        path: `${path}[${i}]`,
        received: value,
        expected: 'a number > 0, to take its logarithm',
        wayOut: 'Leave out scales at which the quantity is exactly zero or below rounding.',
      });
    }
    return Math.log(value);
  });
}
