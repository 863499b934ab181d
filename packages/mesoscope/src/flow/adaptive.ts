import type { Field } from '../field/field.ts';
import type { Backend, Executable, FloatArray } from '../kernels/backend.ts';
import { stateLength } from '../kernels/program.ts';
import { controlAt } from './controls.ts';
import { evaluateDense } from './dense-output.ts';
import { type IntegrationOptions, integrateEmbedded } from './embedded-integration.ts';
import { type EmbeddedStages, embeddedStepper } from './embedded-steps.ts';
import { stateLayout } from './entries.ts';
import {
  checkReach,
  createPrograms,
  fieldLayers,
  fieldOfStep,
  longestParameters,
} from './field-layers.ts';
import { evaluationProgram } from './field-programs.ts';
import { checkForward, checkShape } from './flow-checks.ts';
import { constantProfile, type DepthProfile } from './grid.ts';
import { dormandPrince } from './scheme.ts';
import { createStageParameters, stageDepth } from './stage-parameters.ts';
import { keptStagesProgram, parameterSlot } from './step-programs.ts';
import type { Controls, FlowShape, FlowStatus, LayeredShape } from './types.ts';

export interface AdaptiveInput extends IntegrationOptions {
  /** T. */
  readonly horizon: number;
  /** ζ; default 1. */
  readonly profile?: DepthProfile;
  readonly controls: Controls;
  /** h_0 of S samples, S × stateLength(d, n); copied. */
  readonly initial: FloatArray;
  /** Key weights, S × stateLength(1, n), for a weighted flow. */
  readonly weights?: FloatArray;
}

export interface AdaptiveTrajectory {
  readonly status: FlowStatus;
  /** S. */
  readonly samples: number;
  /** Depth reached. */
  readonly depth: number;
  readonly steps: number;
  readonly rejected: number;
  /** The state at the depth reached, in backend memory. */
  readonly last: FloatArray;
  /**
   * Writes the state at depth t, S × stateLength(d, n), by the interpolant of order 4.
   * @throws MesoscopeError `invalid-value` outside what was integrated, or without dense output
   */
  at(t: number, out: FloatArray): void;
}

export interface AdaptiveFlow {
  /**
   * Integrates `ḣ = ζ(t) f(h, θ(t))` from 0 to T; all samples share the steps, the error is that of the worst.
   * Results are allocated in the caller's scope.
   *
   * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value`, `out-of-memory`
   */
  integrate(input: AdaptiveInput): AdaptiveTrajectory;
}

/**
 * Prepares the adaptive integration of a field, or of a field for each layer, by Dormand and Prince's scheme 5(4) with dense output and events.
 * Steps land where a layer ends: inside one the equation is smooth, and the order of the scheme is what it is for one field.
 *
 * @throws MesoscopeError `invalid-value`, `out-of-memory`
 */
export function createAdaptiveFlow(backend: Backend, options: LayeredShape): AdaptiveFlow {
  const { tokens, samples: most, weighted = false } = options;
  const stack = fieldLayers(options.field);
  const shape: FlowShape = { field: stack.fields[0], tokens, samples: most, weighted };
  checkShape(shape);
  const scheme = dormandPrince.extended;
  const size = stateLength(shape.field.dimension, tokens);
  const parameterCount = longestParameters(stack);
  const stages = createStageParameters(backend, scheme, parameterCount);
  const theta = backend.allocate(parameterCount);
  const evaluations = createPrograms(stack.fields, (field) =>
    backend.compile(evaluationProgram({ field, tokens, weighted })),
  );
  const programs = new Map<string, Executable>();

  /** The program of the stages that were prepared last. */
  function step(field: Field): Executable {
    const key = `${stages.key} ${stack.fields.indexOf(field)}`;
    let compiled = programs.get(key);
    if (compiled === undefined) {
      const pattern = [...stages.pattern];
      compiled = backend.compile(keptStagesProgram({ field, tokens, scheme, weighted, pattern }));
      programs.set(key, compiled);
    }
    return compiled;
  }

  function stagesOf(input: AdaptiveInput, state: FloatArray, samples: number): EmbeddedStages {
    const { controls, profile = constantProfile, weights } = input;
    const next = backend.allocate(state.length);
    const slopes = scheme.c.map(() => backend.allocate(state.length));
    const buffers: Record<string, FloatArray> = { h: state, next };
    const fieldBuffers: Record<string, FloatArray> = { state, value: slopes[0], theta };
    if (weights !== undefined) {
      buffers.weights = weights;
      fieldBuffers.weights = weights;
    }
    slopes.forEach((slope, i) => {
      buffers[`slope${i}`] = slope;
    });
    const scalars: Record<string, number> = {};
    return {
      scheme: dormandPrince,
      layout: stateLayout(shape, samples),
      state,
      next,
      slopes,
      start(from, to) {
        controlAt(controls, from, from, to, theta);
        evaluations(fieldOfStep(stack, from, to))({
          samples,
          buffers: fieldBuffers,
          scalars: { factor: profile(from) },
        });
      },
      attempt(from, to) {
        stages.prepare(controls, from, to);
        for (let p = 0; p < stages.slots; p++) buffers[parameterSlot(p)] = stages.vector(p);
        scalars.step = to - from;
        for (let i = 1; i < scheme.c.length; i++) {
          scalars[`profile${i}`] = profile(stageDepth(scheme.c[i], from, to));
        }
        step(fieldOfStep(stack, from, to))({ samples, buffers, scalars });
      },
    };
  }

  function integrate(input: AdaptiveInput): AdaptiveTrajectory {
    const { horizon, profile = constantProfile, controls, initial } = input;
    const grid = { times: Float64Array.of(0, horizon), profile };
    checkForward(shape, parameterCount, { ...input, grid }, size);
    checkReach(stack, horizon);
    const samples = initial.length / size;
    const last = backend.allocate(initial.length);
    last.set(initial);
    // Of one field there is but one layer, without end.
    const ends = stack.fields.length === 1 ? [] : [...stack.times];
    const breakpoints = [...controls.breakpoints, ...ends];
    return backend.scoped(() => {
      const { status, depth, steps, rejected, interpolants } = integrateEmbedded(
        embeddedStepper(stagesOf(input, last, samples)),
        { from: 0, to: horizon, breakpoints },
        input,
      );
      return {
        status,
        samples,
        depth,
        steps,
        rejected,
        last,
        at: (t, out) => evaluateDense(interpolants, t, out),
      };
    });
  }

  return { integrate };
}
