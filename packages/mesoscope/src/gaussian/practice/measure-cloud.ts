import type { Backend } from '../../kernels/backend.ts';
import { kernelProduct } from '../../kernels/matrix-product.ts';
import { mardiaTest } from '../../law/distance/mardia.ts';
import { gaussianCost, normalStretches } from '../../law/distance/quantile-pieces.ts';
import { qrDecomposition } from '../../numeric/decompositions.ts';
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

/** Measures clouds of one shape. */
export interface CloudMeter {
  readonly tokens: number;
  readonly dimension: number;
  measure(cloud: TokenCloud): CloudMeasures;
}

/**
 * Measures clouds of n tokens in R^d, where d may exceed n. All distances are taken along random directions: a sample of the null is
 * Gaussian with the covariance of the cloud's projections. Directions and the normals behind the null are drawn once, so that layers
 * are compared along the same ones.
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
  const rank = Math.min(n, axes.columns);
  const sampler = kernelProduct(backend, {
    rows: repetitions * n,
    inner: rank,
    columns: axes.columns,
  });
  for (let k = 0; k < repetitions; k++) {
    const normals = randomStream(seed, 'null of a cloud', k).normals(new Float64Array(n * rank));
    sampler.left.set(normals, k * n * rank);
  }
  const projector = kernelProduct(backend, { rows: n, inner: d, columns: axes.columns });
  const small = Math.min(n, d);
  const grams = kernelProduct(backend, { rows: small, inner: Math.max(n, d), columns: small });
  const distance = slicedToMatched(n);

  return {
    tokens: n,
    dimension: d,
    measure({ layer, points, tilt }) {
      const mean = columnMeans(points);
      const centred = zeros(n, d);
      for (let k = 0; k < points.data.length; k++) centred.data[k] = points.data[k] - mean[k % d];
      const trace = squares(centred) / n;
      const unit = Math.sqrt(trace / d);
      const turned = transpose(centred);
      const [long, wide] = n <= d ? [centred, turned] : [turned, centred];
      const projected = projector.multiply(axes, centred.data);
      const root = scale(
        1 / Math.sqrt(n),
        n <= axes.columns ? projected : qrDecomposition(projected).R,
      );
      const samples = sampler.multiply(root);
      const nulls = Float64Array.from({ length: repetitions }, (_, k) => {
        const size = n * axes.columns;
        const data = samples.data.subarray(k * size, (k + 1) * size);
        return distance({ rows: n, columns: axes.columns, data }) / unit;
      }).sort();
      const mardia = mardiaTest(multiply(centred, few));
      return {
        layer,
        mean: Math.hypot(...mean),
        trace,
        effectiveRank: (n * trace) ** 2 / squares(grams.multiply(wide, long.data)),
        sliced: distance(projected) / unit,
        nullMean: nulls.reduce((sum, value) => sum + value, 0) / repetitions,
        nullHigh: nulls[Math.min(repetitions - 1, Math.ceil(0.95 * (repetitions + 1)) - 1)],
        skewness: mardia.skewness.pValue,
        kurtosis: mardia.kurtosis.pValue,
        tiltRatio: tilt === null ? null : tilt / Math.sqrt(2 * Math.log(n)),
      };
    },
  };
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
