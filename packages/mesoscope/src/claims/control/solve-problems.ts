import type { ClaimContext } from '../legacy.ts';
import { type Optimum, type SolveOptions, solveOverDepths } from './optima.ts';
import { type OptimumInstance, optimumModel } from './optimum-instance.ts';
import { overExperiments } from './over-experiments.ts';

export interface ProblemOverrides {
  readonly regularisation?: number;
  readonly smoothness?: number;
}

/** Solves all problems of an instance at all depths: one row for each problem. */
export function solveProblems(
  context: Pick<ClaimContext<unknown>, 'backend' | 'seed' | 'progress' | 'signal'>,
  instance: OptimumInstance,
  depths: readonly number[],
  options: SolveOptions & {
    readonly label?: string;
    readonly overrides?: ProblemOverrides;
    /** Default all of the instance. */
    readonly problems?: number;
  } = {},
): Promise<Optimum[][]> {
  const { backend, seed } = context;
  const { label = 'problems solved at all depths', overrides = {} } = options;
  const { problems = instance.problems } = options;
  return overExperiments(context, problems, label, (index) =>
    solveOverDepths(
      backend,
      depths,
      (layers) => optimumModel(backend, instance, { seed, index, layers, ...overrides }),
      options,
    ),
  );
}
