import {
  piecewiseConstantControls,
  piecewiseLinearControls,
  prolongControls,
  sampleControls,
} from '../flow/controls.ts';
import { horizonOf, layerCount } from '../flow/grid.ts';
import type { DepthGrid } from '../flow/types.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import { shapeMismatch } from '../numeric/checks.ts';
import { type ControlLayout, parameterParts, partOf } from './parameters.ts';
import {
  minimise,
  type RateSchedule,
  type SolverStatus,
  type StepReport,
  type StochasticObjective,
  type UpdateRule,
  type UpdateRuleFactory,
} from './solvers/index.ts';

/**
 * How the controls of L layers start those of 2L: `repeat` gives both halves of a layer its θ (the same function of
 * depth, so that J changes by O(1/L) only, the error of the scheme); `linear` interpolates between the middles of
 * the layers.
 */
export type Prolongation = 'repeat' | 'linear';

/** A problem's layout on another number of layers. */
export function layoutOn(layout: ControlLayout, layers: number): ControlLayout {
  const { controls, readout, parametersPerLayer } = layout;
  const length = layers * parametersPerLayer;
  const change = length - controls.length;
  return {
    ...layout,
    controls: { offset: controls.offset, length },
    readout: { offset: readout.offset + change, length: readout.length },
    layers,
    length: layout.length + change,
  };
}

/** A problem's layout after every layer is halved. */
export function refinedLayout(layout: ControlLayout): ControlLayout {
  return layoutOn(layout, 2 * layout.layers);
}

/** Parameters of L layers as a start for 2L; all but the controls stay as they are. */
export function prolongParameters(
  layout: ControlLayout,
  grid: DepthGrid,
  parameters: FloatArray,
  prolongation: Prolongation,
): FloatArray {
  return onLayers(refinedLayout(layout), layout, parameters, (coarse, fine) => {
    const controls = piecewiseConstantControls(grid, layout.parametersPerLayer, coarse);
    prolongControls(controls, prolongation, fine);
  });
}

/**
 * A rule's memory of L layers as a start for 2L. Both halves of a layer inherit its moments, scaled as the
 * derivative is: `∂J/∂θ` of half a layer is half as large, so that a first moment is halved and a second one
 * quartered, and the rule's next step is the one it would have taken.
 *
 * @param power - how an entry scales with the derivative: 1 for `m`, 2 for `v`
 */
export function prolongMoment(
  layout: ControlLayout,
  moment: FloatArray,
  power: number,
): FloatArray {
  const count = layout.parametersPerLayer;
  const scale = 0.5 ** power;
  return onLayers(refinedLayout(layout), layout, moment, (coarse, fine) => {
    for (let i = 0; i < fine.length; i++) {
      const half = Math.floor(i / count);
      fine[i] = scale * coarse[Math.floor(half / 2) * count + (i % count)];
    }
  });
}

/** Powers of the derivative in the memories that the rules keep. */
const momentPower: Readonly<Record<string, number>> = { m: 1, v: 2 };

/**
 * The controls as a function of depth, linear between the middles of the layers and constant beyond the outermost ones,
 * sampled in the middles of another grid's layers: how fewer layers are cut out of many. All but the controls stay as
 * they are.
 */
export function sampleParameters(
  layout: ControlLayout,
  grid: DepthGrid,
  parameters: FloatArray,
  target: DepthGrid,
): FloatArray {
  const { layers, parametersPerLayer: P } = layout;
  return onLayers(layoutOn(layout, layerCount(target)), layout, parameters, (from, into) => {
    const nodes = new Float64Array((layers + 2) * P);
    nodes.set(from.subarray(0, P));
    nodes.set(from, P);
    nodes.set(from.subarray(from.length - P), (layers + 1) * P);
    const middles = grid.times.slice(1).map((t, k) => (grid.times[k] + t) / 2);
    const times = Float64Array.of(0, ...middles, horizonOf(grid));
    sampleControls(piecewiseLinearControls(times, P, nodes), target, 'middle', into);
  });
}

/** A vector laid out as `layout`, laid out for other layers: its controls by a rule, the rest as it is. */
function onLayers(
  target: ControlLayout,
  layout: ControlLayout,
  vector: FloatArray,
  controls: (from: FloatArray, into: FloatArray) => void,
): FloatArray {
  const result =
    vector instanceof Float64Array
      ? new Float64Array(target.length)
      : new Float32Array(target.length);
  for (const part of parameterParts) {
    const source = partOf(layout, vector, part);
    if (part === 'controls') controls(source, partOf(target, result, part));
    else partOf(target, result, part).set(source);
  }
  return result;
}

/** How long to train at a depth. Each stage has twice the layers of the one before it. */
export interface RefinementStage {
  readonly layers: number;
  readonly steps: number;
}

/** Where a refinement stands, in plain arrays: all that is needed to continue it. */
export interface RefinementState {
  /** Index of the stage. */
  readonly stage: number;
  /** Steps taken in this stage. */
  readonly step: number;
  readonly parameters: FloatArray;
  /** The rule's memory; empty at the very start. */
  readonly memory: Readonly<Record<string, FloatArray>>;
}

/** What a stage minimises. */
export interface StageProblem {
  readonly layout: ControlLayout;
  readonly grid: DepthGrid;
  readonly objective: StochasticObjective;
}

export interface RefineDepthOptions {
  readonly backend: Backend;
  readonly stages: readonly RefinementStage[];
  /** Default `repeat`. */
  readonly prolongation?: Prolongation | undefined;
  /** Makes a stage's problem inside the stage's memory scope. */
  readonly problem: (stage: RefinementStage, index: number) => StageProblem;
  readonly rule: UpdateRuleFactory;
  /** The rate at a step of a stage. */
  readonly rate: (stage: number) => RateSchedule;
  /** A stage ends when the norm of its gradient is at most this; default 0. */
  readonly tolerance?: number;
  readonly start: RefinementState;
  /** After every step. `state` copies where the refinement stands, for a checkpoint. */
  readonly report?: (
    report: StepReport & { readonly stage: number; readonly parameters: FloatArray },
    state: () => RefinementState,
  ) => Promise<void> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RefineDepthResult {
  /** `steps-done` once all stages are; else why the last one stopped. A small gradient ends a stage, not the run. */
  readonly status: SolverStatus;
  readonly state: RefinementState;
}

/**
 * Trains at L layers, prolongs the controls and the rule's memory to 2L, trains again, and so on. Nothing but the
 * start, the stages and the step number decides what is done, so that a run continued from a state ends with the
 * same numbers.
 *
 * @throws MesoscopeError `shape-mismatch` if the start does not fit its stage; `out-of-memory`
 */
export async function refineDepth(options: RefineDepthOptions): Promise<RefineDepthResult> {
  const { backend, stages, prolongation = 'repeat', rule, rate, report, signal } = options;
  const { tolerance = 0 } = options;
  let state = options.start;
  let status: SolverStatus = { kind: 'steps-done', steps: 0 };
  for (let index = state.stage; index < stages.length; index++) {
    const finished = await backend.scopedAsync(async () => {
      const { layout, grid, objective } = options.problem(stages[index], index);
      requireLength(state.parameters, layout.length);
      const parameters = backend.allocate(layout.length);
      const gradient = backend.allocate(layout.length);
      const update = rule(backend, layout.length);
      parameters.set(state.parameters);
      for (const [name, vector] of Object.entries(state.memory)) update.memory[name].set(vector);
      const here = (step: number) => copyState(index, step, parameters, update);
      let step = state.step;
      status = await minimise({
        objective,
        rule: update,
        parameters,
        gradient,
        rate: rate(index),
        steps: stages[index].steps,
        from: step,
        tolerance,
        remembered: stepsBefore(stages, index),
        signal,
        report: (values) => {
          step = values.step + 1;
          return report?.({ ...values, stage: index, parameters }, () => here(step));
        },
      });
      const stopped = status.kind === 'aborted' || status.kind === 'diverged';
      state = here(step);
      if (stopped || index === stages.length - 1) return true;
      state = refineState(state, layout, grid, prolongation);
      return false;
    });
    if (finished) break;
  }
  if (status.kind === 'steps-done') {
    status = { kind: 'steps-done', steps: stepsBefore(stages, stages.length) };
  }
  return { status, state };
}

function copyState(
  stage: number,
  step: number,
  parameters: FloatArray,
  rule: UpdateRule,
): RefinementState {
  const memory = Object.fromEntries(
    Object.entries(rule.memory).map(([name, vector]) => [name, vector.slice()]),
  );
  return { stage, step, parameters: parameters.slice(), memory };
}

function refineState(
  state: RefinementState,
  layout: ControlLayout,
  grid: DepthGrid,
  prolongation: Prolongation,
): RefinementState {
  const memory = Object.fromEntries(
    Object.entries(state.memory).map(([name, vector]) => [
      name,
      prolongMoment(layout, vector, momentPower[name] ?? 0),
    ]),
  );
  return {
    stage: state.stage + 1,
    step: 0,
    parameters: prolongParameters(layout, grid, state.parameters, prolongation),
    memory,
  };
}

function requireLength(parameters: FloatArray, expected: number): void {
  if (parameters.length === expected) return;
  throw shapeMismatch('parameters of the state to start from', [parameters.length], [expected]);
}

function stepsBefore(stages: readonly RefinementStage[], index: number): number {
  return stages.slice(0, index).reduce((sum, { steps }) => sum + steps, 0);
}
