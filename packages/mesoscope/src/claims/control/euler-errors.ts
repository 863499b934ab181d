import { createFlow } from '../../flow/flow.ts';
import type { Flow } from '../../flow/flow-contract.ts';
import { euler, heun, rk4 } from '../../flow/scheme.ts';
import type { Trajectory } from '../../flow/trajectory.ts';
import type { Scheme } from '../../flow/types.ts';
import type { Backend } from '../../kernels/backend.ts';
import { type DepthExperiment, largestDistance } from './depth-experiment.ts';
import { type EulerBound, eulerBound } from './euler-bound.ts';

/** What is measured on one experiment. Errors of a recursion that diverged are infinite. */
export interface EulerErrors {
  /** `sup_k |h_k − h(t_k)|` for each depth, Euler's scheme. */
  readonly euler: readonly number[];
  /** The same for the schemes of orders 2 and 4. */
  readonly heun: readonly number[];
  readonly rk4: readonly number[];
  /** Grönwall's bound for each depth. */
  readonly bounds: readonly number[];
  readonly constants: EulerBound;
  /** Distance between the reference and one with twice the steps, at T. */
  readonly referenceError: number;
}

/** Steps of a reference solution whose grid contains that of L layers: a multiple of L, at least 2L and `least`. */
export function referenceSteps(layers: number, least: number): number {
  return layers * Math.max(2, Math.ceil(least / layers));
}

/**
 * Errors of the residual recursions on L layers against the flow, for each L of `depths`.
 *
 * @param leastSteps - steps of the reference solution, by the classical Runge–Kutta scheme; default 1024
 */
export function measureEulerErrors(
  backend: Backend,
  experiment: DepthExperiment,
  depths: readonly number[],
  leastSteps = 1024,
): EulerErrors {
  const { field, tokens, samples } = experiment;
  const flowOf = (scheme: Scheme) => createFlow(backend, { field, tokens, samples, scheme });
  const exact = flowOf(rk4);
  const schemes = [flowOf(euler), flowOf(heun), exact];
  const references = new Map<number, Trajectory>();
  const referenceFor = (layers: number): Trajectory => {
    const steps = referenceSteps(layers, leastSteps);
    const trajectory = references.get(steps) ?? run(exact, experiment, steps);
    references.set(steps, trajectory);
    return trajectory;
  };
  const errors = depths.map((layers) => {
    const reference = referenceFor(layers);
    return schemes.map((flow) =>
      backend.scoped(() => largestError(run(flow, experiment, layers), reference, experiment)),
    );
  });
  const [reference] = references.values();
  const constants = eulerBound(backend, experiment);
  return {
    euler: errors.map(([error]) => error),
    heun: errors.map(([, error]) => error),
    rk4: errors.map(([, , error]) => error),
    bounds: depths.map((layers) => constants.perStep * longestStep(experiment, layers)),
    constants,
    referenceError: backend.scoped(() => {
      const finer = run(exact, experiment, 2 * (reference.grid.times.length - 1));
      const completed = [reference, finer].every(({ status }) => status.kind === 'completed');
      return completed ? largestDistance(reference.last, finer.last, experiment) : Infinity;
    }),
  };
}

function run(flow: Flow, experiment: DepthExperiment, layers: number): Trajectory {
  const { controls, initial } = experiment;
  return flow.forward({ grid: experiment.grid(layers), controls, initial });
}

function longestStep(experiment: DepthExperiment, layers: number): number {
  const { times } = experiment.grid(layers);
  return times.slice(1).reduce((longest, t, k) => Math.max(longest, t - times[k]), 0);
}

/** `sup_k |h_k − h(t_k)|`, where the reference takes several steps for each layer. */
function largestError(
  layers: Trajectory,
  reference: Trajectory,
  experiment: DepthExperiment,
): number {
  if ([layers, reference].some(({ status }) => status.kind !== 'completed')) return Infinity;
  const factor = reference.steps / layers.steps;
  let largest = 0;
  for (let k = 1; k <= layers.steps; k++) {
    const distance = largestDistance(layers.state(k), reference.state(k * factor), experiment);
    largest = Math.max(largest, distance);
  }
  return largest;
}
