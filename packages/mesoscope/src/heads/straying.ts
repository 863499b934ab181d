import { meanSquare } from './flow.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import type { LinearDecay } from './linear-decay.ts';
import type { HeadProblem } from './problem.ts';

/** At each law of a flow, bounds of the difference to what the linearised flow from the first one has. */
export interface Straying {
  /** Of `R − R*`. */
  readonly excess: Float64Array;
  /** Of `(∫|∇Ψ|²dρ)^{1/2}`. */
  readonly slope: Float64Array;
}

/**
 * How far a flow `u̇ = −Su − N(u)` may stray from the linearised one that starts with it. By Duhamel's formula the mode j of their
 * difference v is at most `∫_0^t e^{−μ_j(t−s)} |N_j(u(s))| ds` (trapezoidal rule), and to this comes what the Runge–Kutta step
 * changes in the mode. Then `|E − E_lin| ≤ Σ_j μ_j (|a_j v_j| + v_j²/2) + |⟨N_even, u⟩|/3 + |⟨N_odd, u⟩|/4` and
 * `|slope − slope_lin| ≤ |Sv| + |N|`. Nothing of it relies on first order on S: N is measured at the laws, see {@link nonlinearForce}.
 *
 * @param laws - parameters along the flow, a step of `rk4` apart
 */
export function straying(
  problem: HeadProblem,
  limit: HeadLaw,
  { rates, amplitudes }: LinearDecay,
  laws: readonly Float64Array[],
  step: number,
): Straying {
  const displacementOf = (law: Float64Array) => law.map((x, j) => x - limit.parameters[j]);
  const start = amplitudes(displacementOf(laws[0])).map(Math.abs);
  const integrals = new Float64Array(rates.length);
  let before = integrals;
  const excess = new Float64Array(laws.length);
  const slope = new Float64Array(laws.length);
  laws.forEach((law, k) => {
    const u = displacementOf(law);
    const { even, odd } = nonlinearForce(problem, limit, u);
    const forces = amplitudes(even.map((x, j) => x + odd[j])).map(Math.abs);
    let slopeSquare = 0;
    excess[k] = Math.abs(inner(even, u, limit)) / 3 + Math.abs(inner(odd, u, limit)) / 4;
    rates.forEach((rate, j) => {
      const decay = Math.exp(-rate * step);
      if (k > 0) integrals[j] = decay * integrals[j] + (step / 2) * (decay * before[j] + forces[j]);
      const linear = start[j] * decay ** k;
      const difference = integrals[j] + Math.abs(start[j] * rk4Factor(rate * step) ** k - linear);
      excess[k] += Math.abs(rate) * difference * (linear + difference / 2);
      slopeSquare += (rate * difference) ** 2;
    });
    before = forces;
    slope[k] = Math.sqrt(slopeSquare) + norm(even, limit) + norm(odd, limit);
  });
  return { excess, slope };
}

/**
 * `N(u) = ∇R(θ* + u) − Su` without S: the even part `(g(u) + g(−u))/2` with `g(u) = ∇R(θ* + u)`, and the odd one
 * `(4/3)(o(u) − 2o(u/2))` with `o(u) = (g(u) − g(−u))/2`, up to terms of order five.
 */
function nonlinearForce(problem: HeadProblem, limit: HeadLaw, u: Float64Array) {
  const at = (factor: number) => {
    const moved = limit.parameters.map((x, j) => x + factor * u[j]);
    const gradient = new Float64Array(u.length);
    const law = headLaw(limit.shape, moved, limit.weights);
    problem.firstVariation(problem.linearise(law), moved, gradient);
    return gradient;
  };
  const [ahead, behind, halfAhead, halfBehind] = [at(1), at(-1), at(0.5), at(-0.5)];
  return {
    even: ahead.map((x, j) => (x + behind[j]) / 2),
    odd: ahead.map((x, j) => (4 / 3) * ((x - behind[j]) / 2 - halfAhead[j] + halfBehind[j])),
  };
}

const norm = (u: Float64Array, limit: HeadLaw) => Math.sqrt(meanSquare(u, limit));

/** `Σ_i w_i ⟨u_i, v_i⟩`. */
function inner(u: Float64Array, v: Float64Array, { count, weights }: HeadLaw): number {
  const P = u.length / count;
  return u.reduce((sum, x, j) => sum + weights[Math.floor(j / P)] * x * v[j], 0);
}

/** By what a step of `rk4` multiplies the solution of `u̇ = −zu/step`. */
function rk4Factor(z: number): number {
  return 1 - z * (1 - (z / 2) * (1 - (z / 3) * (1 - z / 4)));
}
