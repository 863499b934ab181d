import { type Matrix, multiply, transpose } from '../../numeric/matrix.ts';
import type { HeadView } from '../attention-view.ts';
import { centre } from './cloud.ts';
import { attentionOf } from './heads.ts';

/** What a head does to a Gaussian law: `y(q) = v̄ + A q` (arXiv 2606.07600). */
export interface ClosureLaw {
  /** v̄. */
  readonly mean: Float64Array;
  /** A = β Cov(v, k), v × k. */
  readonly map: Matrix;
  /** Cov(k), k × k. */
  readonly keys: Matrix;
  /** tr Σ_v. */
  readonly spread: number;
}

/** The closure under the law that has the moments of the tokens which a head sees. */
export function closureLaw({ keys, values, scale }: HeadView): ClosureLaw {
  const n = values.rows;
  const v = centre(values);
  const k = centre(keys).centred;
  const over = (factor: number, a: Matrix): Matrix => ({
    ...a,
    data: a.data.map((x) => (factor * x) / n),
  });
  return {
    mean: v.mean,
    map: over(scale, multiply(transpose(v.centred), k)),
    keys: over(1, multiply(transpose(k), k)),
    spread: v.centred.data.reduce((sum, x) => sum + x * x, 0) / n,
  };
}

/** One token of a sample of n tokens against the closure under their law. */
export interface ClosureError {
  /** σ_i = β √(q_iᵀ Cov(k) q_i). */
  readonly deviation: number;
  /** `|y_i − (v̄ + A q_i)|²`. */
  readonly square: number;
  /**
   * What sampling makes of it to leading order, `e^{σ_i²}(tr Σ_v + |A q_i|²)/n`: the delta method for self-normalised weights, whose second
   * moment is that of the doubled tilt.
   */
  readonly predicted: number;
}

/** Every token of a sample under a law; tokens see all others. */
export function closureErrors(law: ClosureLaw, head: HeadView): ClosureError[] {
  const { queries, values, scale } = head;
  const n = values.rows;
  const shifts = multiply(queries, transpose(law.map));
  const turned = multiply(queries, law.keys);
  return Array.from({ length: n }, (_, i) => {
    const { weights } = attentionOf(head, i);
    const y = new Float64Array(values.columns);
    weights.forEach((weight, j) => {
      for (let a = 0; a < y.length; a++) y[a] += weight * values.data[j * y.length + a];
    });
    let [square, shift, variance] = [0, 0, 0];
    for (let a = 0; a < y.length; a++) {
      const moved = shifts.data[i * y.length + a];
      square += (y[a] - law.mean[a] - moved) ** 2;
      shift += moved ** 2;
    }
    for (let a = i * queries.columns; a < (i + 1) * queries.columns; a++) {
      variance += scale ** 2 * queries.data[a] * turned.data[a];
    }
    const predicted = (Math.exp(variance) * (law.spread + shift)) / n;
    return { deviation: Math.sqrt(Math.max(0, variance)), square, predicted };
  });
}
