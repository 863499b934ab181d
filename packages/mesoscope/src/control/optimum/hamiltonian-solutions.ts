import type { Backend } from '../../kernels/backend.ts';
import type { ControlModel } from '../control-model.ts';
import { hamiltonianProfile } from '../hamiltonian.ts';
import type { HamiltonianRecord } from './hamiltonian-record.ts';
import { type SolvedProblem, solveOverDepths, summariseSolutions } from './optimum.ts';

/** The Hamiltonian over the middles of the layers of one solution, with its mean and deviation over them. */
export type DepthProfile = Pick<
  HamiltonianRecord,
  'layers' | 'depths' | 'values' | 'mean' | 'deviation'
>;

/** One problem solved at all depths, with the Hamiltonian of each solution. */
export interface HamiltonianSolutions {
  readonly solved: SolvedProblem;
  readonly profiles: readonly DepthProfile[];
}

/**
 * Solves one problem at every depth and measures its Hamiltonian.
 *
 * @param start - `random`: every depth from its own random start, for which few iterations are enough to see jumping controls
 */
export function solveHamiltonians(
  backend: Backend,
  depths: readonly number[],
  modelOf: (layers: number) => ControlModel,
  start: 'reference' | 'random' = 'reference',
): HamiltonianSolutions {
  const random = start === 'random';
  const solutions = solveOverDepths(backend, depths, modelOf, {
    continuation: random ? 'none' : 'linear',
    tolerance: 1e-10,
    iterations: random ? 150 : 2000,
  });
  return {
    solved: summariseSolutions(modelOf, solutions),
    profiles: solutions.flatMap(
      (solution) => profileOf(backend, modelOf(solution.layers), solution.parameters) ?? [],
    ),
  };
}

function profileOf(
  backend: Backend,
  { problem, parameters, batch }: ControlModel,
  solution: Float64Array,
): DepthProfile | undefined {
  return backend.scoped(() => {
    parameters.set(solution);
    const trace = problem.trace(parameters, batch);
    if (trace.evaluation.flow.kind !== 'completed') return undefined;
    const { values, mean, deviation } = hamiltonianProfile(problem, parameters, trace);
    const { times } = problem.grid;
    const depths = Array.from(values, (_, k) => (times[k] + times[k + 1]) / 2);
    return { layers: values.length, depths, values: Array.from(values), mean, deviation };
  });
}
