import type { Backend, Executable, FloatArray } from '../kernels/backend.ts';
import { stateLength } from '../kernels/program.ts';
import { cellOf, distributeToNodes, nodeView } from './controls.ts';
import { defaultLimit } from './entries.ts';
import { checkLayers, fieldLayers, longestParameters } from './field-layers.ts';
import { checkBackward, checkForward, checkLimit, checkShape } from './flow-checks.ts';
import type { BackwardInput, Costates, Flow, FlowOptions, ForwardInput } from './flow-contract.ts';
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

/**
 * Prepares a flow: `ḣ = ζ(t) f(h, θ(t))` on a depth grid (a residual network, for Euler's scheme).
 *
 * @throws MesoscopeError `invalid-value`, `out-of-memory`
 */
export function createFlow(backend: Backend, options: FlowOptions): Flow {
  const { tokens, samples, scheme, weighted = false, split = false } = options;
  const { limit = defaultLimit, stepped } = options;
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
      const step = { field, tokens, scheme, weighted, split, pattern: [...stages.pattern] };
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
    field = stack.fields[cellOf(stack.times, (from + to) / 2)];
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

  function forward(input: ForwardInput): Trajectory {
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
      stepped?.();
      status = judge(count, step, grid.times[step]) ?? status;
      if (status.kind === 'diverged' && state === spare) {
        kept[target].set(spare);
        state = kept[target];
      }
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
  function recompute(
    trajectory: Trajectory,
    first: number,
    last: number,
    states: readonly FloatArray[],
  ): void {
    const { grid, controls, weights, samples: count } = trajectory;
    const buffers: Record<string, FloatArray> = { norm: norms };
    if (weights !== undefined) buffers.weights = weights;
    buffers.next = trajectory.state(first);
    for (let k = first; k + 1 < last; k++) {
      buffers.h = buffers.next;
      buffers.next = states[k - first];
      bind(grid, controls, k, buffers);
      program('step')({ samples: count, buffers, scalars });
    }
  }

  function backward(input: BackwardInput): Costates {
    checkBackward(shape, input, size);
    const { trajectory, terminalCostate, gradient, keepCostates = false } = input;
    const { grid, controls, weights, segment, samples: count } = trajectory;
    const layers = layerCount(grid);
    const length = count * size;
    const results = keepCostates ? layers + 1 : 1;
    const all = keptViews(backend.allocate(results * length), results);
    const initial = all[0];
    if (keepCostates) all[layers].set(terminalCostate);

    return backend.scoped(() => {
      const between = segment - 1;
      const segmentStates = keptViews(backend.allocate(between * length), between);
      const spare = spareStates.subarray(0, length);
      const buffers: Record<string, FloatArray> = { norm: norms, previous: terminalCostate };
      if (weights !== undefined) buffers.weights = weights;
      let status: FlowStatus = { kind: 'completed' };
      for (let j = Math.ceil(layers / segment) - 1; j >= 0 && status.kind === 'completed'; j--) {
        const first = j * segment;
        const last = keptDepth(j + 1, layers, segment);
        recompute(trajectory, first, last, segmentStates);
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
          stepped?.();
          status = judge(count, k, grid.times[k]) ?? status;
        }
      }
      return keepCostates ? { status, initial, all } : { status, initial };
    });
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

  return {
    backend,
    field: options.field,
    tokens,
    samples,
    scheme,
    stateLength: size,
    forward,
    backward,
  };
}
