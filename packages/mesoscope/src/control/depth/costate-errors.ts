import { createAdaptiveFlow } from '../../flow/adaptive.ts';
import { createContinuousAdjoint } from '../../flow/costate.ts';
import { createFlow } from '../../flow/flow.ts';
import { horizonOf } from '../../flow/grid.ts';
import { euler, rk4 } from '../../flow/scheme.ts';
import type { Trajectory } from '../../flow/trajectory.ts';
import type { FlowStatus, Scheme } from '../../flow/types.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import type { AdjointExperiment } from './adjoint-experiment.ts';
import { largestDistance, reference } from './depth-experiment.ts';
import { referenceSteps } from './euler-errors.ts';

/** What is measured on one experiment. Errors of a recursion that diverged are infinite. */
export interface CostateErrors {
  /** How the integration of flow and adjoint ended. */
  readonly status: FlowStatus['kind'];
  /** `sup_k |p_k − p(t_k)|` for each depth. */
  readonly errors: readonly number[];
  /** `|p_L − p(T)|` for each depth: the part that the readout sees of the state's own error. */
  readonly terminal: readonly number[];
  /** `sup_t |p(t)|`, the largest over samples. */
  readonly largestCostate: number;
  /**
   * `sup_k` distance of the continuous adjoint to the exact adjoint of a scheme of order 4 on the same fine grid; at least what
   * rounding makes of the additions of all layers.
   */
  readonly referenceError: number;
}

/** p at the depths of a grid, S states each; none where flow or adjoint did not complete. */
type CostatePath = readonly FloatArray[] | undefined;

interface ContinuousCostates {
  readonly status: FlowStatus['kind'];
  readonly path: CostatePath;
}

/**
 * Distance between the costates that L residual layers back-propagate (from the softmax residual at their own h_L) and
 * those of the continuous adjoint (from the residual at the flow's h_T), for each L of `depths`.
 *
 * @param leastSteps - steps of the continuous adjoint's backward integration; default 512
 */
export function measureCostateErrors(
  backend: Backend,
  experiment: AdjointExperiment,
  depths: readonly number[],
  leastSteps = 512,
): CostateErrors {
  const references = new Map<number, ContinuousCostates>();
  const referenceFor = (layers: number): { steps: number; path: CostatePath } => {
    const steps = stepsFor(layers, leastSteps);
    const costates = references.get(steps) ?? continuousCostates(backend, experiment, steps);
    references.set(steps, costates);
    return { steps, path: costates.path };
  };
  const gaps = depths.map((layers) => {
    const { steps, path } = referenceFor(layers);
    return backend.scoped(() => {
      const discrete = backPropagate(backend, experiment, layers, euler);
      return distances(discrete?.costates, path, steps / layers, experiment);
    });
  });
  const [[steps, { path }]] = references;
  const largestCostate = largestNorm(path, experiment);
  const stopped = [...references.values()].find(({ status }) => status !== 'completed');
  return {
    status: stopped?.status ?? 'completed',
    errors: gaps.map((gap) => gap.largest),
    terminal: gaps.map((gap) => gap.last),
    largestCostate,
    referenceError: backend.scoped(() => {
      const discrete = backPropagate(backend, experiment, steps, rk4);
      const { largest } = distances(discrete?.costates, path, 1, experiment);
      const deepest = depths[depths.length - 1];
      return Math.max(largest, Math.sqrt(deepest) * Number.EPSILON * largestCostate);
    }),
  };
}

/** Steps of the backward integration: the layers themselves once they are enough. */
function stepsFor(layers: number, least: number): number {
  return layers >= least ? layers : referenceSteps(layers, least);
}

/** States and costates of a recursion of L layers. */
export interface DiscreteAdjoint {
  readonly trajectory: Trajectory;
  /** p_0, …, p_L, exact for the recursion, from the residual at its own last state. */
  readonly costates: readonly FloatArray[];
}

/** Runs L layers of a scheme there and back; nothing where they diverge. */
export function backPropagate(
  backend: Backend,
  experiment: AdjointExperiment,
  layers: number,
  scheme: Scheme,
): DiscreteAdjoint | undefined {
  const { field, tokens, samples, controls, initial, loss } = experiment;
  const flow = createFlow(backend, { field, tokens, samples, scheme });
  const trajectory = flow.forward({ grid: experiment.grid(layers), controls, initial });
  if (trajectory.status.kind !== 'completed') return undefined;
  const terminalCostate = backend.allocate(initial.length);
  loss.costate(trajectory.last, terminalCostate);
  const { status, all } = flow.backward({ trajectory, terminalCostate, keepCostates: true });
  return status.kind === 'completed' && all !== undefined
    ? { trajectory, costates: all }
    : undefined;
}

/** The continuous adjoint along an adaptively integrated flow, at the depths of a fine grid. */
function continuousCostates(
  backend: Backend,
  experiment: AdjointExperiment,
  steps: number,
): ContinuousCostates {
  const { field, tokens, samples, controls, initial, loss } = experiment;
  const grid = experiment.grid(steps);
  const { profile } = grid;
  const trajectory = createAdaptiveFlow(backend, { field, tokens, samples }).integrate({
    horizon: horizonOf(grid),
    profile,
    controls,
    initial,
    ...reference,
  });
  if (trajectory.status.kind !== 'completed') {
    return { status: trajectory.status.kind, path: undefined };
  }
  const terminalCostate = backend.allocate(initial.length);
  loss.costate(trajectory.last, terminalCostate);
  const { status, all } = createContinuousAdjoint(backend, { field, tokens, samples }).integrate({
    grid,
    controls,
    states: trajectory.at,
    terminalCostate,
    keepCostates: true,
  });
  return { status: status.kind, path: status.kind === 'completed' ? all : undefined };
}

/** Distances between p_k and p(t_k), where the second path has `factor` steps for each layer. */
function distances(
  layers: CostatePath,
  reference: CostatePath,
  factor: number,
  experiment: AdjointExperiment,
): { readonly largest: number; readonly last: number } {
  if (layers === undefined || reference === undefined) return { largest: Infinity, last: Infinity };
  const all = layers.map((p, k) => largestDistance(p, reference[k * factor], experiment));
  return { largest: Math.max(...all), last: all[all.length - 1] };
}

function largestNorm(path: CostatePath, experiment: AdjointExperiment): number {
  if (path === undefined) return Infinity;
  const zero = new Float64Array(path[0].length);
  return Math.max(...path.map((p) => largestDistance(p, zero, experiment)));
}
