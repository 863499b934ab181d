import { createFlow } from '../../flow/flow.ts';
import type { Flow } from '../../flow/flow-contract.ts';
import { dormandPrince, euler, heun, rk4 } from '../../flow/scheme.ts';
import type { Trajectory } from '../../flow/trajectory.ts';
import type { Scheme } from '../../flow/types.ts';
import type { Backend } from '../../kernels/backend.ts';
import { type DepthExperiment, largestDistance } from './depth-experiment.ts';
import { type EulerBound, eulerBound } from './euler-bound.ts';

/** What is measured on one experiment. Errors of a recursion that diverged are infinite. */
export interface EulerErrors {
  /** `sup_k |h_k − h(t_k)|` for each depth, Euler's scheme. */
  readonly euler: readonly number[];
  /**
   * `sup_{t_k ≤ T/4} |h_k − h(t_k)|` for the schemes of orders 2 and 4: there fewer layers show the order, before errors have grown
   * as far as the states themselves.
   */
  readonly heun: readonly number[];
  readonly rk4: readonly number[];
  /** Grönwall's bound for each depth. */
  readonly bounds: readonly number[];
  readonly constants: EulerBound;
  /**
   * `sup` distance of the reference to one with half as many steps, which is farther from the flow by 2⁵; at least what rounding
   * makes of the additions of all layers.
   */
  readonly accuracy: number;
  /** The same over t ≤ T/4. */
  readonly earlyAccuracy: number;
}

/** Steps of a reference solution whose grid contains that of L layers: an even multiple of L, at least `least`. */
export function referenceSteps(layers: number, least: number): number {
  return layers * 2 * Math.max(1, Math.ceil(least / layers / 2));
}

export interface EulerErrorOptions {
  /** Steps of the reference solution, by Dormand and Prince's scheme of order 5; default 1024. */
  readonly leastSteps?: number;
  /** The share of the field's evaluations that is made. */
  progress?(share: number): void;
}

/** Errors of the residual recursions on L layers against the flow, for each L of `depths`. */
export function measureEulerErrors(
  backend: Backend,
  experiment: DepthExperiment,
  depths: readonly number[],
  { leastSteps = 1024, progress }: EulerErrorOptions = {},
): EulerErrors {
  const { field, tokens, samples } = experiment;
  const total = evaluations(depths, leastSteps);
  let made = 0;
  const flowOf = (scheme: Scheme) =>
    createFlow(backend, {
      field,
      tokens,
      samples,
      scheme,
      stepped() {
        made += scheme.c.length;
        progress?.(made / total);
      },
    });
  const exact = flowOf(dormandPrince);
  const schemes = [
    { flow: flowOf(euler), share: 1 },
    { flow: flowOf(heun), share: 1 / 4 },
    { flow: flowOf(rk4), share: 1 / 4 },
  ];
  const references = new Map<number, Trajectory>();
  const referenceFor = (layers: number): Trajectory => {
    const steps = referenceSteps(layers, leastSteps);
    const trajectory = references.get(steps) ?? run(exact, experiment, steps);
    references.set(steps, trajectory);
    return trajectory;
  };
  const errors = depths.map((layers) => {
    const reference = referenceFor(layers);
    return schemes.map(({ flow, share }) =>
      backend.scoped(() =>
        largestError(run(flow, experiment, layers), reference, experiment, share),
      ),
    );
  });
  const constants = eulerBound(backend, experiment);
  const accuracies = [...references].map(([steps, reference]) =>
    backend.scoped(() => {
      const coarser = run(exact, experiment, steps / 2);
      return [1, 1 / 4].map((share) => largestError(coarser, reference, experiment, share));
    }),
  );
  const rounding = Math.max(
    ...[...references.values()].map((reference) =>
      roundingOfLayers(depths[depths.length - 1], reference, experiment),
    ),
  );
  return {
    euler: errors.map(([error]) => error),
    heun: errors.map(([, error]) => error),
    rk4: errors.map(([, , error]) => error),
    bounds: depths.map((layers) => constants.perStep * longestStep(experiment, layers)),
    constants,
    accuracy: Math.max(rounding, ...accuracies.map(([whole]) => whole)),
    earlyAccuracy: Math.max(rounding, ...accuracies.map(([, early]) => early)),
  };
}

/** Of the field: by all schemes on L layers each, by the references and those of half their steps. */
function evaluations(depths: readonly number[], leastSteps: number): number {
  const references = new Set(depths.map((layers) => referenceSteps(layers, leastSteps)));
  const stages = ({ c }: Scheme) => c.length;
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((all, one) => all + one, 0);
  const perLayer = sum([euler, heun, rk4].map(stages));
  return perLayer * sum(depths) + 1.5 * stages(dormandPrince) * sum(references);
}

function run(flow: Flow, experiment: DepthExperiment, layers: number): Trajectory {
  const { controls, initial } = experiment;
  return flow.forward({ grid: experiment.grid(layers), controls, initial });
}

/**
 * `√L ε_machine sup_t |h(t)|`, what rounding makes of L additions to the states if its errors are independent (Higham, Accuracy and
 * Stability of Numerical Algorithms, 2.8); 0 where the flow left its limits.
 */
function roundingOfLayers(
  layers: number,
  { status, steps, state }: Trajectory,
  experiment: DepthExperiment,
): number {
  if (status.kind !== 'completed') return 0;
  const zero = new Float64Array(experiment.initial.length);
  const sizes = Array.from({ length: steps + 1 }, (_, k) =>
    largestDistance(state(k), zero, experiment),
  );
  return Math.sqrt(layers) * Number.EPSILON * Math.max(...sizes);
}

function longestStep(experiment: DepthExperiment, layers: number): number {
  const { times } = experiment.grid(layers);
  return times.slice(1).reduce((longest, t, k) => Math.max(longest, t - times[k]), 0);
}

/** `sup_k |h_k − h(t_k)|` over the first `share` of the layers, where the reference takes several steps for each. */
function largestError(
  layers: Trajectory,
  reference: Trajectory,
  experiment: DepthExperiment,
  share = 1,
): number {
  if ([layers, reference].some(({ status }) => status.kind !== 'completed')) return Infinity;
  const factor = reference.steps / layers.steps;
  let largest = 0;
  for (let k = 1; k <= Math.ceil(share * layers.steps); k++) {
    const distance = largestDistance(layers.state(k), reference.state(k * factor), experiment);
    largest = Math.max(largest, distance);
  }
  return largest;
}
