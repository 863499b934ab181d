import { randomStream } from '../numeric/random.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

/** Risks at laws that differ from one by rounding: as many as are compared. */
const copies = 16;

/**
 * What rounding leaves open in a difference of two risks near a law: the range of the risks where heads move by one rounding of their
 * entries (a backward error), but at least the spacing of numbers at two such risks.
 */
export function roundingOfRisk(
  problem: HeadProblem,
  { shape, parameters, weights }: HeadLaw,
): number {
  const random = randomStream(0, 'rounding of the risk');
  const risks = Array.from({ length: copies }, () => {
    const moved = parameters.map((x) => x * (1 + Number.EPSILON * random.normal()));
    return problem.risk(headLaw(shape, moved, weights)).risk;
  });
  const most = Math.max(...risks);
  return Math.max(most - Math.min(...risks), 2 * Number.EPSILON * Math.abs(most));
}
