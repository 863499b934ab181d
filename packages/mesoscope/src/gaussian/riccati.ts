import { symmetricEigen } from '../numeric/decompositions.ts';
import {
  add,
  diagonal,
  identity,
  largestEntry,
  type Matrix,
  multiply,
  scale,
  subtract,
  symmetricPart,
  transpose,
  zeros,
} from '../numeric/matrix.ts';
import { exponentialIntegral, matrixExponential } from '../numeric/matrix-functions.ts';
import type { GaussianLayer } from './layer.ts';

/**
 * A softmax layer whose values are multiples of the identity, `V_h = v_hI`. The covariance solves a matrix Riccati
 * equation, `Σ̇ = WΣ + ΣWᵀ + ΣMΣ`, and `P = Σ^{-1}` a linear one, `Ṗ = −WᵀP − PW − M`.
 *
 * Source: arXiv 2606.07600.
 */
export interface RiccatiForm {
  /** `v̂ = Σ_h v_h`. */
  readonly totalValue: number;
  /** `M = Σ_h v_h(B_h + B_hᵀ)`, d × d, symmetric. */
  readonly M: Matrix;
  /** d × d. */
  readonly W: Matrix;
}

/** The Riccati form of a layer, or null if it is not softmax with `V_h = v_hI` for every head. */
export function riccatiForm(layer: GaussianLayer): RiccatiForm | null {
  if (layer.attention !== 'softmax') return null;
  const d = layer.dimension;
  let M = zeros(d, d);
  let totalValue = 0;
  for (const { V, B } of layer.heads) {
    const v = V.data[0];
    if (largestEntry(add(V, identity(d), -v)) > 0) return null;
    totalValue += v;
    M = add(M, add(B, transpose(B)), v);
  }
  return { totalValue, M, W: layer.W };
}

/** The exact flow of a Riccati form over depths of one length h: `L ↦ e^{Wh}L(I − LᵀG(h)L)^{-1/2}`. */
export interface RiccatiStep {
  /** `e^{Wh}`. */
  readonly transition: Matrix;
  /** `G(h) = ∫_0^h e^{Wᵀs}Me^{Ws}ds`. */
  readonly integral: Matrix;
}

/** @throws MesoscopeError `not-finite` where e^{Wh} overflows */
export function riccatiStep({ M, W }: RiccatiForm, h: number): RiccatiStep {
  return { transition: matrixExponential(scale(h, W)), integral: exponentialIntegral(W, M, h) };
}

/**
 * A factor of `Σ(t+h) = e^{Wh}L(I − LᵀG(h)L)^{-1}Lᵀe^{Wᵀh}` for Σ(t) = LLᵀ of any rank; null where I − LᵀG(h)L is not
 * positive definite: then there was a blow-up in between.
 */
export function advanceRiccati({ transition, integral }: RiccatiStep, L: Matrix): Matrix | null {
  const F = symmetricPart(multiply(transpose(L), integral, L));
  const { values, vectors } = symmetricEigen(subtract(identity(F.rows), F));
  if (!(values[0] > 0)) return null;
  return multiply(transition, L, vectors, diagonal(values.map((value) => 1 / Math.sqrt(value))));
}
