import { shapeMismatch } from '../../numeric/checks.ts';

/** Weighted points of R^d: M × d and M weights with sum 1; a point of weight 0 is moved by the others and seen by none. */
export interface PointCloud {
  readonly points: Float64Array;
  readonly weights: Float64Array;
}

/** The velocity of single tokens under a law: writes `f(x_i, m)` for all points x_i (M × d) into `out`. */
export interface TokenVelocity {
  readonly dimension: 1 | 2;
  write(points: Float64Array, law: PointCloud, out: Float64Array): void;
}

export interface AttentionVelocityOptions {
  readonly dimension: 1 | 2;
  /** B, d × d row-major: scores ⟨Bx, y⟩. */
  readonly B: ArrayLike<number>;
  /** V, d × d row-major. */
  readonly V: ArrayLike<number>;
  /** `W₂ tanh(W₁x + b₁)`, all row-major: m × d, m, d × m; default none. */
  readonly feedForward?: {
    readonly W1: ArrayLike<number>;
    readonly b1: ArrayLike<number>;
    readonly W2: ArrayLike<number>;
  };
  /** A given context; default the evolving law itself. */
  readonly context?: PointCloud;
}

/**
 * `f(x, m) = V ȳ_m(Bx) + W₂ tanh(W₁x + b₁)`, with `ȳ_m(ξ)` the mean of m tilted by `e^{⟨ξ,·⟩}`: one layer's velocity of a single
 * token, attending to the evolving law or to a given context.
 *
 * @throws MesoscopeError `shape-mismatch`
 */
export function attentionVelocity(options: AttentionVelocityOptions): TokenVelocity {
  const { dimension: d, B, V, feedForward, context } = options;
  for (const [path, matrix] of [
    ['B', B],
    ['V', V],
  ] as const) {
    if (matrix.length === d * d) continue;
    const [received, expected] = [[matrix.length], [d, d]];
    throw shapeMismatch(path, received, expected);
  }
  return {
    dimension: d,
    write(points, law, out) {
      const { points: keys, weights } = supportOf(context ?? law, d);
      const xi = new Float64Array(d);
      const mean = new Float64Array(d);
      for (let i = 0; i < points.length; i += d) {
        for (let a = 0; a < d; a++) {
          xi[a] = 0;
          for (let b = 0; b < d; b++) xi[a] += B[a * d + b] * points[i + b];
        }
        tilt(keys, weights, xi, mean);
        for (let a = 0; a < d; a++) {
          let sum = 0;
          for (let b = 0; b < d; b++) sum += V[a * d + b] * mean[b];
          out[i + a] = sum;
        }
        if (feedForward === undefined) continue;
        const { W1, b1, W2 } = feedForward;
        for (let h = 0; h < b1.length; h++) {
          let z = b1[h];
          for (let b = 0; b < d; b++) z += W1[h * d + b] * points[i + b];
          const activation = Math.tanh(z);
          for (let a = 0; a < d; a++) out[i + a] += W2[a * b1.length + h] * activation;
        }
      }
    },
  };
}

/** The points that have weight. */
function supportOf(cloud: PointCloud, d: number): PointCloud {
  const { points, weights } = cloud;
  const kept = weights.reduce((count, weight) => count + (weight > 0 ? 1 : 0), 0);
  if (kept === weights.length) return cloud;
  const support = { points: new Float64Array(kept * d), weights: new Float64Array(kept) };
  let next = 0;
  weights.forEach((weight, j) => {
    if (!(weight > 0)) return;
    for (let a = 0; a < d; a++) support.points[next * d + a] = points[j * d + a];
    support.weights[next++] = weight;
  });
  return support;
}

/** Writes the mean of a cloud tilted by `e^{⟨ξ,·⟩}`, with shifted exponents. */
function tilt(
  keys: Float64Array,
  weights: Float64Array,
  xi: Float64Array,
  mean: Float64Array,
): void {
  const d = xi.length;
  const score = (j: number) =>
    d === 1 ? xi[0] * keys[j] : xi[0] * keys[j * d] + xi[1] * keys[j * d + 1];
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < weights.length; j++) {
    largest = Math.max(largest, score(j));
  }
  mean.fill(0);
  let total = 0;
  for (let j = 0; j < weights.length; j++) {
    const weight = weights[j] * Math.exp(score(j) - largest);
    total += weight;
    for (let a = 0; a < d; a++) mean[a] += weight * keys[j * d + a];
  }
  for (let a = 0; a < d; a++) mean[a] /= total;
}
