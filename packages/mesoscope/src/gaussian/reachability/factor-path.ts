import { refuse } from '../../numeric/checks.ts';
import {
  pseudoInverse,
  singularValueDecomposition,
  spectralNorm,
  symmetricEigen,
} from '../../numeric/decompositions.ts';
import {
  add,
  block,
  frobeniusNorm,
  fromBlocks,
  type Matrix,
  multiply,
  scale,
  subtract,
  transpose,
} from '../../numeric/matrix.ts';
import { requireLength } from '../layer.ts';
import { type FactoredMoments, factored, type GaussianMoments } from '../moments.ts';

/** Two Gaussian laws on R^d with covariances of one rank r, `Σ_i = L_iL_iᵀ`. */
export interface Endpoints {
  readonly from: FactoredMoments;
  /** Its factor is aligned to that of `from`: `L_1ᵀL_0` is symmetric positive semi-definite. */
  readonly to: FactoredMoments;
  /** T > 0. */
  readonly horizon: number;
}

/**
 * Factors both laws and aligns them: with the singular value decomposition `L_1ᵀL_0 = P diag(s) Rᵀ` the factor of the
 * target becomes `L_1PRᵀ`.
 *
 * @throws MesoscopeError as `factored`; `invalid-value` if the ranks differ, for no field of layers changes the rank in
 *   finite depth, or T is not positive; `shape-mismatch`
 */
export function alignEndpoints(from: GaussianMoments, to: GaussianMoments, horizon = 1): Endpoints {
  if (!(horizon > 0 && Number.isFinite(horizon))) {
    refuse('horizon', horizon, 'a number > 0');
  }
  const start = factored(from, 'from');
  requireLength('to.mean', to.mean, from.mean.length);
  const end = factored(to, 'to');
  const rank = start.factor.columns;
  if (end.factor.columns !== rank) {
    refuse(
      'to.covariance',
      `rank ${end.factor.columns}`,
      `rank ${rank}, that of from.covariance: Σ(t) = Φ(t)Σ(0)Φ(t)ᵀ with Φ(t) regular keeps the rank`,
      'Ask for the best reachable approximation instead.',
    );
  }
  return { from: start, to: alignTo(start, end), horizon };
}

function alignTo(start: FactoredMoments, end: FactoredMoments): FactoredMoments {
  const { left: P, right: R } = singularValueDecomposition(
    multiply(transpose(end.factor), start.factor),
  );
  return { mean: end.mean, factor: multiply(end.factor, P, transpose(R)) };
}

/** Moments and their velocities at one depth of a path. */
export interface PathPoint {
  readonly moments: FactoredMoments;
  readonly meanVelocity: Float64Array;
  /** L̇. */
  readonly factorVelocity: Matrix;
}

/**
 * The straight line between aligned factors, `L_t = (1 − t/T)L_0 + (t/T)L_1`, and between the means: the Bures–Wasserstein
 * geodesic. L_t keeps its rank, for `L_tᵀL_t ⪰ (1 − t/T)²L_0ᵀL_0 + (t/T)²L_1ᵀL_1`.
 *
 * Source: arXiv 2606.07600; Bhatia, Jain & Lim, arXiv 1712.01504 (the geodesic).
 */
export function factorPath({ from, to, horizon }: Endpoints, t: number): PathPoint {
  const s = t / horizon;
  const difference = subtract(to.factor, from.factor);
  const meanDifference = to.mean.map((entry, i) => entry - from.mean[i]);
  return {
    moments: {
      mean: from.mean.map((entry, i) => entry + s * meanDifference[i]),
      factor: add(from.factor, difference, s),
    },
    meanVelocity: meanDifference.map((entry) => entry / horizon),
    factorVelocity: scale(1 / horizon, difference),
  };
}

/** `W_2(N(m_0,Σ_0), N(m_1,Σ_1))² = |m_1 − m_0|² + |L_1 − L_0|²` for aligned factors. */
export function squaredBuresDistance({ from, to }: Endpoints): number {
  const shift = from.mean.reduce((sum, entry, i) => sum + (to.mean[i] - entry) ** 2, 0);
  return shift + frobeniusNorm(subtract(to.factor, from.factor)) ** 2;
}

/** `[L⁺; Nᵀ/|L|]`, N a basis of the complement of the range: makes `LLᵀ` the identity on its support. */
export function whitening(L: Matrix): Matrix {
  const inside = pseudoInverse(L);
  const { vectors } = symmetricEigen(multiply(L, transpose(L)));
  const outside = transpose(block(vectors, 0, 0, L.rows, L.rows - L.columns));
  return outside.rows === 0
    ? inside
    : fromBlocks([[inside], [scale(1 / spectralNorm(L), outside)]]);
}
