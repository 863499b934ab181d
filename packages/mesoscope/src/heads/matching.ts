import { wassersteinDistance } from '../law/distance/transport.ts';
import { type HeadLaw, headParticles } from './head-law.ts';

/** The monotonicity of two velocity fields along an optimal matching. */
export interface MonotonicityQuotient {
  /** `∫⟨∇Ψ(θ;ρ) − ∇Ψ(θ';ρ'), θ − θ'⟩dπ / W_2²(ρ,ρ')`, π an optimal coupling. */
  readonly quotient: number;
  /** `W_2(ρ,ρ')`. */
  readonly distance: number;
}

/**
 * The quotient that bounds how two flows approach: while it is at least κ, `d/dt W_2 ≤ −κW_2`, since
 * `½ d/dt W_2²(ρ_t,ρ'_t) ≤ −∫⟨∇Ψ(θ;ρ_t) − ∇Ψ(θ';ρ'_t), θ − θ'⟩dπ` for an optimal π (Ambrosio, Gigli & Savaré, Gradient Flows,
 * ch. 8; arXiv 2606.10469).
 */
export function monotonicityQuotient(
  first: { readonly law: HeadLaw; readonly gradient: Float64Array },
  second: { readonly law: HeadLaw; readonly gradient: Float64Array },
): MonotonicityQuotient {
  const { plan } = wassersteinDistance(headParticles(first.law), headParticles(second.law));
  const P = first.law.parameters.length / first.law.count;
  let square = 0;
  let product = 0;
  plan.mass.forEach((mass, index) => {
    const [i, j] = [plan.from[index] * P, plan.to[index] * P];
    for (let a = 0; a < P; a++) {
      const difference = first.law.parameters[i + a] - second.law.parameters[j + a];
      square += mass * difference * difference;
      product += mass * difference * (first.gradient[i + a] - second.gradient[j + a]);
    }
  });
  return { quotient: product / square, distance: Math.sqrt(square) };
}

/** `W_2` between two laws of heads, exact. */
export function headDistance(first: HeadLaw, second: HeadLaw): number {
  return wassersteinDistance(headParticles(first), headParticles(second)).value;
}
