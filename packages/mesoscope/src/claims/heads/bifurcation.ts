import { diracStability, polishStationary, trainSingleHead } from '../../heads/dirac.ts';
import { randomHeads } from '../../heads/head-law.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Figure } from '../figure.ts';
import type { Setting } from '../legacy.ts';
import { randomExperiment } from './instance.ts';

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

/** Bifurcation diagram of a single trained head in λ. */
export function bifurcationFigure(backend: Backend, seed: number, setting: Setting): Figure {
  const count = setting === 'full' ? 40 : 16;
  const regularisations = Array.from({ length: count }, (_, i) => 0.3 * 100 ** (-i / (count - 1)));
  const branch = backend.scoped(() => {
    const problemAt = (regularisation: number) =>
      randomExperiment(backend, seed, 0, { regularisation }).problem;
    const problem = problemAt(regularisations[count - 1]);
    const random = randomStream(seed, 'bifurcation');
    const start = randomHeads(problem.shape, 1, random, { score: 1, value: 1 }).parameters;
    const trained = trainSingleHead(problem, start).head;
    return followDirac(problemAt, trained, regularisations.toReversed());
  });
  return branchFigure('B.dirac.bifurcation', branch);
}

/** The diagram of a branch. */
export function branchFigure(id: string, branch: Branch): Figure {
  const { regularisations: x, frozen, single, values } = branch;
  return {
    id,
    title: 'Stability of one trained head over λ',
    caption:
      'Lowest eigenvalues of H_Ψ (fluctuations) and H_Ψ + G (the head as a whole) at a trained head, followed in λ from small to large, and |V|. Below 0 a cloud of heads splits although no single head can improve.',
    x: { label: 'λ', scale: 'log' },
    y: { label: 'lowest eigenvalue, |V|/10' },
    marks: [
      { kind: 'rule', axis: 'y', at: 0, label: 'stability lost' },
      { kind: 'line', series: 'λ_min(H_Ψ)', x, y: frozen },
      { kind: 'dots', series: 'λ_min(H_Ψ)', x, y: frozen },
      { kind: 'line', series: 'λ_min(H_Ψ + G)', x, y: single },
      { kind: 'line', series: '|V|/10', x, y: values.map((v) => v / 10) },
    ],
  };
}
