import { shapeMismatch } from '../../numeric/checks.ts';
import { type PointCloud, tiltedMeans } from './tilted-mean.ts';

export type { PointCloud };

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
      const means = new Float64Array(points.length);
      tiltedMeans(B, points, supportOf(context ?? law, d), means);
      for (let i = 0; i < points.length; i += d) {
        for (let a = 0; a < d; a++) {
          let sum = 0;
          for (let b = 0; b < d; b++) sum += V[a * d + b] * means[i + b];
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
