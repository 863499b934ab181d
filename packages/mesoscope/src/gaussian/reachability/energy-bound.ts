import { singularValueDecomposition } from '../../numeric/decompositions.ts';
import { multiply, transpose } from '../../numeric/matrix.ts';
import { norm } from '../../numeric/vector.ts';
import type { Endpoints } from './factor-path.ts';

/** A number that no controls can undercut, and why. */
export interface EnergyBound {
  /** `½∫(|U|² + |c|²)dt` is at least this. */
  readonly value: number;
  readonly reason: 'closed form in one dimension' | 'covariance' | 'mean';
}

/**
 * Lower bounds of the energy of every control that steers between two laws, of which the largest is given. With D the length of
 * a path in a metric that `√(|U|² + |c|²)` dominates, the energy is at least `D²/2T`:
 * - d = 1: the energy is the hyperbolic metric in (m/σ, 1/σ), so the bound is attained;
 * - covariance: `d log λ_i/dt = 2⟨q_i, Uq_i⟩` for the eigenvalues of Σ, and the range turns at the speed `|(I−P)UP|`, an
 *   orthogonal part of U: `D² = |θ|² + ¼|log λ(Σ_1) − log λ(Σ_0)|²`, eigenvalues sorted alike, θ the principal angles between
 *   the ranges. Attained by centred laws that commute, and by centred laws of rank 1;
 * - mean: `|ṁ| ≤ √(1 + |m|²) √(|U|² + |c|²)`. A path that stays within |m| ≤ R is at least `|m_1 − m_0|/√(1 + R²)` long, one
 *   that does not `2 asinh R − asinh|m_0| − asinh|m_1|`; and none is shorter than `|asinh|m_1| − asinh|m_0||`.
 */
export function energyLowerBound(endpoints: Endpoints): EnergyBound {
  const { from, to, horizon } = endpoints;
  if (from.mean.length === 1) {
    const length = hyperbolicLength(endpoints);
    return { value: length ** 2 / (2 * horizon), reason: 'closed form in one dimension' };
  }
  const covariance = covarianceLength(endpoints);
  const mean = meanLength(from.mean, to.mean);
  return covariance >= mean
    ? { value: covariance ** 2 / (2 * horizon), reason: 'covariance' }
    : { value: mean ** 2 / (2 * horizon), reason: 'mean' };
}

/** `acosh(1 + |Δ|²/2yy′)` between (m/σ, 1/σ) and (m′/σ′, 1/σ′), as 2 asinh, which does not cancel. */
function hyperbolicLength({ from, to }: Endpoints): number {
  const [s, t] = [Math.abs(from.factor.data[0]), Math.abs(to.factor.data[0])];
  const [[m], [n]] = [from.mean, to.mean];
  const distance = Math.hypot(m / s - n / t, 1 / s - 1 / t);
  return 2 * Math.asinh((distance * Math.sqrt(s * t)) / 2);
}

function covarianceLength({ from, to }: Endpoints): number {
  const [start, end] = [from.factor, to.factor].map((factor) => singularValueDecomposition(factor));
  const logs = start.values.map((value, i) => Math.log(end.values[i] / value));
  const angles =
    from.factor.rows === from.factor.columns
      ? []
      : singularValueDecomposition(multiply(transpose(start.left), end.left)).values.map((cosine) =>
          Math.acos(Math.min(1, cosine)),
        );
  return Math.hypot(norm(logs), norm(angles));
}

function meanLength(from: Float64Array, to: Float64Array): number {
  const [near, far] = [norm(from), norm(to)].sort((a, b) => a - b);
  const distance = norm(to.map((entry, i) => entry - from[i]));
  const inside = (radius: number) => distance / Math.hypot(1, radius);
  const outside = (radius: number) => 2 * Math.asinh(radius) - Math.asinh(near) - Math.asinh(far);
  // The first falls with the radius, the second grows: the best radius is where they meet.
  let [low, high] = [far, far + distance + 1];
  while (outside(high) < inside(high)) high *= 2;
  for (let k = 0; k < 100; k++) {
    const middle = 0.5 * (low + high);
    if (outside(middle) < inside(middle)) low = middle;
    else high = middle;
  }
  const radial = Math.asinh(far) - Math.asinh(near);
  return Math.max(radial, Math.min(inside(low), Math.max(0, outside(low))));
}
