import { inverse, symmetricEigen } from '../numeric/decompositions.ts';
import {
  add,
  frobeniusNorm,
  largestEntry,
  type Matrix,
  multiply,
  scale,
  symmetricPart,
  trace,
  transpose,
  zeros,
} from '../numeric/matrix.ts';
import { symmetricSquareRoot } from '../numeric/matrix-functions.ts';
import type { GaussianLayer } from './layer.ts';
import type { GaussianMoments } from './moments.ts';

/** What the functional `y = tr(V^{-1}Σ)` proves about a layer and a law. */
export interface SufficientCondition {
  /** `bounded`: Σ stays bounded for every law. `blow-up`: Σ becomes infinite no later than `time`. `none`: neither follows. */
  readonly conclusion: 'bounded' | 'blow-up' | 'none';
  /** The latest depth of the blow-up; null unless the conclusion is `blow-up`. */
  readonly time: number | null;
  /** One sentence. */
  readonly reason: string;
}

/**
 * Sufficient conditions for softmax layers with values `V_h = c_hV`, `V ≻ 0` symmetric. With `M = Σ_h c_h(B_h + B_hᵀ)` and
 * `y = tr(V^{-1}Σ)`, `ẏ = tr(ΣMΣ) + tr(Σ(V^{-1}W + WᵀV^{-1}))`, and so
 * - M ≺ 0: Σ is bounded, whatever W and the law;
 * - M ≻ 0: with `α = λ_min(M)/|V^{-1}|²`, ω the smallest eigenvalue of `V^{1/2}(V^{-1}W + WᵀV^{-1})V^{1/2}`: `ẏ ≥ αy² + ωy`,
 *   so Σ blows up by `log(1 + ω/(αy_0))/ω` (`1/(αy_0)` for ω = 0) if `αy_0 + ω > 0`.
 *
 * Source: arXiv 2606.07600 for the signs; the functional is a Lyapunov function of this project.
 */
export function sufficientCondition(
  layer: GaussianLayer,
  { covariance }: GaussianMoments,
): SufficientCondition {
  const shared = layer.attention === 'softmax' ? sharedValue(layer) : null;
  if (shared === null) return none('the heads do not share one symmetric positive definite V');
  const { V, M } = shared;
  const eigen = symmetricEigen(M).values;
  if (eigen[eigen.length - 1] < 0) {
    return { conclusion: 'bounded', time: null, reason: 'V ≻ 0 and M ≺ 0' };
  }
  if (!(eigen[0] > 0)) return none('M has eigenvalues of both signs, or 0');
  const inverseV = inverse(V);
  const root = symmetricSquareRoot(V);
  const drift = scale(2, symmetricPart(multiply(inverseV, layer.W)));
  const omega = symmetricEigen(symmetricPart(multiply(root, drift, root))).values[0];
  const alpha = eigen[0] / frobeniusNorm(inverseV) ** 2;
  const start = alpha * trace(multiply(inverseV, covariance));
  if (!(start + omega > 0))
    return none('M ≻ 0, but the law is so small that W may contract it first');
  const time = Math.abs(omega) <= 1e-12 * start ? 1 / start : Math.log1p(omega / start) / omega;
  return { conclusion: 'blow-up', time, reason: 'V ≻ 0, M ≻ 0 and the law is large enough' };
}

/** V with `V_h = c_hV`, |V| that of the first head, V ≻ 0; and M. */
function sharedValue({ heads, dimension: d }: GaussianLayer): { V: Matrix; M: Matrix } | null {
  if (heads.length === 0) return null;
  const first = heads[0].V;
  const V = trace(first) < 0 ? scale(-1, first) : first;
  if (largestEntry(add(V, transpose(V), -1)) > 0 || !(symmetricEigen(V).values[0] > 0)) return null;
  let M = zeros(d, d);
  for (const head of heads) {
    const c = trace(head.V) / trace(V);
    if (largestEntry(add(head.V, V, -c)) > 1e-14 * largestEntry(head.V)) return null;
    M = add(M, add(head.B, transpose(head.B)), c);
  }
  return { V, M };
}

function none(reason: string): SufficientCondition {
  return { conclusion: 'none', time: null, reason };
}
