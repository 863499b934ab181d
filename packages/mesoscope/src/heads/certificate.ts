import type { HeadLaw } from './head-law.ts';
import type { HeadProblem, Linearisation } from './problem.ts';
import { type SearchOptions, type SearchResult, searchFirstVariation } from './search.ts';

/** How far a law of heads can be from the global optimum. */
export interface HeadCertificate {
  readonly risk: number;
  /** `Ψ(θ_i;ρ)` at the law's own heads. */
  readonly support: Float64Array;
  /** `∫Ψ dρ`. */
  readonly mean: number;
  /** `inf_θ Ψ(θ;ρ)` as the search found it; −∞ where it is. */
  readonly infimum: number;
  /**
   * The Frank–Wolfe gap `∫Ψdρ − inf Ψ ≥ R(ρ) − inf R` (by convexity of R); ∞ where inf Ψ = −∞. It is as good as the search:
   * `provedGap` is not.
   */
  readonly gap: number;
  /** The gap with the search's proved lower bound in place of the infimum: valid whatever the search missed. */
  readonly provedGap: number;
  readonly search: SearchResult;
  readonly linearisation: Linearisation;
}

/**
 * The Frank–Wolfe certificate of a law of heads. R is convex in ρ, hence `R(ρ) − R(ρ') ≤ ∫Ψ(·;ρ) d(ρ − ρ')` for every ρ'
 * (Jaggi, ICML 2013); ρ is optimal iff its support lies in argmin Ψ(·;ρ) (arXiv 2606.10469).
 */
export function certifyHeads(
  problem: HeadProblem,
  law: HeadLaw,
  options: SearchOptions = {},
): HeadCertificate {
  const linearisation = problem.linearise(law);
  const support = problem.firstVariation(linearisation, law.parameters);
  const mean = support.reduce((sum, psi, i) => sum + law.weights[i] * psi, 0);
  const also = Float64Array.of(...lowestHeads(law, support), ...(options.also ?? []));
  const search = searchFirstVariation(problem, linearisation, { ...options, also });
  const lowest = support.reduce((a, b) => Math.min(a, b));
  const infimum = Math.min(search.infimum, lowest);
  return {
    risk: linearisation.risk,
    support,
    mean,
    infimum,
    gap: mean - infimum,
    provedGap: mean - search.lowerBound,
    search,
    linearisation,
  };
}

/** The law's heads with the least Ψ, up to 16: where a search is worth starting. */
function lowestHeads({ parameters, count }: HeadLaw, support: Float64Array): Float64Array {
  const P = parameters.length / count;
  const order = [...support.keys()].sort((i, j) => support[i] - support[j]).slice(0, 16);
  const heads = new Float64Array(order.length * P);
  order.forEach((from, to) => {
    heads.set(parameters.subarray(from * P, (from + 1) * P), to * P);
  });
  return heads;
}
