import type { Field, FieldTrace } from '../field/field.ts';
import type { MatrixRef, ScalarRef } from '../kernels/instruction.ts';
import { one, type Program, ProgramBuilder, scaled } from '../kernels/program.ts';
import type { Scheme } from './types.ts';

/**
 * Which stages of a step see the same θ: stage i reads parameter slot `pattern[i]`. All stages of a step of
 * piecewise constant controls share slot 0, so that θ is bound once and its gradient gathered once.
 */
export type ParameterPattern = readonly number[];

/** What a step is written for. */
export interface StepShape {
  readonly field: Field;
  /** n. */
  readonly tokens: number;
  readonly scheme: Scheme;
  readonly pattern: ParameterPattern;
  readonly weighted: boolean;
}

/** Name of parameter slot p. */
export function parameterSlot(p: number): string {
  return `theta${p}`;
}

/** Name of the gradient accumulator that belongs to parameter slot p. */
export function gradientSlot(p: number): string {
  return `gradient${p}`;
}

/** Name of the scalar `ε ζ(t + c_i ε)`. */
export function stageScalar(stage: number): string {
  return `stage${stage}`;
}

/**
 * One explicit Runge–Kutta step of `ḣ = ζ f(h, θ)`:
 * `Y_i = h + Σ_{j<i} a_ij εζ_j f(Y_j, θ_j)`, `next = h + Σ_i b_i εζ_i f(Y_i, θ_i)`, `norm = max |next|`.
 * Slots: h, next (d×n, per sample), norm (1×1, per sample), theta{p} (shared), weights (1×n, per sample).
 */
export function stepProgram(shape: StepShape): Program {
  const { builder, h, traces, steps } = traceStages(shape);
  const next = builder.state('sample', 'next', shape.field.dimension, shape.tokens);
  const norm = builder.parameters('sample', 'norm', 1, 1);
  copy(builder, h, next);
  traces.forEach((trace, i) => {
    const weight = shape.scheme.b[i];
    if (weight !== 0) add(builder, trace.value, next, scaled(steps[i], weight));
  });
  builder.emit({ op: 'maxAbs', x: next, c: norm });
  return builder.program();
}

/**
 * All stages of one step, kept: as {@link stepProgram}, with stage 0 given instead of computed (it is the last
 * stage of the step before) and no norm. Slots: h, next, slope{i} = ζ_i f(Y_i, θ_i) (d×n, per sample),
 * theta{p} (shared). Scalars: `step` = ε, `profile{i}` = ζ(t + c_i ε).
 */
export function keptStagesProgram(shape: StepShape): Program {
  const { field, tokens, scheme } = shape;
  const builder = new ProgramBuilder();
  const dimension = field.dimension;
  const h = builder.state('sample', 'h', dimension, tokens);
  const next = builder.state('sample', 'next', dimension, tokens);
  const weights = declareWeights(builder, shape);
  const step = builder.scalar('step');
  const theta = declareParameters(builder, shape);
  const slopes = scheme.c.map((_, i) => builder.state('sample', `slope${i}`, dimension, tokens));
  const stageState = builder.scratch(dimension, tokens);
  for (let i = 1; i < scheme.c.length; i++) {
    copy(builder, h, stageState);
    scheme.a[i].forEach((a, j) => {
      if (a !== 0) add(builder, slopes[j], stageState, scaled(step, a));
    });
    const trace = field.trace(builder, {
      state: stageState,
      parameters: { slot: theta[shape.pattern[i]], offset: 0 },
      ...weights,
    });
    const alpha = builder.scalar(`profile${i}`);
    builder.emit({ op: 'axpy', x: trace.value, y: slopes[i], alpha, accumulate: false });
  }
  copy(builder, h, next);
  scheme.b.forEach((b, i) => {
    if (b !== 0) add(builder, slopes[i], next, scaled(step, b));
  });
  return builder.program();
}

/**
 * The exact transpose of {@link stepProgram}: from h and `costate` = ∂J/∂next to `previous` = ∂J/∂h, and, with
 * `withGradient`, `gradient{p} += ∂J/∂θ_p`. The stages are recomputed, then
 * `G_i = εζ_i (b_i costate + Σ_{j>i} a_ji Ȳ_j)`, `Ȳ_i = D_hf(Y_i, θ_i)ᵀ G_i`, `gradient += D_θf(Y_i, θ_i)ᵀ G_i`,
 * `previous = costate + Σ_i Ȳ_i`; `norm = max |previous|`.
 */
export function stepAdjointProgram(shape: StepShape, withGradient: boolean): Program {
  const { builder, traces, steps } = traceStages(shape);
  const { field, tokens, scheme, pattern } = shape;
  const dimension = field.dimension;
  const costate = builder.state('sample', 'costate', dimension, tokens);
  const previous = builder.state('sample', 'previous', dimension, tokens);
  const norm = builder.parameters('sample', 'norm', 1, 1);
  const gradients = withGradient
    ? slotsOf(pattern).map((p) =>
        builder.slot('accumulator', gradientSlot(p), field.parameters.length),
      )
    : [];
  const slopeCostate = builder.scratch(dimension, tokens);
  const stageCostates: MatrixRef[] = [];
  copy(builder, costate, previous);
  for (let i = traces.length - 1; i >= 0; i--) {
    const alpha = scaled(steps[i], scheme.b[i]);
    builder.emit({ op: 'axpy', x: costate, y: slopeCostate, alpha, accumulate: false });
    for (let j = i + 1; j < traces.length; j++) {
      const a = scheme.a[j][i] ?? 0;
      if (a !== 0) add(builder, stageCostates[j], slopeCostate, scaled(steps[i], a));
    }
    // Nothing precedes stage 0, so that its costate goes straight into the result.
    const stageCostate = i === 0 ? previous : builder.scratch(dimension, tokens);
    if (i > 0) builder.emit({ op: 'fill', y: stageCostate, value: 0 });
    traces[i].pullback(slopeCostate, {
      state: stageCostate,
      ...(withGradient ? { parameters: { slot: gradients[pattern[i]], offset: 0 } } : {}),
    });
    if (i > 0) {
      stageCostates[i] = stageCostate;
      add(builder, stageCostate, previous, one);
    }
  }
  builder.emit({ op: 'maxAbs', x: previous, c: norm });
  return builder.program();
}

interface TracedStages {
  readonly builder: ProgramBuilder;
  readonly h: MatrixRef;
  readonly traces: readonly FieldTrace[];
  /** `ε ζ(t + c_i ε)`. */
  readonly steps: readonly ScalarRef[];
}

function traceStages(shape: StepShape): TracedStages {
  const { field, tokens, scheme, pattern } = shape;
  const builder = new ProgramBuilder();
  const h = builder.state('sample', 'h', field.dimension, tokens);
  const weights = declareWeights(builder, shape);
  const theta = declareParameters(builder, shape);
  const steps = scheme.c.map((_, i) => builder.scalar(stageScalar(i)));
  const traces: FieldTrace[] = [];
  for (let i = 0; i < scheme.c.length; i++) {
    const state = i === 0 ? h : builder.scratch(field.dimension, tokens);
    if (i > 0) {
      copy(builder, h, state);
      scheme.a[i].forEach((a, j) => {
        if (a !== 0) add(builder, traces[j].value, state, scaled(steps[j], a));
      });
    }
    const parameters = { slot: theta[pattern[i]], offset: 0 };
    traces.push(field.trace(builder, { state, parameters, ...weights }));
  }
  return { builder, h, traces, steps };
}

function declareWeights(builder: ProgramBuilder, shape: StepShape): { weights?: MatrixRef } {
  return shape.weighted ? { weights: builder.state('sample', 'weights', 1, shape.tokens) } : {};
}

function declareParameters(builder: ProgramBuilder, shape: StepShape): number[] {
  return slotsOf(shape.pattern).map((p) =>
    builder.slot('shared', parameterSlot(p), shape.field.parameters.length),
  );
}

function slotsOf(pattern: ParameterPattern): number[] {
  return Array.from({ length: Math.max(...pattern) + 1 }, (_, p) => p);
}

function copy(builder: ProgramBuilder, x: MatrixRef, y: MatrixRef): void {
  builder.emit({ op: 'axpy', x, y, alpha: one, accumulate: false });
}

function add(builder: ProgramBuilder, x: MatrixRef, y: MatrixRef, alpha: ScalarRef): void {
  builder.emit({ op: 'axpy', x, y, alpha, accumulate: true });
}
