import type { RandomStream } from '../numeric/random.ts';
import { leastRiskOf } from './equal-weights.ts';
import { type HeadExperiment, isSpread } from './experiment.ts';
import { growHeads } from './growth.ts';
import { featureSpread, labelledFeatures } from './labelled-features.ts';
import { type Sampling, type SamplingErrors, samplingErrors } from './sampling-errors.ts';

/** Numbers of heads of equal weight that are optimised. */
export const optimisedHeads = [1, 2, 4, 8, 16, 32];

/** Finitely many heads against a law, and against the optimal one. */
export interface FiniteHeads {
  /** Whether the law has different heads. */
  readonly spread: boolean;
  /** Draws of the law. */
  readonly away: SamplingErrors;
  /** Undefined without a penalty on unbounded parameters: there is no optimal law. */
  readonly optimum?: {
    readonly risk: number;
    /** ∫Ψdρ − inf Ψ, as the search saw it. */
    readonly gap: number;
    readonly fluctuations: number[][];
    /** Least risk found with N equal heads, over that of the law, for each of {@link optimisedHeads}. */
    readonly excess: number[];
    /** `(1/4N) E|Φ − z_ρ|²` at the optimum. */
    readonly bound: number[];
  };
}

/** Draws heads of a law and of the optimal one, and optimises N of equal weight. */
export function finiteHeadsOf(
  { problem, law }: HeadExperiment,
  sampling: Sampling,
  random: RandomStream,
): FiniteHeads {
  const away = samplingErrors(labelledFeatures(problem, law.parameters), law, sampling, random);
  const spread = isSpread(law);
  if (problem.regularisation === 0 && problem.radius === Number.POSITIVE_INFINITY) {
    return { spread, away };
  }
  const states = [...growHeads(problem, { tolerance: 1e-4, rounds: 16, search: { starts: 48 } })];
  const { law: best, certificate } = states[states.length - 1];
  const features = labelledFeatures(problem, best.parameters);
  const { fluctuations } = samplingErrors(features, best, sampling, random);
  const { risk, gap } = certificate;
  const squares = featureSpread(features, best.weights);
  const excess = optimisedHeads.map(
    (count) => leastRiskOf(problem, best, count, random.uniform) - risk,
  );
  const bound = optimisedHeads.map((count) => squares / (4 * count));
  return { spread, away, optimum: { risk, gap, fluctuations, excess, bound } };
}

/**
 * Limits of ratios at infinite N, for each group of draws of each law: `r_N = r + c/N + O(1/N²)`, extrapolated from the two largest
 * N, each twice the one before.
 */
export function limitsOf(
  laws: readonly SamplingErrors[],
  counts: readonly number[],
  ratio: (law: SamplingErrors, group: number, scale: number) => number,
): number[] {
  const last = counts.length - 1;
  return laws.flatMap((law) =>
    law.gaps.map((_, g) => 2 * ratio(law, g, last) - ratio(law, g, last - 1)),
  );
}

/**
 * By which factor the curvature of the cross-entropy changes where logits move by Δ: at most e^{max Δ − min Δ}, as its third
 * derivative is a third cumulant (generalised self-concordance: Bach, arXiv 0910.4627). Of N drawn heads
 * `max Δ − min Δ ≤ √2|Δ|`, in the mean square `√(2E|Φ − z_ρ|²/N)`; the bound is an eighth of that square.
 *
 * @param bound - of the smallest N
 */
export function curvatureChange({ bound: [largest] }: SamplingErrors): number {
  return Math.exp(Math.sqrt(8 * largest));
}
