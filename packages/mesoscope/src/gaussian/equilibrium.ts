import {
  eigenvalues,
  inverse,
  pseudoInverse,
  type Spectrum,
  symmetricEigen,
} from '../numeric/decompositions.ts';
import {
  add,
  frobeniusNorm,
  type Matrix,
  multiplyVector,
  scale,
  transpose,
  zeros,
} from '../numeric/matrix.ts';
import { solveLyapunov } from '../numeric/matrix-equations.ts';
import { spectrumUncertainty } from '../numeric/spectrum.ts';
import { affineVelocity } from './closure.ts';
import {
  covarianceJacobian,
  covarianceVelocity,
  symmetricCoordinates,
  symmetricFromCoordinates,
} from './jacobian.ts';
import type { GaussianLayer } from './layer.ts';
import { covarianceFactor } from './moments.ts';
import type { RiccatiForm } from './riccati.ts';

/** A covariance that the flow leaves where it is, and what happens near it. */
export interface Equilibrium {
  /** Σ*. */
  readonly covariance: Matrix;
  /** `|Σ̇|` there, Frobenius. */
  readonly residual: number;
  /** Eigenvalues of the derivative of `Σ ↦ Σ̇` on symmetric matrices. */
  readonly jacobianSpectrum: Spectrum;
  /** How far rounding moves these, see `spectrumUncertainty`: large where several coincide in a Jordan block. */
  readonly jacobianUncertainty: number;
  /** Eigenvalues of D in `ṁ = Dm + b` at Σ*. */
  readonly meanSpectrum: Spectrum;
  /** The mean at rest, null where D is singular. */
  readonly mean: Float64Array | null;
}

/**
 * The equilibrium of the Riccati flow, in closed form: `Σ* = P*^{-1}` with `WᵀP* + P*W = −M`; null if there is no
 * positive definite P*, P* overflows, or the equation has no unique solution. If M ≺ 0 and every eigenvalue of W has positive real
 * part, it exists and attracts every Σ_0 ≻ 0.
 *
 * Source: arXiv 2606.07600; Lyapunov's theorem.
 */
export function riccatiEquilibrium({ M, W }: RiccatiForm): Matrix | null {
  const { real, imaginary } = eigenvalues(W);
  const size = Math.max(...real.map((re, i) => Math.hypot(re, imaginary[i])));
  for (let i = 0; i < real.length; i++) {
    for (let j = 0; j < real.length; j++) {
      const sum = Math.hypot(real[i] + real[j], imaginary[i] + imaginary[j]);
      if (sum <= 1e-12 * size) return null;
    }
  }
  const P = solveLyapunov(transpose(W), M);
  const representable = P.data.every(Number.isFinite);
  return representable && symmetricEigen(P).values[0] > 0 ? inverse(P) : null;
}

/**
 * `−(λ_i(W) + λ_j(W))`, i ≤ j: the spectrum of the Riccati flow's derivative at its equilibrium, for there
 * `δP ↦ −WᵀδP − δPW`. Ordered by decreasing real part.
 */
export function riccatiJacobianSpectrum({ W }: RiccatiForm): Spectrum {
  const { real, imaginary } = eigenvalues(W);
  const pairs: [number, number][] = [];
  for (let i = 0; i < real.length; i++) {
    for (let j = i; j < real.length; j++) {
      pairs.push([-(real[i] + real[j]), -(imaginary[i] + imaginary[j])]);
    }
  }
  pairs.sort((p, q) => q[0] - p[0] || Math.abs(p[1]) - Math.abs(q[1]) || q[1] - p[1]);
  return {
    real: Float64Array.from(pairs, (pair) => pair[0]),
    imaginary: Float64Array.from(pairs, (pair) => pair[1]),
  };
}

/**
 * Newton's method for `Σ̇ = 0` from a nearby Σ ≻ 0, with the exact derivative; where that is singular (a continuum of
 * equilibria) the shortest step. Null if it leaves the positive definite matrices or does not converge in 50 steps.
 */
export function refineEquilibrium(layer: GaussianLayer, start: Matrix): Matrix | null {
  const d = layer.dimension;
  let covariance = start;
  for (let step = 0; step < 50; step++) {
    const velocity = covarianceVelocity(layer, covariance);
    const jacobian = covarianceJacobian(layer, covariance);
    const correction = multiplyVector(
      pseudoInverse(jacobian, { tolerance: 1e-11 }),
      symmetricCoordinates(velocity),
    );
    const next = add(covariance, symmetricFromCoordinates(correction, d), -1);
    if (!(symmetricEigen(next).values[0] > 0)) return null;
    covariance = next;
    if (Math.hypot(...correction) <= 1e-14 * frobeniusNorm(covariance)) return covariance;
  }
  return null;
}

/** What a layer does near an equilibrium covariance: see {@link Equilibrium}. */
export function analyseEquilibrium(layer: GaussianLayer, covariance: Matrix): Equilibrium {
  const D = meanMatrix(layer, covariance);
  const meanSpectrum = eigenvalues(D);
  const smallest = Math.min(
    ...meanSpectrum.real.map((re, i) => Math.hypot(re, meanSpectrum.imaginary[i])),
  );
  const jacobian = covarianceJacobian(layer, covariance);
  return {
    covariance,
    residual: frobeniusNorm(covarianceVelocity(layer, covariance)),
    jacobianSpectrum: eigenvalues(jacobian),
    jacobianUncertainty: spectrumUncertainty(jacobian),
    meanSpectrum,
    mean:
      smallest > 1e-12 * frobeniusNorm(D) ? multiplyVector(scale(-1, inverse(D)), layer.b) : null,
  };
}

/**
 * D in `ṁ = Dm + b` at a fixed Σ: `U + V̂` for softmax. For `V_h = v_hI` at an equilibrium Σ* ≻ 0, UΣ* is
 * skew-symmetric, so the eigenvalues of D have real part `Σ_h v_h`: the mean is stable iff that is negative.
 */
export function meanMatrix(layer: GaussianLayer, covariance: Matrix): Matrix {
  const d = layer.dimension;
  const factor = covarianceFactor(covariance);
  const D = zeros(d, d);
  for (let j = 0; j < d; j++) {
    const mean = new Float64Array(d);
    mean[j] = 1;
    const { T, a } = affineVelocity(layer, { mean, factor });
    for (let i = 0; i < d; i++) D.data[i * d + j] = T.data[i * d + j] + a[i] - layer.b[i];
  }
  return D;
}
