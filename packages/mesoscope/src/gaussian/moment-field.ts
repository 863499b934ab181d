import { singularValueDecomposition } from '../numeric/decompositions.ts';
import { diagonal, type Matrix, multiply, transpose } from '../numeric/matrix.ts';
import {
  choleskyInPlace,
  choleskySolveInPlace,
  productInto,
  transposedProductInto,
} from './in-place.ts';
import type { GaussianLayer } from './layer.ts';

/**
 * Writes the time derivative of `y = (m, L)`, `Σ = LLᵀ`, at a layer into dy: m has d entries, then L lies row-major,
 * d × r. See {@link momentField}.
 */
export type MomentField = (layer: GaussianLayer, y: Float64Array, dy: Float64Array) => void;

/**
 * The moment flow in factored form. With `Σ = LLᵀ`, L of d × r,
 * `L̇ = UL = Σ_h V_h L g_h + W L`, `ṁ = Σ_h V_h(m + L k_h) + W m + b`,
 * where the response (g, k) of a head, r × r and r, is
 * - softmax: `g = LᵀBL`, `k = LᵀBm`;
 * - l2 with `B = 2βKᵀQ`, `A = 2βKᵀK`: `g = (I + LᵀAL)^{-1}LᵀBL`, `k = (I + LᵀAL)^{-1}Lᵀ(B − A)m`;
 * - sinkhorn: `g = P diag(τ) Rᵀ` from `LᵀBL = P diag(l) Rᵀ`, `τ = 2l/(1 + √(1 + 4l²))`, and `k = 0`.
 *
 * Σ stays symmetric and positive semi-definite and its rank cannot rise, whatever the errors of a scheme: every layer
 * acts on L from the left. Allocates nothing for softmax and l2.
 *
 * Source: arXiv 2606.07600 (softmax). The others are Gaussian conditioning and the entropic coupling of a Gaussian law
 * with itself (arXiv 2006.02572).
 */
export function momentField(dimension: number, rank: number): MomentField {
  const d = dimension;
  const r = rank;
  const respond = headResponse(d, r);
  const g = new Float64Array(r * r);
  const k = new Float64Array(r);
  const spread = new Float64Array(d * r);
  const tilted = new Float64Array(d);
  const [m, dm] = [new Float64Array(d), new Float64Array(d)];
  const [L, dL] = [new Float64Array(d * r), new Float64Array(d * r)];

  return (layer, y, dy) => {
    // Copies of a few numbers cost less than views of them.
    for (let i = 0; i < d; i++) m[i] = y[i];
    for (let i = 0; i < d * r; i++) L[i] = y[d + i];
    dm.set(layer.b);
    productInto(layer.W.data, m, dm, d, d, 1, true);
    productInto(layer.W.data, L, dL, d, d, r);
    for (let h = 0; h < layer.heads.length; h++) {
      const V = layer.heads[h].V.data;
      respond(layer, h, m, L, g, k);
      productInto(L, g, spread, d, r, r);
      productInto(V, spread, dL, d, d, r, true);
      tilted.set(m);
      productInto(L, k, tilted, d, r, 1, true);
      productInto(V, tilted, dm, d, d, 1, true);
    }
    for (let i = 0; i < d; i++) dy[i] = dm[i];
    for (let i = 0; i < d * r; i++) dy[d + i] = dL[i];
  };
}

/** Writes the response (g, k) of head h at (m, L): see {@link momentField}. */
export type HeadResponse = (
  layer: GaussianLayer,
  head: number,
  m: Float64Array,
  L: Float64Array,
  g: Float64Array,
  k: Float64Array,
) => void;

/** The {@link HeadResponse} for tokens in R^d and L of rank r, with its own scratch memory. */
export function headResponse(d: number, r: number): HeadResponse {
  const projected = new Float64Array(r * d);
  const system = new Float64Array(r * r);
  return (layer, head, m, L, g, k) => {
    const { B, keyMetric } = layer.heads[head];
    transposedProductInto(L, B.data, projected, r, d, d);
    productInto(projected, L, g, r, d, r);
    if (layer.attention === 'sinkhorn') {
      k.fill(0);
      g.set(saturated({ rows: r, columns: r, data: g }).data);
      return;
    }
    productInto(projected, m, k, r, d, 1);
    if (keyMetric === undefined) return;
    transposedProductInto(L, keyMetric.data, projected, r, d, d);
    productInto(projected, L, system, r, d, r);
    for (let i = 0; i < r; i++) {
      system[i * r + i] += 1;
      for (let j = 0; j < d; j++) k[i] -= projected[i * d + j] * m[j];
    }
    choleskyInPlace(system, r);
    choleskySolveInPlace(system, r, g, r);
    choleskySolveInPlace(system, r, k, 1);
  };
}

/**
 * `P diag(τ) Rᵀ` for `A = P diag(l) Rᵀ`, `τ = 2l/(1 + √(1 + 4l²)) ∈ [0, 1)`: the correlation between x and y, in
 * coordinates where both are standard normal, under the coupling of density `∝ e^{⟨Ax,y⟩}`; τ maximises
 * `lτ + ½ log(1 − τ²)`.
 */
export function saturated(a: Matrix): Matrix {
  // A matrix that overflowed has no singular values; the integrator rejects the step that sees NaN.
  if (!a.data.every(Number.isFinite)) return { ...a, data: a.data.map(() => Number.NaN) };
  const { left, values, right } = singularValueDecomposition(a);
  return multiply(left, diagonal(values.map(saturation)), transpose(right));
}

/** `τ(l) = 2l/(1 + √(1 + 4l²))`. */
export function saturation(l: number): number {
  return (2 * l) / (1 + Math.sqrt(1 + 4 * l * l));
}
