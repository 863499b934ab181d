import { drawHeads } from './experiment.ts';
import { descend } from './growth.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

/** The least risk found with N heads of equal weight: descent from two draws of a law and from its rounded weights. */
export function leastRiskOf(
  problem: HeadProblem,
  law: HeadLaw,
  count: number,
  uniform: () => number,
): number {
  const drawn = [1, 2].map(() => drawHeads(law, count, uniform).law);
  const starts = [...drawn, roundedWeights(law, count)];
  return Math.min(...starts.map((start) => problem.risk(descend(problem, start, 100)).risk));
}

/** N equal weights that come closest to those of a law: largest remainders. */
function roundedWeights(law: HeadLaw, count: number): HeadLaw {
  const P = law.parameters.length / law.count;
  const copies = law.weights.map((w) => Math.floor(w * count));
  let left = count - copies.reduce((a, b) => a + b, 0);
  const order = [...law.weights.keys()].sort(
    (i, j) => law.weights[j] * count - copies[j] - (law.weights[i] * count - copies[i]),
  );
  for (const i of order) {
    if (left === 0) break;
    copies[i]++;
    left--;
  }
  const parameters = new Float64Array(count * P);
  let to = 0;
  copies.forEach((copiesOf, i) => {
    for (let c = 0; c < copiesOf; c++) {
      parameters.set(law.parameters.subarray(i * P, (i + 1) * P), P * to++);
    }
  });
  return headLaw(law.shape, parameters);
}
