import { headFlow } from './flow.ts';
import type { HeadLaw } from './head-law.ts';
import { monotonicityQuotient } from './matching.ts';
import type { HeadProblem } from './problem.ts';
import { velocity } from './strong-monotonicity.ts';

/** Two flows side by side, or one beside a law at rest. */
export interface MatchedFlows {
  readonly times: number[];
  /** W_2 of the two laws. */
  readonly distances: number[];
  readonly quotients: number[];
  /** Norm of the largest head that either flow meets. */
  largestHead: number;
  /** `(∫|∇Ψ|²dρ)^{1/2}` of a law at rest, which would be 0 at an exact optimum; 0 for two flows. */
  readonly restlessness: number;
}

const step = 0.25;
const steps = 24;

/**
 * Two flows side by side; a resting one is its law alone.
 *
 * @param substeps - Runge–Kutta steps between two recorded times
 */
export function follow(
  problem: HeadProblem,
  start: HeadLaw,
  other: HeadLaw,
  rests: boolean,
  substeps = 4,
): MatchedFlows {
  const resting = { law: other, gradient: velocity(problem, other) };
  const pair: MatchedFlows = {
    times: [],
    distances: [],
    quotients: [],
    largestHead: 0,
    restlessness: rests ? meanSpeed(resting) : 0,
  };
  const options = { step: step / substeps, steps: substeps * steps, scheme: 'rk4' as const };
  const second = headFlow(problem, other, options);
  for (const state of headFlow(problem, start, options)) {
    const partner = rests ? resting : second.next().value;
    if (!partner) break;
    if (state.step % substeps !== 0) continue;
    const { quotient, distance } = monotonicityQuotient(state, partner);
    pair.largestHead = Math.max(
      ...[pair.largestHead, largestNorm(state.law), largestNorm(partner.law)],
    );
    pair.times.push(state.time);
    pair.distances.push(distance);
    pair.quotients.push(quotient);
  }
  return pair;
}

/** Least `log(W_2(0)/W_2(t))/t` while W_2 stands clear of rounding. */
export function slowestRate({ times, distances }: MatchedFlows): number {
  const kept = times.map((_, k) => k).filter((k) => k > 0 && distances[k] > 1e-7 * distances[0]);
  return Math.min(...kept.map((k) => Math.log(distances[0] / distances[k]) / times[k]));
}

/** `(Σ_i w_i|g_i|²)^{1/2}`. */
function meanSpeed({ law, gradient }: { readonly law: HeadLaw; readonly gradient: Float64Array }) {
  const P = gradient.length / law.count;
  return Math.sqrt(gradient.reduce((sum, g, j) => sum + law.weights[Math.floor(j / P)] * g * g, 0));
}

/**
 * What else than the step bends {@link slowestRate}. Every step rounds coordinates of the largest head's size M, and W₂ is a
 * difference of them: `N ε M (1/W₂(0) + 1/W₂(t))/t`. And where the law at rest is not quite an optimum, its own speed v adds
 * ± v/W₂ to the rate.
 */
export function rateBackground({
  times,
  distances,
  largestHead,
  restlessness,
}: MatchedFlows): number {
  const rounded = 4 * steps * Number.EPSILON * largestHead;
  const kept = times.map((_, k) => k).filter((k) => k > 0 && distances[k] > 1e-7 * distances[0]);
  const each = kept.map(
    (k) =>
      (rounded / distances[0] + rounded / distances[k]) / times[k] + restlessness / distances[k],
  );
  return Math.max(0, ...each);
}

/** Norm of the largest head of a law. */
export function largestNorm({ parameters, count }: HeadLaw): number {
  const P = parameters.length / count;
  return Array.from({ length: count }, (_, i) =>
    Math.hypot(...parameters.subarray(i * P, (i + 1) * P)),
  ).reduce((a, b) => Math.max(a, b));
}
