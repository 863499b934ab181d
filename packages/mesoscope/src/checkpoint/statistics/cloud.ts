import { type Matrix, zeros } from '../../numeric/matrix.ts';
import type { RandomStream } from '../../numeric/random.ts';

/** Statistics of one cloud of tokens that need no weights. All are invariant under X → cX. */
export interface CloudStatistics {
  /** n. */
  readonly tokens: number;
  /** `max_i r_i / median r`, r_i = |x_i|. */
  readonly tokenRatio: number;
  /** `max_a Var_a / mean_a Var_a` over coordinates. */
  readonly channelRatio: number;
  /** `(Σ_a Var_a)²/Σ_a Var_a²`: in how many coordinates the cloud is spread. */
  readonly participation: number;
  /** `|m|²/(|m|² + tr Σ)`; 1/n for centred independent tokens. */
  readonly meanShare: number;
  /** The mean cosine of two different tokens, `(|Σ u_i|² − n)/(n(n − 1))`, u_i = x_i/|x_i|. */
  readonly anisotropy: number;
  /** `(tr Σ)²/tr Σ²`, at most n − 1. */
  readonly effectiveRank: number;
}

/** Tokens with `r_i > 3 median r`, whose norms would be all that is measured. The factor is a choice of this project. */
export const outlierFactor = 3;

export function outlierTokens(points: Matrix): number[] {
  const norms = rowNorms(points);
  const bound = outlierFactor * median(norms);
  return Array.from(norms.keys()).filter((i) => norms[i] > bound);
}

/** The cloud without some of its tokens. */
export function withoutTokens(points: Matrix, left: readonly number[]): Matrix {
  if (left.length === 0) return points;
  const { columns: d, data } = points;
  const kept = Array.from({ length: points.rows }, (_, i) => i).filter((i) => !left.includes(i));
  const result = zeros(kept.length, d);
  for (const [row, i] of kept.entries()) {
    result.data.set(data.subarray(i * d, (i + 1) * d), row * d);
  }
  return result;
}

export function cloudStatistics(points: Matrix): CloudStatistics {
  const { rows: n, columns: d, data } = points;
  const norms = rowNorms(points);
  const { mean, centred } = centre(points);
  const variances = new Float64Array(d);
  const directions = new Float64Array(d);
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < d; a++) {
      variances[a] += centred.data[i * d + a] ** 2 / n;
      directions[a] += data[i * d + a] / norms[i];
    }
  }
  const trace = sum(variances);
  const squaredMean = sum(mean.map((x) => x * x));
  const squaredSum = sum(directions.map((x) => x * x));
  return {
    tokens: n,
    tokenRatio: norms.reduce((a, b) => Math.max(a, b), 0) / median(norms),
    channelRatio: variances.reduce((a, b) => Math.max(a, b), 0) / (trace / d),
    participation: trace ** 2 / sum(variances.map((x) => x * x)),
    meanShare: squaredMean / (squaredMean + trace),
    anisotropy: (squaredSum - n) / (n * (n - 1)),
    effectiveRank: trace ** 2 / squaredGram(centred),
  };
}

/** Tokens of a Gaussian law with the mean and covariance of a cloud of n: `m + G C/√n`, G of count × n standard normals. */
export function gaussianTwin(points: Matrix, random: RandomStream, count = points.rows): Matrix {
  const { rows: n, columns: d } = points;
  const { mean, centred } = centre(points);
  const normals = random.normals(new Float64Array(count * n));
  const twin = zeros(count, d);
  for (let i = 0; i < count; i++) {
    const row = twin.data.subarray(i * d, (i + 1) * d);
    row.set(mean);
    for (let j = 0; j < n; j++) {
      const weight = normals[i * n + j] / Math.sqrt(n);
      for (let a = 0; a < d; a++) row[a] += weight * centred.data[j * d + a];
    }
  }
  return twin;
}

/** tr Σ. */
export function spread(points: Matrix): number {
  const { data } = centre(points).centred;
  return data.reduce((sum, x) => sum + x * x, 0) / points.rows;
}

export function centre(points: Matrix): { readonly mean: Float64Array; readonly centred: Matrix } {
  const { rows: n, columns: d, data } = points;
  const mean = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let a = 0; a < d; a++) mean[a] += data[i * d + a] / n;
  return { mean, centred: { rows: n, columns: d, data: data.map((x, k) => x - mean[k % d]) } };
}

/** `tr Σ²` from the centred tokens, by the Gram matrix of tokens or of coordinates, whichever is smaller. */
function squaredGram({ rows: n, columns: d, data }: Matrix): number {
  const byTokens = n <= d;
  const size = byTokens ? n : d;
  let total = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let product = 0;
      if (byTokens) for (let a = 0; a < d; a++) product += data[i * d + a] * data[j * d + a];
      else for (let t = 0; t < n; t++) product += data[t * d + i] * data[t * d + j];
      total += (i === j ? 1 : 2) * (product / n) ** 2;
    }
  }
  return total;
}

export function rowNorms({ rows, columns: d, data }: Matrix): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => {
    let square = 0;
    for (let a = 0; a < d; a++) square += data[i * d + a] ** 2;
    return Math.sqrt(square);
  });
}

export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function sum(values: Float64Array): number {
  return values.reduce((total, x) => total + x, 0);
}
