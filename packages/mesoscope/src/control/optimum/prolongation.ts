import type { Backend } from '../../kernels/backend.ts';
import type { ControlModel } from '../control-model.ts';
import { type Prolongation, prolongParameters } from '../refinement.ts';
import { type Optimum, solveModel, solveOverDepths } from './optimum.ts';

/** What one way costs over another. */
export interface CostRatio {
  readonly gradients: number;
  readonly seconds: number;
}

/** The tolerance of coarser depths whose solutions are starts only: far below what prolongation itself misses. */
export const looseTolerance = 1e-3;

/** What prolongation is worth on one problem. */
export interface ProlongationWorth {
  readonly solutions: readonly Optimum[];
  /** `J_{2L}(prolonged) − V_{2L}` for each depth L but the last, controls repeated or interpolated. */
  readonly repeatGaps: readonly number[];
  readonly linearGaps: readonly number[];
  /** J of the last depth's random start, above its optimum. */
  readonly randomGap: number;
  /** Random start over prolonged start, at the last depth: gradients and seconds. */
  readonly last: CostRatio;
  /** Random start over the whole refinement with every depth solved to the same tolerance: layer gradients and seconds. */
  readonly whole: CostRatio;
  /** The same where the coarser depths are solved to {@link looseTolerance} only. */
  readonly nested: CostRatio;
  /** J at the end of both, random minus refined. */
  readonly difference: number;
}

/**
 * Solves one problem by depth refinement and its last depth from a random start, to the same tolerance.
 *
 * @param modelOf - the problem on L layers, at the start of the refinement or at a random one
 */
export function measureProlongation(
  backend: Backend,
  depths: readonly number[],
  modelOf: (layers: number, start: 'first' | 'random') => ControlModel,
): ProlongationWorth {
  const firstOf = (layers: number) => modelOf(layers, 'first');
  const solutions = solveOverDepths(backend, depths, firstOf);
  const gapsOf = (prolongation: Prolongation) =>
    solutions.slice(1).map((next, i) =>
      backend.scoped(() => {
        const { layout, grid } = firstOf(solutions[i].layers).problem;
        const { problem, parameters, batch } = firstOf(next.layers);
        parameters.set(prolongParameters(layout, grid, solutions[i].parameters, prolongation));
        return problem.evaluate(parameters, batch).objective - next.objective;
      }),
    );
  const last = solutions[solutions.length - 1];
  const random = backend.scoped(() => solveModel(modelOf(last.layers, 'random')));
  const nested = solveOverDepths(backend, depths, firstOf, { coarseTolerance: looseTolerance });
  const overWhole = (refinement: readonly Optimum[]) => ({
    gradients: (random.layers * random.gradients) / sumOf(refinement, workOf),
    seconds: random.seconds / sumOf(refinement, ({ seconds }) => seconds),
  });
  return {
    solutions,
    repeatGaps: gapsOf('repeat'),
    linearGaps: gapsOf('linear'),
    randomGap: random.startObjective - last.objective,
    last: {
      gradients: random.gradients / last.gradients,
      seconds: random.seconds / last.seconds,
    },
    whole: overWhole(solutions),
    nested: overWhole(nested),
    difference: random.objective - last.objective,
  };
}

function workOf({ layers, gradients }: Optimum): number {
  return layers * gradients;
}

function sumOf(solutions: readonly Optimum[], read: (optimum: Optimum) => number): number {
  return solutions.reduce((sum, optimum) => sum + read(optimum), 0);
}
