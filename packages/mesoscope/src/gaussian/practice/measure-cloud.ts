import type { Backend } from '../../kernels/backend.ts';
import { kernelProduct } from '../../kernels/matrix-product.ts';
import { mardiaTest } from '../../law/distance/mardia.ts';
import { gaussianCost, normalStretches } from '../../law/distance/quantile-pieces.ts';
import { qrDecomposition } from '../../numeric/decompositions.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { type Matrix, multiply, scale, transpose, zeros } from '../../numeric/matrix.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import type { TokenCloud } from './token-cloud.ts';

/** How Gaussian a cloud is. */
export interface CloudMeasures {
  readonly layer: number;
  /** |m|. */
  readonly mean: number;
  /** tr Σ. */
  readonly trace: number;
  /** `(tr Σ)²/tr Σ²`: in how many directions the cloud is spread. */
  readonly effectiveRank: number;
  /** Sliced W2 to the Gaussian with the cloud's moments, over √(trΣ/d). */
  readonly sliced: number;
  /** The same for Gaussian samples of the cloud's size and covariance: mean and 95 % quantile. */
  readonly nullMean: number;
  readonly nullHigh: number;
  /**
   * The same along the coordinate axes: `√(Σ_a W2(x_a, N)²/trΣ)`, at most `W2/√trΣ`. Random directions mix many coordinates, and are
   * Gaussian by the central limit theorem whatever these are.
   */
  readonly coordinates: number;
  readonly coordinatesNull: number;
  /** Deviation of `sliced` and `coordinates` over samples of the null, the larger. */
  readonly nullDeviation: number;
  /**
   * How far the variance of |x − m|² is from 2 tr Σ², what a Gaussian law has, in standard deviations: a test of kurtosis as Mardia's,
   * whatever basis the tokens are written in, for any n and d. See `normTest`.
   */
  readonly normDeviations: number;
  /** p-values of Mardia's statistics of the cloud in a few random directions. */
  readonly skewness: number;
  readonly kurtosis: number;
  /** `σ/√(2 ln n)` of the layer that comes next, null after the last. */
  readonly tiltRatio: number | null;
}

export interface CloudMeasureOptions {
  /** Of sliced W2; default 64. */
  readonly directions?: number;
  /** Samples of the null; default 19. */
  readonly repetitions?: number;
  /** Directions of Mardia's test, for clouds of more dimensions than tokens; default 4. */
  readonly mardiaDirections?: number;
  readonly seed?: number;
}

/** Measures clouds of one shape. */
export interface CloudMeter {
  readonly tokens: number;
  readonly dimension: number;
  measure(cloud: TokenCloud): CloudMeasures;
}

/**
 * Measures clouds of n tokens in R^d, where d may exceed n. A sample of the null is Gaussian with the cloud's covariance. Directions
 * and the normals behind the null are drawn once, so that layers are compared along the same ones.
 *
 * The meter's memory lives in the scope of the backend in which it was made.
 */
export function createCloudMeter(
  backend: Backend,
  { rows: n, columns: d }: Pick<Matrix, 'rows' | 'columns'>,
  { directions = 64, repetitions = 19, mardiaDirections = 4, seed = 0 }: CloudMeasureOptions = {},
): CloudMeter {
  const stream = randomStream(seed, 'directions of a cloud');
  const axes = unitColumns(stream, d, d === 1 ? 1 : directions);
  const few = unitColumns(stream, d, Math.min(d, mardiaDirections));
  const rank = Math.min(n, d);
  const sampler = kernelProduct(backend, { rows: repetitions * n, inner: rank, columns: d });
  for (let k = 0; k < repetitions; k++) {
    const normals = randomStream(seed, 'null of a cloud', k).normals(new Float64Array(n * rank));
    sampler.left.set(normals, k * n * rank);
  }
  const projector = kernelProduct(backend, { rows: n, inner: d, columns: axes.columns });
  const grams = kernelProduct(backend, { rows: rank, inner: Math.max(n, d), columns: rank });
  const distance = slicedToMatched(n);

  function statistics(centred: Matrix, trace: number) {
    const unit = Math.sqrt(trace / d);
    const projected = projector.multiply(axes, centred.data);
    return { sliced: distance(projected) / unit, coordinates: distance(centred) / unit };
  }

  return {
    tokens: n,
    dimension: d,
    measure({ layer, points, tilt }) {
      const { mean, centred } = centre(points);
      const trace = squares(centred) / n;
      const turned = transpose(centred);
      const [long, wide] = n <= d ? [centred, turned] : [turned, centred];
      const root = scale(1 / Math.sqrt(n), n <= d ? centred : qrDecomposition(centred).R);
      const samples = sampler.multiply(root);
      const nulls = Array.from({ length: repetitions }, (_, k) => {
        const data = samples.data.subarray(k * n * d, (k + 1) * n * d);
        return statistics(centre({ rows: n, columns: d, data }).centred, trace);
      });
      const own = statistics(centred, trace);
      const of = (name: keyof typeof own) => meanInterval(nulls.map((one) => one[name]));
      const [sliced, coordinates] = [of('sliced'), of('coordinates')];
      const gram = squares(grams.multiply(wide, long.data));
      const mardia = mardiaTest(multiply(centred, few));
      return {
        layer,
        mean: Math.hypot(...mean),
        trace,
        effectiveRank: (n * trace) ** 2 / gram,
        sliced: own.sliced,
        nullMean: sliced.mean,
        nullHigh: upperLevel(nulls.map((one) => one.sliced)),
        coordinates: own.coordinates,
        coordinatesNull: coordinates.mean,
        nullDeviation: Math.max(sliced.deviation, coordinates.deviation),
        normDeviations: normTest(squaredNorms(centred), gram),
        skewness: mardia.skewness.pValue,
        kurtosis: mardia.kurtosis.pValue,
        tiltRatio: tilt === null ? null : tilt / Math.sqrt(2 * Math.log(n)),
      };
    },
  };
}

/** How far a cloud is from the Gaussian with its moments, along random directions alone. */
export type SlicedMeasures = Pick<CloudMeasures, 'sliced' | 'nullMean' | 'nullHigh'>;

/**
 * What {@link createCloudMeter} measures along random directions, and nothing else, in f64: a sample of the null is projected before it
 * is drawn, `G (C A)` for `(G C) A`.
 *
 * @param points - n × d
 */
export function slicedDistance(
  points: Matrix,
  { directions = 64, repetitions = 19, seed = 0 }: CloudMeasureOptions = {},
): SlicedMeasures {
  const { rows: n, columns: d } = points;
  const axes = unitColumns(
    randomStream(seed, 'directions of a cloud'),
    d,
    d === 1 ? 1 : directions,
  );
  const { centred } = centre(points);
  const unit = Math.sqrt(squares(centred) / n / d);
  const distance = slicedToMatched(n);
  const projected = multiply(centred, axes);
  const root = n <= d ? projected : multiply(qrDecomposition(centred).R, axes);
  const rootOnAxes = scale(1 / Math.sqrt(n), root);
  const rank = root.rows;
  const nulls = Array.from({ length: repetitions }, (_, k) => {
    const data = randomStream(seed, 'null of a cloud', k).normals(new Float64Array(n * rank));
    return distance(multiply({ rows: n, columns: rank, data }, rootOnAxes)) / unit;
  });
  return {
    sliced: distance(projected) / unit,
    nullMean: meanInterval(nulls).mean,
    nullHigh: upperLevel(nulls),
  };
}

/** The 95 % quantile of samples of the null: the level which one more of them exceeds once in twenty. */
function upperLevel(nulls: readonly number[]): number {
  const sorted = [...nulls].sort((a, b) => a - b);
  const last = sorted.length - 1;
  return sorted[Math.min(last, Math.ceil(0.95 * (sorted.length + 1)) - 1)];
}

/** Whether all tokens coincide, up to rounding: then there is nothing to measure. */
export function isOnePoint({ columns, data }: Matrix): boolean {
  const size = data.reduce((largest, entry) => Math.max(largest, Math.abs(entry)), 0);
  return data.every(
    (entry, k) => Math.abs(entry - data[k % columns]) <= 64 * Number.EPSILON * size,
  );
}

/**
 * By how much the distances of a cloud exceed those of a Gaussian sample, the larger of the one along random directions and of the one
 * along coordinates, in units of √(trΣ/d).
 */
export function excessDistance(one: CloudMeasures): number {
  return Math.max(one.sliced - one.nullMean, one.coordinates - one.coordinatesNull);
}

/** What is seen of clouds, by name, one number for each. */
export function measuresByName(all: readonly CloudMeasures[]) {
  const column = (of: (one: CloudMeasures) => number) => all.map(of);
  return {
    layer: column((one) => one.layer),
    mean: column((one) => one.mean),
    trace: column((one) => one.trace),
    effectiveRank: column((one) => one.effectiveRank),
    'slicedDistance.value': column((one) => one.sliced),
    'slicedDistance.null': column((one) => one.nullMean),
    'slicedDistance.null95': column((one) => one.nullHigh),
    'coordinateDistance.value': column((one) => one.coordinates),
    'coordinateDistance.null': column((one) => one.coordinatesNull),
    'norms.deviations': column((one) => one.normDeviations),
    'mardia.skewness.pValue': column((one) => one.skewness),
    'mardia.kurtosis.pValue': column((one) => one.kurtosis),
  };
}

function centre(points: Matrix): { readonly mean: Float64Array; readonly centred: Matrix } {
  const mean = columnMeans(points);
  const data = points.data.map((entry, k) => entry - mean[k % points.columns]);
  return { mean, centred: { ...points, data } };
}

function squaredNorms({ rows, columns, data }: Matrix): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => {
    let sum = 0;
    for (let a = 0; a < columns; a++) sum += data[i * columns + a] ** 2;
    return sum;
  });
}

/**
 * `(R − 1)/√((2 + 12/r)/n)`, `R = Var|x − m|²/(2 tr Σ²)`, r the effective rank: standard normal for large Gaussian samples, whose |x − m|² is
 * a sum of r squares of about the same size, so that its kurtosis is 3 + 12/r. For tr Σ² stands its unbiased estimate
 * `ν²/((ν − 1)(ν + 2)) (tr S² − (tr S)²/ν)`, ν = n − 1: tr S² alone is too large by (tr Σ)²/ν, which in high dimension is most of it.
 *
 * @param norms - |x_i − m|²
 * @param gram - the squared norm of the Gram matrix of the centred tokens, ν² tr S²
 */
function normTest(norms: Float64Array, gram: number): number {
  const n = norms.length;
  const nu = n - 1;
  const { mean, deviation } = meanInterval(norms);
  const traceOfS = (n * mean) / nu;
  const squared = (nu ** 2 / ((nu - 1) * (nu + 2))) * (gram / nu ** 2 - traceOfS ** 2 / nu);
  // Few tokens in a single direction: the estimate may fall to 0, and nothing is known.
  if (!(squared > 0)) return 0;
  const rank = traceOfS ** 2 / squared;
  return (deviation ** 2 / (2 * squared) - 1) / Math.sqrt((2 + 12 / rank) / n);
}

/** Root mean square over columns of W2 between a column of n numbers and the Gaussian with its moments. */
function slicedToMatched(n: number): (projected: Matrix) => number {
  const weights = new Float64Array(n).fill(1 / n);
  const stretches = normalStretches(weights);
  const values = new Float64Array(n);
  return ({ columns, data }) => {
    let sum = 0;
    for (let k = 0; k < columns; k++) {
      for (let i = 0; i < n; i++) values[i] = data[i * columns + k];
      const mean = values.reduce((total, value) => total + value, 0) / n;
      const variance = values.reduce((total, value) => total + (value - mean) ** 2, 0) / n;
      values.sort();
      const pieces = { mass: weights, low: values, high: values };
      sum += gaussianCost(pieces, stretches, mean, Math.sqrt(variance));
    }
    return Math.sqrt(sum / columns);
  };
}

function columnMeans({ rows: n, columns: d, data }: Matrix): Float64Array {
  const mean = new Float64Array(d);
  data.forEach((entry, k) => {
    mean[k % d] += entry / n;
  });
  return mean;
}

function squares({ data }: Matrix): number {
  let sum = 0;
  for (const entry of data) sum += entry * entry;
  return sum;
}

/** d × count, columns uniform on the sphere. */
function unitColumns(stream: RandomStream, d: number, count: number): Matrix {
  const result = zeros(d, count);
  for (let k = 0; k < count; k++) {
    const direction = stream.normals(new Float64Array(d));
    const norm = Math.hypot(...direction);
    for (let a = 0; a < d; a++) result.data[a * count + k] = direction[a] / norm;
  }
  return result;
}
