import type { Backend, FloatArray } from '../kernels/backend.ts';
import { stateLength } from '../kernels/program.ts';
import { controlAt, distributeToNodes } from './controls.ts';
import { defaultLimit, divergenceOf, stateLayout } from './entries.ts';
import {
  checkLayers,
  createPrograms,
  fieldLayers,
  fieldOfStep,
  longestParameters,
} from './field-layers.ts';
import { pullbackProgram } from './field-programs.ts';
import {
  checkControls,
  checkGradient,
  checkShape,
  checkStates,
  checkWeights,
} from './flow-checks.ts';
import type { Costates } from './flow-contract.ts';
import { checkGrid, layerCount } from './grid.ts';
import { dormandPrince } from './scheme.ts';
import { createStageParameters, stageDepth } from './stage-parameters.ts';
import { keptViews } from './trajectory.ts';
import type { Controls, DepthGrid, FlowShape, FlowStatus, LayeredShape } from './types.ts';

/** States of a flow at every depth: `at` of an adaptive trajectory. */
export type StateAtDepth = (t: number, out: FloatArray) => void;

export interface ContinuousCostateInput {
  /** Steps of the backward integration, which must contain the breakpoints of the controls and ends of layers; with the profile ζ. */
  readonly grid: DepthGrid;
  readonly controls: Controls;
  /** h(t), as accurate as the costate should be. */
  readonly states: StateAtDepth;
  /** Key weights, S × stateLength(1, n), for a weighted flow. */
  readonly weights?: FloatArray;
  /** p(T) = ∂J/∂h(T), S × stateLength(d, n). */
  readonly terminalCostate: FloatArray;
  /** nodeCount × P, in backend memory: `+= ∫ ∂θ/∂node ζ Σ_samples D_θf(h, θ)ᵀ p dt`. */
  readonly gradient?: FloatArray;
  /** Whether p is kept at all depths of the grid; default false. */
  readonly keepCostates?: boolean;
}

export interface DensityInput {
  readonly controls: Controls;
  /** t, and the step [from, to] from which θ is seen. */
  readonly depth: number;
  readonly from: number;
  readonly to: number;
  /** h(t) and p(t), S × stateLength(d, n), in backend memory. */
  readonly state: FloatArray;
  readonly costate: FloatArray;
  readonly weights?: FloatArray;
}

export interface ContinuousAdjoint {
  /**
   * Integrates `−ṗ = ζ D_hf(h, θ)ᵀ p` from T to 0 by Dormand and Prince's scheme of order 5 on the given grid, and the
   * gradient with the same scheme's quadrature.
   *
   * @throws MesoscopeError `shape-mismatch`, `invalid-value`, `out-of-memory`
   */
  integrate(input: ContinuousCostateInput): Costates;
  /** The gradient's density without ζ, `out ← Σ_samples D_θf(h, θ(t))ᵀ p` (P numbers, in backend memory). */
  density(input: DensityInput, out: FloatArray): void;
}

/**
 * Prepares the continuous adjoint of a field, or of a field for each layer (Pontryagin's costate equation): the object that
 * the discrete adjoint of a flow approximates. The mean over samples is carried by the terminal costate.
 *
 * @throws MesoscopeError `invalid-value`, `out-of-memory`
 */
export function createContinuousAdjoint(
  backend: Backend,
  options: LayeredShape,
): ContinuousAdjoint {
  const { tokens, samples: most, weighted = false } = options;
  const stack = fieldLayers(options.field);
  const shape: FlowShape = { field: stack.fields[0], tokens, samples: most, weighted };
  checkShape(shape);
  const scheme = dormandPrince;
  const size = stateLength(shape.field.dimension, tokens);
  const parameterCount = longestParameters(stack);
  const stages = createStageParameters(backend, scheme, parameterCount);
  const theta = backend.allocate(parameterCount);
  const programs = createPrograms(stack.fields, (field) => {
    const compiled = (withGradient: boolean) =>
      backend.compile(pullbackProgram({ field, tokens, weighted }, withGradient));
    return { withGradient: compiled(true), withoutGradient: compiled(false) };
  });

  function integrate(input: ContinuousCostateInput): Costates {
    const { grid, controls, states, weights, terminalCostate, gradient } = input;
    const { keepCostates = false } = input;
    checkGrid(grid);
    checkLayers(stack, grid);
    const samples = checkStates('terminalCostate', terminalCostate, shape, size);
    checkControls(parameterCount, controls);
    checkGradient(controls, gradient);
    checkWeights(shape, weights, samples);
    const layers = layerCount(grid);
    const length = terminalCostate.length;
    const layout = stateLayout(shape, samples);
    const results = keepCostates ? layers + 1 : 1;
    const all = keptViews(backend.allocate(results * length), results);
    all[results - 1].set(terminalCostate);

    return backend.scoped(() => {
      const [state, stage, ...slopes] = keptViews(
        backend.allocate((scheme.c.length + 2) * length),
        scheme.c.length + 2,
      );
      const share = backend.allocate(parameterCount);
      const buffers: Record<string, FloatArray> = { state, costate: stage, gradient: share };
      if (weights !== undefined) buffers.weights = weights;
      let status: FlowStatus = { kind: 'completed' };
      for (let k = layers - 1; k >= 0 && status.kind === 'completed'; k--) {
        const from = grid.times[k];
        const to = grid.times[k + 1];
        const step = to - from;
        const { withGradient, withoutGradient } = programs(fieldOfStep(stack, from, to));
        const costate = all[keepCostates ? k + 1 : 0];
        // Depth runs backwards: stage i lies at to − c_i ε.
        stages.prepare(controls, to, from);
        scheme.c.forEach((c, i) => {
          const t = stageDepth(c, to, from);
          states(t, state);
          combine(costate, step, scheme.a[i], slopes, stage);
          buffers.stateGradient = slopes[i];
          buffers.theta = stages.vector(stages.pattern[i]);
          const run = { samples, buffers, scalars: { factor: grid.profile(t) } };
          if (gradient === undefined || scheme.b[i] === 0) {
            withoutGradient(run);
          } else {
            share.fill(0);
            withGradient(run);
            const combination = stages.combination(stages.pattern[i]);
            distributeToNodes(combination, share, gradient, step * scheme.b[i]);
          }
        });
        combine(costate, step, scheme.b, slopes, all[keepCostates ? k : 0]);
        const place = { step: k, depth: from };
        status = divergenceOf(all[keepCostates ? k : 0], layout, place, defaultLimit) ?? status;
      }
      return keepCostates ? { status, initial: all[0], all } : { status, initial: all[0] };
    });
  }

  function density(input: DensityInput, out: FloatArray): void {
    const { controls, depth, from, to, state, costate, weights } = input;
    controlAt(controls, depth, from, to, theta);
    backend.scoped(() => {
      out.fill(0);
      const stateGradient = backend.allocate(state.length);
      const buffers: Record<string, FloatArray> = {
        state,
        costate,
        stateGradient,
        theta,
        gradient: out,
      };
      if (weights !== undefined) buffers.weights = weights;
      const { withGradient } = programs(fieldOfStep(stack, from, to));
      withGradient({ samples: state.length / size, buffers, scalars: { factor: 1 } });
    });
  }

  return { integrate, density };
}

/** `out ← y + ε Σ_j w_j k_j`; out may be y. */
function combine(
  y: FloatArray,
  step: number,
  weights: readonly number[],
  slopes: readonly FloatArray[],
  out: FloatArray,
): void {
  for (let i = 0; i < y.length; i++) {
    let sum = 0;
    for (let j = 0; j < weights.length; j++) sum += weights[j] * slopes[j][i];
    out[i] = y[i] + step * sum;
  }
}
