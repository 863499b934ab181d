import { inverse, spectralNorm, symmetricEigen } from '../../numeric/decompositions.ts';
import {
  add,
  identity,
  type Matrix,
  multiply,
  scale,
  subtract,
  symmetricPart,
  transpose,
} from '../../numeric/matrix.ts';
import { actingHeads, type GaussianHead, type GaussianLayer } from '../layer.ts';
import { saturation } from '../moment-field.ts';

/**
 * Below this the mean square error of the attention of n tokens, over a token of the law, is finite and of order 1/n:
 * see {@link weightGrowth}.
 */
export const finiteWeightVariance = 0.5;

/**
 * How fast the variance of the weights that a token x sees grows with x: it is `∝ e^{q(x)}`, and the number is the largest
 * eigenvalue of the quadratic form q in standard units of the law, in the head where it is largest, of those whose value is not 0.
 *
 * The tilted mean over n tokens is a ratio of means whose variance is `(1/n) E[w²(y−ȳ)²]/(E w)²`, with the weight w of a
 * key y. For softmax, `w = e^{⟨Bx,y⟩}`, this is `(1/n) e^{σ²}(tr Σ + |ΣBx|²)` with `σ² = |Σ^{1/2}Bx|²`, hence
 * `q = |LᵀBLz|²` for `x = m + Lz`; its mean over z ~ N(0, I) is finite iff `2λ_max(q) < 1`, that is
 * `|Σ^{1/2}BΣ^{1/2}| < 1/√2`. For l2, `w = e^{⟨Bx,y⟩ − ½⟨y,Ay⟩}` and
 * `q = ⟨ξ, (2(Σ^{-1} + 2A)^{-1} − (Σ^{-1} + A)^{-1})ξ⟩`, `ξ = Bx`; for sinkhorn `q = τ²/(1 + τ²)|z|²`, τ the correlation.
 *
 * @param L - a factor of the covariance, `Σ = LLᵀ`, of any rank
 */
export function weightGrowth(layer: GaussianLayer, L: Matrix): number {
  return Math.max(0, ...actingHeads(layer).map((head) => ofHead(layer, head, L)));
}

function ofHead({ attention }: GaussianLayer, { B, keyMetric }: GaussianHead, L: Matrix): number {
  const score = multiply(transpose(L), B, L);
  if (attention === 'sinkhorn') {
    const correlation = saturation(spectralNorm(score));
    return correlation ** 2 / (1 + correlation ** 2);
  }
  if (keyMetric === undefined) return spectralNorm(score) ** 2;
  const metric = multiply(transpose(L), keyMetric, L);
  const one = identity(metric.rows);
  const difference = subtract(scale(2, inverse(add(one, metric, 2))), inverse(add(one, metric)));
  const form = symmetricPart(multiply(transpose(score), difference, score));
  return symmetricEigen(form).values[form.rows - 1];
}
