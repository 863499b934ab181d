import { refuse, shapeMismatch } from '../../numeric/checks.ts';
import { pseudoInverse, singularValueDecomposition } from '../../numeric/decompositions.ts';
import {
  add,
  frobeniusNorm,
  type Matrix,
  multiply,
  scale,
  subtract,
  symmetricPart,
  transpose,
} from '../../numeric/matrix.ts';
import type { GaussianLaw } from '../law.ts';
import type { Distance } from './distance.ts';

/**
 * The Bures–Wasserstein distance, W_2 between Gaussians:
 * `W_2² = |m_0 − m_1|² + tr(Σ_0 + Σ_1 − 2(Σ_0^{1/2}Σ_1Σ_0^{1/2})^{1/2})` (Gelbrich, Math. Nachr. 147, 1990), computed
 * without cancellation as `|m_0 − m_1|² + ‖L_0 − L_1O‖_F²` with `L_i = Σ_i^{1/2}` and the rotation O that brings the
 * factors closest. Degenerate covariances are allowed.
 *
 * @throws MesoscopeError `shape-mismatch` if dimensions differ
 */
export function buresWasserstein(from: GaussianLaw, to: GaussianLaw): Distance {
  const aligned = alignedRoot(from, to);
  const shift = Math.hypot(...from.mean.map((entry, a) => entry - to.mean[a]));
  const value = Math.hypot(shift, frobeniusNorm(subtract(from.root, aligned)));
  const size = Math.max(
    frobeniusNorm(from.root),
    frobeniusNorm(aligned),
    ...from.mean.map(Math.abs),
  );
  return {
    value,
    certificate: { kind: 'rounding', error: 4 * from.dimension * Number.EPSILON * size },
    status: { kind: 'exact' },
  };
}

/**
 * The optimal map `x ↦ m_1 + T(x − m_0)` between Gaussians, `T = Σ_0^{-1/2}(Σ_0^{1/2}Σ_1Σ_0^{1/2})^{1/2}Σ_0^{-1/2}`,
 * symmetric positive semi-definite. For a degenerate Σ_0 the inverses are pseudo-inverses and T vanishes on the
 * kernel of Σ_0.
 *
 * @throws MesoscopeError `shape-mismatch`; `invalid-value` if no map exists, because Σ_1 needs more directions than
 *   Σ_0 has
 */
export function buresMap(from: GaussianLaw, to: GaussianLaw): Matrix {
  const aligned = alignedRoot(from, to);
  const map = multiply(aligned, pseudoInverse(from.root, { tolerance: 1e-8 }));
  const missed = frobeniusNorm(subtract(multiply(map, from.root), aligned));
  if (missed > 1e-8 * frobeniusNorm(aligned)) {
    refuse(
      'from.covariance',
      missed,
      'a covariance with the directions that the optimal coupling needs (received: the size of what no map reaches)',
      'Use buresGeodesic, which exists always, or add a small multiple of the identity.',
    );
  }
  return symmetricPart(map);
}

/**
 * The Wasserstein geodesic between Gaussians at time t in [0, 1]: mean `(1−t)m_0 + tm_1`, covariance `L_tL_tᵀ` with
 * `L_t = (1−t)L_0 + tL_1O` (see {@link buresWasserstein}); where the optimal map T exists this is
 * `((1−t)I + tT)Σ_0((1−t)I + tT)`. If the optimal coupling is not unique, one of them is followed.
 *
 * @throws MesoscopeError `shape-mismatch` if dimensions differ
 */
export function buresGeodesic(
  from: GaussianLaw,
  to: GaussianLaw,
): (t: number) => { readonly mean: Float64Array; readonly covariance: Matrix } {
  const aligned = alignedRoot(from, to);
  return (t) => {
    const factor = add(scale(1 - t, from.root), aligned, t);
    return {
      mean: from.mean.map((entry, a) => (1 - t) * entry + t * to.mean[a]),
      covariance: symmetricPart(multiply(factor, transpose(factor))),
    };
  };
}

/**
 * `L_1O` with `L_i = Σ_i^{1/2}` and `O = PRᵀ` from the singular value decomposition `L_1L_0 = PsRᵀ`: the factor of Σ_1
 * closest to L_0.
 */
function alignedRoot(from: GaussianLaw, to: GaussianLaw): Matrix {
  if (from.dimension !== to.dimension) throw shapeMismatch('to', [to.dimension], [from.dimension]);
  const { left, right } = singularValueDecomposition(multiply(to.root, from.root));
  return multiply(to.root, left, transpose(right));
}
