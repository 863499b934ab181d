import { mardiaTest } from '../../law/distance/mardia.ts';
import {
  gaussianCost,
  normalStretches,
  particlePieces,
} from '../../law/distance/quantile-pieces.ts';
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

/**
 * Measures a cloud of n tokens in R^d, where d may exceed n. All distances are taken along random directions: a sample of the null,
 * with the covariance of the cloud, is a Gaussian combination of its centred tokens.
 */
export function measureCloud(
  { layer, points, tilt }: TokenCloud,
  { directions = 64, repetitions = 19, mardiaDirections = 4, seed = 0 }: CloudMeasureOptions = {},
): CloudMeasures {
  const [n, d] = [points.rows, points.columns];
  const mean = columnMeans(points);
  const centred = zeros(n, d);
  for (let k = 0; k < points.data.length; k++) centred.data[k] = points.data[k] - mean[k % d];
  const trace = squares(centred) / n;
  const gram =
    n <= d ? multiply(centred, transpose(centred)) : multiply(transpose(centred), centred);
  const stream = randomStream(seed, 'directions of a cloud');
  const projected = multiply(centred, unitColumns(stream, d, d === 1 ? 1 : directions));
  const unit = Math.sqrt(trace / d);
  const nulls = Float64Array.from({ length: repetitions }, (_, k) => {
    const normals = randomStream(seed, 'null of a cloud', k).normals(new Float64Array(n * n));
    const sample = multiply({ rows: n, columns: n, data: normals }, projected);
    return slicedToMatched(scale(1 / Math.sqrt(n), sample)) / unit;
  }).sort();
  const few = Math.min(d, mardiaDirections);
  const mardia = mardiaTest(multiply(centred, unitColumns(stream, d, few)));
  return {
    layer,
    mean: Math.hypot(...mean),
    trace,
    effectiveRank: (n * trace) ** 2 / squares(gram),
    sliced: slicedToMatched(projected) / unit,
    nullMean: nulls.reduce((sum, value) => sum + value, 0) / repetitions,
    nullHigh: nulls[Math.min(repetitions - 1, Math.ceil(0.95 * (repetitions + 1)) - 1)],
    skewness: mardia.skewness.pValue,
    kurtosis: mardia.kurtosis.pValue,
    tiltRatio: tilt === null ? null : tilt / Math.sqrt(2 * Math.log(n)),
  };
}

/** Root mean square over columns of W2 between the column and the Gaussian with its moments. */
function slicedToMatched(projected: Matrix): number {
  const { rows: n, columns, data } = projected;
  const weights = new Float64Array(n).fill(1 / n);
  const stretches = normalStretches(weights);
  let sum = 0;
  for (let k = 0; k < columns; k++) {
    const values = Float64Array.from({ length: n }, (_, i) => data[i * columns + k]);
    const mean = values.reduce((total, value) => total + value, 0) / n;
    const variance = values.reduce((total, value) => total + (value - mean) ** 2, 0) / n;
    sum += gaussianCost(particlePieces(values, weights), stretches, mean, Math.sqrt(variance));
  }
  return Math.sqrt(sum / columns);
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
