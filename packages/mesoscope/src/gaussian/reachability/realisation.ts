import { MesoscopeError } from '../../errors.ts';
import {
  eigenvalues,
  pseudoInverse,
  singularValueDecomposition,
  solve,
  symmetricEigen,
} from '../../numeric/decompositions.ts';
import {
  block,
  fromBlocks,
  identity,
  type Matrix,
  multiply,
  multiplyVector,
  scale,
  transpose,
  zeros,
} from '../../numeric/matrix.ts';
import { matrixExponential } from '../../numeric/matrix-functions.ts';
import { principalLogarithm } from '../../numeric/principal-logarithm.ts';
import type { AffineMap } from '../closure.ts';
import { type GaussianLayer, gaussianLayer } from '../layer.ts';
import { type Endpoints, factorPath } from './factor-path.ts';

/** Controls that steer along a path whose tokens move with velocity `Ux + c`. */
export interface SteeringControls {
  layerAt(t: number): GaussianLayer;
  /** `(U, c)` as (T, a): what the layer does to the tokens if the law is on the path. */
  velocityAt(t: number): AffineMap;
}

/** `U_t = L̇L⁺`, `c = ṁ − U_tm_t` on the straight line of factors. */
function pathVelocity(endpoints: Endpoints, t: number): AffineMap {
  const { moments, meanVelocity, factorVelocity } = factorPath(endpoints, t);
  const U = multiply(factorVelocity, pseudoInverse(moments.factor));
  const Um = multiplyVector(U, moments.mean);
  return { T: U, a: meanVelocity.map((entry, i) => entry - Um[i]) };
}

/** Feed-forward layers alone: `W = U_t`, `b = ṁ − U_tm_t`. Source: arXiv 2606.07600. */
export function feedForwardControls(endpoints: Endpoints): SteeringControls {
  const velocityAt = (t: number) => pathVelocity(endpoints, t);
  return { velocityAt, layerAt: (t) => affineLayer(velocityAt(t)) };
}

/**
 * One head of attention and a bias: `B = Σ_t⁺`, `V = U_t`, `W = 0`, `b = ṁ − (V + VΣ_tB)m_t`. Since `VΣ_tB = U_t` on the
 * support, the tokens move as under the feed-forward controls as long as the law is on the path. Source: arXiv 2606.07600.
 */
export function attentionControls(endpoints: Endpoints): SteeringControls {
  const velocityAt = (t: number) => pathVelocity(endpoints, t);
  return {
    velocityAt,
    layerAt(t) {
      const { T: V, a } = velocityAt(t);
      const { mean, factor } = factorPath(endpoints, t).moments;
      const left = pseudoInverse(factor);
      const Vm = multiplyVector(V, mean);
      return gaussianLayer({
        heads: [{ V, B: multiply(transpose(left), left) }],
        b: a.map((entry, i) => entry - Vm[i]),
      });
    },
  };
}

/**
 * One feed-forward layer for all depths: `W = log(F)/T` for a linear map F with `FΣ_0Fᵀ = Σ_1`, and b such that the mean
 * arrives too: `b = φ^{-1}(m_1 − Fm_0)`, `φ = ∫_0^T e^{Ws}ds`. For Σ_0 ≻ 0, F is the Bures map `L_1L_0^{-1}` of aligned
 * factors, symmetric positive definite. For singular Σ_0 it is completed by an isometry between the orthogonal
 * complements of the supports, the nearest to the identity that keeps det F > 0.
 *
 * @throws MesoscopeError `unsupported` if that F has no real logarithm
 */
export function constantControls({ from, to, horizon }: Endpoints): SteeringControls {
  const d = from.factor.rows;
  const T = multiply(completed(to.factor, from.factor), solve(completed(from.factor), identity(d)));
  const { real, imaginary } = eigenvalues(T);
  if (real.some((re, i) => re <= 0 && Math.abs(imaginary[i]) <= 1e-9 * Math.abs(re))) {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'the linear map between the two supports has an eigenvalue on the negative real axis, so no real logarithm',
      by: 'The constant realisation',
      wayOut: 'Use the feed-forward or the minimum-energy realisation.',
    });
  }
  const unit = principalLogarithm(T);
  const c = constantOffset(unit, from.mean, to.mean).map((entry) => entry / horizon);
  const velocity = { T: scale(1 / horizon, unit), a: c };
  const layer = affineLayer(velocity);
  return { velocityAt: () => velocity, layerAt: () => layer };
}

/** b with `m(1) = e^W m_0 + ∫_0^1 e^{Ws}ds b = m_1`; the integral from the exponential of `[W I; 0 0]`. */
function constantOffset(W: Matrix, from: Float64Array, to: Float64Array): Float64Array {
  const d = W.rows;
  const exponential = matrixExponential(
    fromBlocks([
      [W, identity(d)],
      [zeros(d, d), zeros(d, d)],
    ]),
  );
  const moved = multiplyVector(block(exponential, 0, 0, d, d), from);
  const gap = { rows: d, columns: 1, data: to.map((entry, i) => entry - moved[i]) };
  return solve(block(exponential, 0, d, d, d), gap).data;
}

/** `[L, N]`, N an orthonormal basis of the complement of the range of L, turned towards that of `partner` if given. */
function completed(L: Matrix, partner?: Matrix): Matrix {
  const [d, r] = [L.rows, L.columns];
  if (r === d) return L;
  const N = complement(L);
  if (partner === undefined) return fromBlocks([[L, N]]);
  const { left: P, right: R } = singularValueDecomposition(
    multiply(transpose(N), complement(partner)),
  );
  const turned = (signs: Matrix) => fromBlocks([[L, multiply(N, P, signs, transpose(R))]]);
  const plain = turned(identity(d - r));
  if (sameOrientation(plain, completed(partner))) return plain;
  // The direction in which the complements meet least is turned around.
  const signs = identity(d - r);
  signs.data[signs.data.length - 1] = -1;
  return turned(signs);
}

/** An orthonormal basis of the complement of the range: the eigenvectors of LLᵀ with eigenvalue 0. */
function complement(L: Matrix): Matrix {
  const { vectors } = symmetricEigen(multiply(L, transpose(L)));
  return block(vectors, 0, 0, L.rows, L.rows - L.columns);
}

function sameOrientation(a: Matrix, b: Matrix): boolean {
  const { real, imaginary } = eigenvalues(multiply(a, solve(b, identity(b.rows))));
  const negative = real.filter((re, i) => imaginary[i] === 0 && re < 0).length;
  return negative % 2 === 0;
}

/** The layer `x ↦ Ux + c` without attention. */
export function affineLayer({ T, a }: AffineMap): GaussianLayer {
  return gaussianLayer({ W: T, b: a });
}
