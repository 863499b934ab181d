import { refuse } from '../numeric/checks.ts';
import { eigenvalues, inverse, spectralNorm } from '../numeric/decompositions.ts';
import {
  add,
  identity,
  type Matrix,
  multiply,
  requireSymmetric,
  scale,
  symmetricPart,
  transpose,
} from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';
import { type GaussianLayer, gaussianLayer } from './layer.ts';
import { covarianceFactor } from './moments.ts';
import { randomCovariance, randomMatrix } from './random-matrices.ts';

/** A covariance that a constant layer is to hold. */
export interface CovarianceTarget {
  /** Σ*, d × d, symmetric positive definite. */
  readonly target: Matrix;
  /** W, d × d: the feed-forward map, whose eigenvalues have positive real parts. */
  readonly W: Matrix;
  /** v ≠ 0, of V = vI; v < 0 keeps the mean stable too. */
  readonly value: number;
}

/**
 * The layer with one head `V = vI`, `B = M/2v`, `M = −(Σ*⁻¹W + WᵀΣ*⁻¹)`, under which Σ* stays: `Ṗ = −WᵀP − PW − M` vanishes at
 * `P = Σ*⁻¹`. Small deviations die like `e^{−(λ_i(W) + λ_j(W))t}`; where M ≺ 0 too, every Σ_0 ≻ 0 tends to Σ*. The question is that of
 * covariance assignment (Hotz and Skelton, Int. J. Control 46, 1987), for attention.
 *
 * For values that are no multiple of the identity the equation of P is not linear, and this refuses.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`; `invalid-value` for Σ* that is not positive definite, W with an eigenvalue whose
 *   real part is ≤ 0, or v = 0
 */
export function assignCovariance({ target, W, value }: CovarianceTarget): GaussianLayer {
  requireSymmetric(target, 'target');
  const d = target.rows;
  if (covarianceFactor(target).columns < d) {
    refuse(
      'target',
      'a covariance of lower rank',
      'a positive definite covariance',
      'Tokens that start on a subspace stay on it: give the covariance there.',
    );
  }
  const slowest = Math.min(...eigenvalues(W).real);
  if (!(slowest > 0)) {
    refuse(
      'W',
      `an eigenvalue of real part ${slowest}`,
      'eigenvalues of positive real parts',
      'Attention holds the covariance against growth by W; without growth nothing is held.',
    );
  }
  if (value === 0) refuse('value', value, 'a number other than 0, since attention has to act');
  const M = assignedForm(target, W);
  return gaussianLayer({
    heads: [{ V: scale(value, identity(d)), B: scale(1 / (2 * value), M) }],
    W,
    b: new Float64Array(d),
  });
}

/** `M = −(Σ*⁻¹W + WᵀΣ*⁻¹)`. */
export function assignedForm(target: Matrix, W: Matrix): Matrix {
  const P = symmetricPart(inverse(target));
  return scale(-1, add(multiply(P, W), multiply(transpose(W), P)));
}

/**
 * A random Σ* and `W = Σ*(N + K)`, N positive definite and K skew: then M = −2N, so that all covariances tend to Σ*. N is so small that
 * n tokens follow their law: with v = −8, `|B||Σ*| = 1/4`.
 */
export function randomTarget(stream: RandomStream, index: number): CovarianceTarget {
  const d = 1 + (index % 3);
  const target = randomCovariance(stream, d, d, 1);
  const definite = randomCovariance(stream, d, d, 1);
  const R = randomMatrix(stream, d, d);
  const value = -8;
  const size = (0.25 * Math.abs(value)) / (spectralNorm(definite) * spectralNorm(target));
  const skew = scale(0.5, add(R, transpose(R), -1));
  return { target, W: scale(size, multiply(target, add(definite, skew))), value };
}
