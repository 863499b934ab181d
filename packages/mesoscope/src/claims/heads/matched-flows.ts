import { headFlow } from '../../heads/flow.ts';
import type { HeadLaw } from '../../heads/head-law.ts';
import { monotonicityQuotient } from '../../heads/matching.ts';
import type { HeadProblem } from '../../heads/problem.ts';

/** Two flows side by side, or one beside a law at rest. */
export interface MatchedFlows {
  readonly times: number[];
  /** W_2 of the two laws. */
  readonly distances: number[];
  readonly quotients: number[];
}

const step = 0.25;
const steps = 24;

/** ∇Ψ at a law's own heads. */
export function velocity(problem: HeadProblem, law: HeadLaw): Float64Array {
  const gradient = new Float64Array(law.parameters.length);
  problem.firstVariation(problem.linearise(law), law.parameters, gradient);
  return gradient;
}

/** Two flows side by side; a resting one is its law alone. */
export function follow(
  problem: HeadProblem,
  start: HeadLaw,
  other: HeadLaw,
  rests: boolean,
): MatchedFlows {
  const pair: MatchedFlows = { times: [], distances: [], quotients: [] };
  const options = { step: step / 4, steps: 4 * steps, scheme: 'rk4' as const };
  const second = headFlow(problem, other, options);
  const resting = { law: other, gradient: velocity(problem, other) };
  for (const state of headFlow(problem, start, options)) {
    const partner = rests ? resting : second.next().value;
    if (!partner) break;
    if (state.step % 4 !== 0) continue;
    const { quotient, distance } = monotonicityQuotient(state, partner);
    pair.times.push(state.time);
    pair.distances.push(distance);
    pair.quotients.push(quotient);
  }
  return pair;
}
