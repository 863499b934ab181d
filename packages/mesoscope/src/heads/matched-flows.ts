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
}

const step = 0.25;
const steps = 24;

/** Two flows side by side; a resting one is its law alone. */
export function follow(
  problem: HeadProblem,
  start: HeadLaw,
  other: HeadLaw,
  rests: boolean,
): MatchedFlows {
  const pair: MatchedFlows = { times: [], distances: [], quotients: [], largestHead: 0 };
  const options = { step: step / 4, steps: 4 * steps, scheme: 'rk4' as const };
  const second = headFlow(problem, other, options);
  const resting = { law: other, gradient: velocity(problem, other) };
  for (const state of headFlow(problem, start, options)) {
    const partner = rests ? resting : second.next().value;
    if (!partner) break;
    if (state.step % 4 !== 0) continue;
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

/** Norm of the largest head of a law. */
export function largestNorm({ parameters, count }: HeadLaw): number {
  const P = parameters.length / count;
  return Array.from({ length: count }, (_, i) =>
    Math.hypot(...parameters.subarray(i * P, (i + 1) * P)),
  ).reduce((a, b) => Math.max(a, b));
}
