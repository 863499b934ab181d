import { diracStability, polishStationary, trainSingleHead } from './dirac.ts';
import type { HeadProblem } from './problem.ts';

/** The lowest eigenvalues along a branch of single trained heads, over λ. */
export interface Branch {
  readonly regularisations: number[];
  readonly frozen: number[];
  readonly single: number[];
  /** |V| of the head: 0 where the head has died. */
  readonly values: number[];
}

/**
 * Follows a single trained head from large λ to small: each λ starts from the head before it.
 *
 * @param problemAt - the problem with this λ
 */
export function followDirac(
  problemAt: (regularisation: number) => HeadProblem,
  start: Float64Array,
  regularisations: readonly number[],
): Branch {
  const branch: Branch = { regularisations: [], frozen: [], single: [], values: [] };
  let head = start;
  for (const regularisation of regularisations) {
    const problem = problemAt(regularisation);
    const trained = polishStationary(problem, trainSingleHead(problem, head).head);
    head = trained.head;
    const { frozen, single } = diracStability(problem, head);
    const from = 2 * problem.shape.keyDimension * problem.shape.dimension;
    branch.regularisations.push(regularisation);
    branch.frozen.push(frozen.values[0]);
    branch.single.push(single.values[0]);
    branch.values.push(Math.hypot(...head.subarray(from)));
  }
  return branch;
}
