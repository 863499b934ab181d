import type { Backend, Executable, FloatArray } from '../kernels/backend.ts';
import { stateLength } from '../kernels/program.ts';
import { distributeToNodes, nodeView } from './controls.ts';
import { defaultLimit } from './entries.ts';
import { checkLayers, fieldLayers, fieldOfStep, longestParameters } from './field-layers.ts';
import { checkBackward, checkForward, checkLimit, checkShape } from './flow-checks.ts';
import type { BackwardInput, Costates, FlowOptions, ForwardInput } from './flow-contract.ts';
import { layerCount } from './grid.ts';
import { createStageParameters, isSingleNode, stageDepth } from './stage-parameters.ts';
import {
  gradientSlot,
  parameterSlot,
  stageScalar,
  stepAdjointProgram,
  stepProgram,
} from './step-programs.ts';
import {
  keptCount,
  keptDepth,
  keptViews,
  segmentLength,
  type Trajectory,
  trajectoryOf,
} from './trajectory.ts';
import type { Controls, DepthGrid, FlowShape, FlowStatus } from './types.ts';

/** The recursions of a flow, to be run step by step: they yield after every step and can be left there. */
export interface FlowSteps {
  readonly stateLength: number;
  /** {@link Flow.forward}. */
  forward(input: ForwardInput): Generator<void, Trajectory>;
  /** {@link Flow.backward}; the caller opens the scope in which everything but the results is allocated. */
  backward(input: BackwardInput, results: CostateRoom): Generator<void, Costates>;
  /** Checks the input of {@link backward} and allocates its results in the caller's scope. */
  room(input: BackwardInput): CostateRoom;
}

/** p_0, …, p_L, or p_0 alone. */
export type CostateRoom = readonly FloatArray[];

/**
 * Prepares the steps of a flow. Its workspaces are shared: of two runs one must end before the other begins.
 *
 * @throws MesoscopeError `invalid-value`, `out-of-memory`
 */
export function createFlowSteps(backend: Backend, options: FlowOptions): FlowSteps {
  const { tokens, samples, scheme, weighted = false, split = false } = options;
  const { limit = defaultLimit, sphere = false } = options;
  const stack = fieldLayers(options.field);
  const shape: FlowShape = { field: stack.fields[0], tokens, samples, weighted };
  checkShape(shape);
  checkLimit(limit);
  const size = stateLength(shape.field.dimension, tokens);
  const parameterCount = longestParameters(stack);
  const stages = createStageParameters(backend, scheme, parameterCount);
  const gathered = backend.allocate(scheme.c.length * parameterCount);
  const shares = scheme.c.map((_, p) => nodeView(gathered, parameterCount, p));
  const norms = backend.allocate(samples);
  const spareStates = backend.allocate(samples * size);
  const programs = new Map<string, Executable>();
  const scalars: Record<string, number> = {};
  let field = shape.field;

  /** The program of the step that was bound last. */
  function program(kind: 'step' | 'adjoint' | 'costate'): Executable {
    const key = `${kind}${stages.key} ${stack.fields.indexOf(field)}`;
    let compiled = programs.get(key);
    if (compiled === undefined) {
      const pattern = [...stages.pattern];
      const step = { field, tokens, scheme, weighted, split, sphere, pattern };
      compiled = backend.compile(
        kind === 'step' ? stepProgram(step) : stepAdjointProgram(step, kind === 'adjoint'),
      );
      programs.set(key, compiled);
    }
    return compiled;
  }

  /** Binds the field, θ and `εζ` at the stages of step k. */
  function bind(
    grid: DepthGrid,
    controls: Controls,
    k: number,
    buffers: Record<string, FloatArray>,
  ): void {
    const from = grid.times[k];
    const to = grid.times[k + 1];
    field = fieldOfStep(stack, from, to);
    stages.prepare(controls, from, to);
    for (let p = 0; p < stages.slots; p++) buffers[parameterSlot(p)] = stages.vector(p);
    scheme.c.forEach((c, i) => {
      scalars[stageScalar(i)] = (to - from) * grid.profile(stageDepth(c, from, to));
    });
  }

  /** The status of a step whose norms have just been computed. */
  function judge(count: number, step: number, depth: number): FlowStatus | undefined {
    for (let sample = 0; sample < count; sample++) {
      const norm = norms[sample];
      if (!(norm <= limit)) return { kind: 'diverged', step, depth, sample, norm };
    }
    return undefined;
  }

  function* forward(input: ForwardInput): Generator<void, Trajectory> {
    checkForward(shape, parameterCount, input, size);
    checkLayers(stack, input.grid);
    const { grid, controls, initial, weights, checkpoints = 'all' } = input;
    const layers = layerCount(grid);
    const count = initial.length / size;
    const segment = segmentLength(checkpoints, layers);
    const keptStates = keptCount(layers, segment);
    const kept = keptViews(backend.allocate(keptStates * initial.length), keptStates);
    const spare = spareStates.subarray(0, initial.length);
    kept[0].set(initial);

    const buffers: Record<string, FloatArray> = { norm: norms };
    if (weights !== undefined) buffers.weights = weights;
    let state = kept[0];
    let status: FlowStatus = { kind: 'completed' };
    let step = 0;
    while (step < layers && status.kind === 'completed') {
      const target = Math.floor(step / segment) + 1;
      // Alternating with the spare so that the kept state is written last.
      const remaining = keptDepth(target, layers, segment) - (step + 1);
      buffers.h = state;
      state = remaining % 2 === 0 ? kept[target] : spare;
      buffers.next = state;
      bind(grid, controls, step, buffers);
      program('step')({ samples: count, buffers, scalars });
      step++;
      status = judge(count, step, grid.times[step]) ?? status;
      if (status.kind === 'diverged' && state === spare) {
        kept[target].set(spare);
        state = kept[target];
      }
      yield;
    }
    return trajectoryOf({
      grid,
      controls,
      weights,
      samples: count,
      status,
      steps: step,
      segment,
      kept,
      last: state,
    });
  }

  /** Runs the steps from `first` again and leaves the states before `last` in `states`. */
  function* recompute(
    trajectory: Trajectory,
    first: number,
    last: number,
    states: readonly FloatArray[],
  ): Generator<void, void> {
    const { grid, controls, weights, samples: count } = trajectory;
    const buffers: Record<string, FloatArray> = { norm: norms };
    if (weights !== undefined) buffers.weights = weights;
    buffers.next = trajectory.state(first);
    for (let k = first; k + 1 < last; k++) {
      buffers.h = buffers.next;
      buffers.next = states[k - first];
      bind(grid, controls, k, buffers);
      program('step')({ samples: count, buffers, scalars });
      yield;
    }
  }

  function room(input: BackwardInput): CostateRoom {
    checkBackward(shape, input, size);
    const { trajectory, keepCostates = false } = input;
    const results = keepCostates ? layerCount(trajectory.grid) + 1 : 1;
    return keptViews(backend.allocate(results * trajectory.samples * size), results);
  }

  function* backward(input: BackwardInput, all: CostateRoom): Generator<void, Costates> {
    const { trajectory, terminalCostate, gradient, keepCostates = false } = input;
    const { grid, controls, weights, segment, samples: count } = trajectory;
    const layers = layerCount(grid);
    const length = count * size;
    const initial = all[0];
    if (keepCostates) all[layers].set(terminalCostate);
    const between = segment - 1;
    const segmentStates = keptViews(backend.allocate(between * length), between);
    const spare = spareStates.subarray(0, length);
    const buffers: Record<string, FloatArray> = { norm: norms, previous: terminalCostate };
    if (weights !== undefined) buffers.weights = weights;
    let status: FlowStatus = { kind: 'completed' };
    for (let j = Math.ceil(layers / segment) - 1; j >= 0 && status.kind === 'completed'; j--) {
      const first = j * segment;
      const last = keptDepth(j + 1, layers, segment);
      yield* recompute(trajectory, first, last, segmentStates);
      for (let k = last - 1; k >= first && status.kind === 'completed'; k--) {
        buffers.costate = buffers.previous;
        buffers.previous = keepCostates ? all[k] : k % 2 === 0 ? initial : spare;
        buffers.h = k === first ? trajectory.state(first) : segmentStates[k - first - 1];
        bind(grid, controls, k, buffers);
        if (gradient === undefined) {
          program('costate')({ samples: count, buffers, scalars });
        } else {
          adjointStep(gradient, buffers, count);
        }
        status = judge(count, k, grid.times[k]) ?? status;
        yield;
      }
    }
    return keepCostates ? { status, initial, all } : { status, initial };
  }

  /** One step back; a slot that is one node adds straight to that node's gradient. */
  function adjointStep(
    gradient: FloatArray,
    buffers: Record<string, FloatArray>,
    count: number,
  ): void {
    for (let p = 0; p < stages.slots; p++) {
      const combination = stages.combination(p);
      if (isSingleNode(combination)) {
        buffers[gradientSlot(p)] = nodeView(gradient, parameterCount, combination[0].node);
      } else {
        shares[p].fill(0);
        buffers[gradientSlot(p)] = shares[p];
      }
    }
    program('adjoint')({ samples: count, buffers, scalars });
    for (let p = 0; p < stages.slots; p++) {
      const combination = stages.combination(p);
      if (!isSingleNode(combination)) distributeToNodes(combination, shares[p], gradient);
    }
  }

  return { stateLength: size, forward, backward, room };
}
