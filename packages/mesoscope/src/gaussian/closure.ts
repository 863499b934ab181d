import { pseudoInverse, solve } from '../numeric/decompositions.ts';
import {
  add,
  identity,
  type Matrix,
  multiply,
  multiplyVector,
  transpose,
  zeros,
} from '../numeric/matrix.ts';
import type { GaussianLayer } from './layer.ts';
import { headResponse } from './moment-field.ts';
import { type FactoredMoments, factored, type GaussianMoments } from './moments.ts';

/** An affine map `x ↦ Tx + a` of tokens. */
export interface AffineMap {
  /** d × d. */
  readonly T: Matrix;
  /** d. */
  readonly a: Float64Array;
}

/**
 * The tilted means `ȳ(x) = Tx + a` of all heads at N(m, Σ), `Σ = LLᵀ`:
 * - softmax: `T = ΣB`, `a = m`;
 * - l2: `T = CB`, `a = m − CAm`, where `C = (Σ^{-1} + A)^{-1} = L(I + LᵀAL)^{-1}Lᵀ` needs no inverse of Σ;
 * - sinkhorn: `T = L P diag(τ) Rᵀ L⁺` with P, τ, R as in `momentField`, `a = m − Tm`; meant for x in the support
 *   of the law.
 *
 * Source: Gaussian conditioning; for sinkhorn the entropic coupling of a Gaussian law with itself (arXiv 2006.02572).
 */
export function tiltedMeans(layer: GaussianLayer, { mean, factor }: FactoredMoments): AffineMap[] {
  const r = factor.columns;
  if (layer.attention === 'sinkhorn') {
    const respond = headResponse(layer.dimension, r);
    const g = zeros(r, r);
    const back = pseudoInverse(factor);
    return layer.heads.map((_, h) => {
      respond(layer, h, mean, factor.data, g.data, new Float64Array(r));
      const T = multiply(factor, g, back);
      const Tm = multiplyVector(T, mean);
      return { T, a: mean.map((entry, i) => entry - Tm[i]) };
    });
  }
  const rows = transpose(factor);
  return layer.heads.map(({ B, keyMetric }) => {
    if (keyMetric === undefined) return { T: multiply(factor, rows, B), a: mean.slice() };
    const response = solve(add(identity(r), multiply(rows, keyMetric, factor)), rows);
    const C = multiply(factor, response);
    const CAm = multiplyVector(multiply(C, keyMetric), mean);
    return { T: multiply(C, B), a: mean.map((entry, i) => entry - CAm[i]) };
  });
}

/**
 * The velocity field `x ↦ Ux + c` that a layer induces on the tokens of N(m, Σ): `U = Σ_h V_hT_h + W`,
 * `c = Σ_h V_ha_h + b`, so that `ṁ = Um + c` and `Σ̇ = UΣ + ΣUᵀ`. For softmax `U = Σ_h V_hΣB_h + W`, `c = V̂m + b`.
 *
 * Source: arXiv 2606.07600.
 *
 * @returns U as `T`, c as `a`
 * @throws MesoscopeError as {@link factored}
 */
export function affineVelocity(
  layer: GaussianLayer,
  law: GaussianMoments | FactoredMoments,
): AffineMap {
  const moments = 'factor' in law ? law : factored(law);
  const c = layer.b.slice();
  let U = layer.W;
  tiltedMeans(layer, moments).forEach(({ T, a }, h) => {
    const { V } = layer.heads[h];
    U = add(U, multiply(V, T));
    multiplyVector(V, a).forEach((entry, i) => {
      c[i] += entry;
    });
  });
  return { T: U, a: c };
}

/**
 * One residual layer of step τ, exactly: every token moves by `x ← x + τ(Ux + c)`, hence `m ← m + τ(Um + c)`,
 * `L ← (I + τU)L`, `Σ ← (I + τU)Σ(I + τU)ᵀ`. Keeps positivity; the rank can only fall, where I + τU is singular on the
 * support.
 */
export function pushLayer(
  layer: GaussianLayer,
  moments: FactoredMoments,
  tau: number,
): FactoredMoments {
  const { T: U, a: c } = affineVelocity(layer, moments);
  const Um = multiplyVector(U, moments.mean);
  return {
    mean: moments.mean.map((entry, i) => entry + tau * (Um[i] + c[i])),
    factor: add(moments.factor, multiply(U, moments.factor), tau),
  };
}
