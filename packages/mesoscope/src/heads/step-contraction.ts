import { headFlow } from './flow.ts';
import type { HeadLaw } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

/**
 * By how much halving the steps contracts what it moves: `|θ − θ'|/|θ' − θ''|` for the heads at the end of three runs, the one with most
 * steps first. It tends to 2^{−p} for a scheme of order p, and is 0 where only rounding moves the heads.
 *
 * @param ends - heads at the end, of runs with more and more steps; the last three count
 * @param steps - of the last run
 */
export function stepContraction(ends: readonly Float64Array[], steps: number): number {
  const [coarse, middle, fine] = ends.slice(-3);
  const moved = distance(fine, middle);
  return moved <= steps * Number.EPSILON * Math.hypot(...fine)
    ? 0
    : moved / distance(middle, coarse);
}

/** Contractions below show an order nearer to the 4 of the Runge–Kutta scheme than to none: the steps resolve the flow. */
export const resolvedContraction = 1 / 4;

/** {@link stepContraction} of the flow of a law up to T, by the Runge–Kutta scheme with `steps`, twice and four times as many. */
export function flowContraction(
  problem: HeadProblem,
  law: HeadLaw,
  horizon: number,
  steps: number,
): number {
  const ends = [steps, 2 * steps, 4 * steps].map((count) => {
    const states = headFlow(problem, law, { step: horizon / count, steps: count, scheme: 'rk4' });
    let end = law.parameters;
    for (const { law: now } of states) end = now.parameters;
    return end;
  });
  return stepContraction(ends, 4 * steps);
}

function distance(first: Float64Array, second: Float64Array): number {
  return Math.sqrt(first.reduce((sum, x, j) => sum + (x - second[j]) ** 2, 0));
}
