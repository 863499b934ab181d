import { randomStream } from '../numeric/random.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

/** Risks at laws that differ from one by rounding: as many as are compared. */
const copies = 16;

/**
 * What rounding leaves open in a difference of two risks near a law: the range of the risks where heads move by one rounding of their
 * entries (a backward error), but at least `4√n (ε/2) R`, which a mean over n positions keeps to with a probability of 1 − 2e^{−8}
 * (Higham & Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 41, 2019): laws an ulp apart round
 * alike, and show less than laws that are far apart.
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
  const positions = problem.data.weights.filter((weight) => weight > 0).length;
  const ofMean = 2 * Math.sqrt(positions) * Number.EPSILON * Math.abs(most);
  return Math.max(most - Math.min(...risks), ofMean);
}
