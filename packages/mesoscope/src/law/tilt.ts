import { requireFinite, shapeMismatch } from '../numeric/checks.ts';
import { type Matrix, multiplyVector, zeros } from '../numeric/matrix.ts';
import { dot } from '../numeric/vector.ts';
import { cellWidth, type GridLaw, type Law, type MixtureLaw, type ParticleLaw } from './law.ts';
import { uniformLogMoment, uniformTiltedMean, uniformTiltedVariance } from './uniform-tilt.ts';

/**
 * The log-sum-exp function `Λ_μ(ξ) = log ∫ e^{⟨ξ,y⟩} dμ(y)`: closed forms for Gaussians and boxes, shifted exponents
 * elsewhere.
 *
 * @throws MesoscopeError `shape-mismatch` if ξ is not in the law's space; `not-finite` if ξ is not, or if ξ is so large that
 *   ⟨ξ, y⟩ overflows
 */
export function logSumExp(law: Law, xi: ArrayLike<number>): number {
  requireTilt(law, xi);
  const value = untestedLogSumExp(law, xi);
  requireFinite('Λ(ξ)', [value]);
  return value;
}

function untestedLogSumExp(law: Law, xi: ArrayLike<number>): number {
  switch (law.kind) {
    case 'gaussian':
      return dot(xi, law.mean) + 0.5 * dot(xi, multiplyVector(law.covariance, xi));
    case 'box':
      return sumOver(law.dimension, (a) => {
        const [centre, half] = side(law.low[a], law.high[a]);
        return xi[a] * centre + uniformLogMoment(xi[a] * half);
      });
    case 'particles':
      return particleWeights(law, xi).logSum;
    case 'grid':
      return (
        untestedLogSumExp(law.centres, xi) +
        sumOver(law.dimension, (a) => uniformLogMoment(xi[a] * halfCell(law, a)))
      );
    case 'mixture':
      return mixtureWeights(law, xi).logSum;
  }
}

/**
 * The exponentially tilted mean `ȳ_μ(ξ) = ∇Λ_μ(ξ)`: the mean of the law with density `e^{⟨ξ,y⟩−Λ_μ(ξ)}` in μ.
 *
 * @throws MesoscopeError as {@link logSumExp}
 */
export function tiltedMean(law: Law, xi: ArrayLike<number>): Float64Array {
  requireTilt(law, xi);
  const mean = untestedTiltedMean(law, xi);
  requireFinite('tilted mean', mean);
  return mean;
}

function untestedTiltedMean(law: Law, xi: ArrayLike<number>): Float64Array {
  const d = law.dimension;
  switch (law.kind) {
    case 'gaussian':
      return multiplyVector(law.covariance, xi).map((shift, a) => law.mean[a] + shift);
    case 'box':
      return Float64Array.from({ length: d }, (_, a) => {
        const [centre, half] = side(law.low[a], law.high[a]);
        return centre + half * uniformTiltedMean(xi[a] * half);
      });
    case 'particles': {
      const { weights } = particleWeights(law, xi);
      const mean = new Float64Array(d);
      weights.forEach((weight, i) => {
        for (let a = 0; a < d; a++) mean[a] += weight * law.points.data[i * d + a];
      });
      return mean;
    }
    case 'grid':
      return untestedTiltedMean(law.centres, xi).map((centre, a) => {
        const half = halfCell(law, a);
        return centre + half * uniformTiltedMean(xi[a] * half);
      });
    case 'mixture': {
      const { weights } = mixtureWeights(law, xi);
      const mean = new Float64Array(d);
      law.components.forEach((component, k) => {
        if (weights[k] === 0) return;
        untestedTiltedMean(component, xi).forEach((entry, a) => {
          mean[a] += weights[k] * entry;
        });
      });
      return mean;
    }
  }
}

/**
 * The tilted covariance `C_μ(ξ) = ∇²Λ_μ(ξ) ⪰ 0`, d × d.
 *
 * @throws MesoscopeError as {@link logSumExp}
 */
export function tiltedCovariance(law: Law, xi: ArrayLike<number>): Matrix {
  requireTilt(law, xi);
  const covariance = untestedTiltedCovariance(law, xi);
  requireFinite('tilted covariance', covariance.data);
  return covariance;
}

function untestedTiltedCovariance(law: Law, xi: ArrayLike<number>): Matrix {
  const d = law.dimension;
  switch (law.kind) {
    case 'gaussian':
      return law.covariance;
    case 'box': {
      const covariance = zeros(d, d);
      for (let a = 0; a < d; a++) {
        const half = side(law.low[a], law.high[a])[1];
        covariance.data[a * d + a] = half * half * uniformTiltedVariance(xi[a] * half);
      }
      return covariance;
    }
    case 'particles': {
      const { weights } = particleWeights(law, xi);
      const mean = untestedTiltedMean(law, xi);
      const covariance = zeros(d, d);
      const centred = new Float64Array(d);
      weights.forEach((weight, i) => {
        for (let a = 0; a < d; a++) centred[a] = law.points.data[i * d + a] - mean[a];
        addOuter(covariance, weight, centred);
      });
      return covariance;
    }
    case 'grid': {
      const covariance = untestedTiltedCovariance(law.centres, xi);
      for (let a = 0; a < d; a++) {
        const half = halfCell(law, a);
        covariance.data[a * d + a] += half * half * uniformTiltedVariance(xi[a] * half);
      }
      return covariance;
    }
    case 'mixture': {
      const { weights } = mixtureWeights(law, xi);
      const mean = untestedTiltedMean(law, xi);
      const covariance = zeros(d, d);
      law.components.forEach((component, k) => {
        if (weights[k] === 0) return;
        const within = untestedTiltedCovariance(component, xi);
        within.data.forEach((entry, index) => {
          covariance.data[index] += weights[k] * entry;
        });
        addOuter(
          covariance,
          weights[k],
          untestedTiltedMean(component, xi).map((y, a) => y - mean[a]),
        );
      });
      return covariance;
    }
  }
}

/** `A += w v vᵀ`. */
function addOuter(a: Matrix, weight: number, v: Float64Array): void {
  for (let i = 0; i < v.length; i++) {
    for (let j = 0; j < v.length; j++) a.data[i * v.length + j] += weight * v[i] * v[j];
  }
}

/** Tilted weights `w_i e^{⟨ξ,y_i⟩}/Σ` and `log Σ`. */
function particleWeights({ points, weights, dimension: d }: ParticleLaw, xi: ArrayLike<number>) {
  const exponents = new Float64Array(points.rows);
  for (let i = 0; i < points.rows; i++) {
    let exponent = Math.log(weights[i]);
    if (weights[i] > 0) {
      for (let a = 0; a < d; a++) exponent += xi[a] * points.data[i * d + a];
    }
    exponents[i] = exponent;
  }
  return normaliseExponents(exponents);
}

function mixtureWeights({ weights, components }: MixtureLaw, xi: ArrayLike<number>) {
  return normaliseExponents(
    Float64Array.from(components, (law, k) =>
      weights[k] > 0 ? Math.log(weights[k]) + untestedLogSumExp(law, xi) : Number.NEGATIVE_INFINITY,
    ),
  );
}

/** Softmax in place, and the log-sum-exp; the largest exponent is subtracted first. */
function normaliseExponents(exponents: Float64Array) {
  const largest = exponents.reduce((x, y) => Math.max(x, y), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let i = 0; i < exponents.length; i++) {
    exponents[i] = Math.exp(exponents[i] - largest);
    sum += exponents[i];
  }
  for (let i = 0; i < exponents.length; i++) exponents[i] /= sum;
  return { weights: exponents, logSum: largest + Math.log(sum) };
}

function requireTilt({ dimension }: Law, xi: ArrayLike<number>): void {
  if (xi.length !== dimension) throw shapeMismatch('ξ', [xi.length], [dimension]);
  requireFinite('ξ', xi);
}

function side(low: number, high: number): [centre: number, half: number] {
  return [0.5 * (low + high), 0.5 * (high - low)];
}

function halfCell({ axes }: GridLaw, a: number): number {
  return 0.5 * cellWidth(axes[a]);
}

function sumOver(count: number, term: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum;
}
