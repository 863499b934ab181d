import { type Field, shifted } from '../field/field.ts';
import { type FieldPart, isSequence } from '../field/sequence.ts';
import type { MatrixRef, ScalarRef } from '../kernels/instruction.ts';
import { literal, type Program, ProgramBuilder, scaled } from '../kernels/program.ts';
import { pullBack } from '../kernels/pullback.ts';
import { tokenWeights } from './field-programs.ts';
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
  /** Whether each part of a field in sequence takes a step of its own; default false. */
  readonly split?: boolean;
  /** Whether tokens are set back on the unit sphere after the step; default false. */
  readonly sphere?: boolean;
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
  const builder = new ProgramBuilder();
  const next = builder.state('sample', 'next', shape.field.dimension, shape.tokens);
  traceStep(builder, shape, next);
  builder.maxAbs(next, builder.parameters('sample', 'norm', 1, 1));
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
  const weights = tokenWeights(builder, tokens, shape.weighted);
  const step = builder.scalar('step');
  const theta = declareParameters(builder, shape);
  const slopes = scheme.c.map((_, i) => builder.state('sample', `slope${i}`, dimension, tokens));
  const stageState = builder.scratch(dimension, tokens);
  for (let i = 1; i < scheme.c.length; i++) {
    builder.copy(h, stageState);
    scheme.a[i].forEach((a, j) => {
      if (a !== 0) builder.add(slopes[j], stageState, scaled(step, a));
    });
    const parameters = theta[shape.pattern[i]];
    const value = field.trace(builder, { state: stageState, parameters, weights });
    builder.scale(value, { into: slopes[i], alpha: builder.scalar(`profile${i}`) });
  }
  builder.copy(h, next);
  scheme.b.forEach((b, i) => {
    if (b !== 0) builder.add(slopes[i], next, scaled(step, b));
  });
  return builder.program();
}

/**
 * The exact transpose of {@link stepProgram}: from h and `costate` = ∂J/∂next to `previous` = ∂J/∂h, and, with
 * `withGradient`, `gradient{p} += ∂J/∂θ_p`; `norm = max |previous|`. The stages are recomputed, then pulled back.
 */
export function stepAdjointProgram(shape: StepShape, withGradient: boolean): Program {
  const { field, tokens } = shape;
  const builder = new ProgramBuilder();
  const value = builder.scratch(field.dimension, tokens);
  const { h, theta } = traceStep(builder, shape, value);
  const costate = builder.state('sample', 'costate', field.dimension, tokens);
  const previous = builder.state('sample', 'previous', field.dimension, tokens);
  const gradients = [{ of: h, into: previous, add: false }];
  if (withGradient) {
    theta.forEach((of, p) => {
      const into = builder.parameters('accumulator', gradientSlot(p), 1, of.columns);
      gradients.push({ of, into, add: true });
    });
  }
  pullBack(builder, { value, costate, gradients });
  builder.maxAbs(previous, builder.parameters('sample', 'norm', 1, 1));
  return builder.program();
}

/** Writes one step into `next`: of the field, or of its parts one after the other. */
function traceStep(builder: ProgramBuilder, shape: StepShape, next: MatrixRef) {
  const { field, tokens, scheme, weighted, sphere = false } = shape;
  const h = builder.state('sample', 'h', field.dimension, tokens);
  const weights = tokenWeights(builder, tokens, weighted);
  const theta = declareParameters(builder, shape);
  const steps = scheme.c.map((_, i) => builder.scalar(stageScalar(i)));
  const parts = partsOf(shape);
  let state = h;
  parts.forEach((part, p) => {
    const isLast = p === parts.length - 1 && !sphere;
    const into = isLast ? next : builder.scratch(field.dimension, tokens);
    traceStages(builder, shape, { ...part, state, into, theta, steps, weights });
    state = into;
  });
  if (sphere) {
    const unit = literal(1 / Math.sqrt(field.dimension));
    builder.scale(builder.normalise('rms', 0, state), { into: next, alpha: unit });
  }
  return { h, theta };
}

function partsOf({ field, split = false }: StepShape): readonly FieldPart[] {
  return split && isSequence(field) ? field.parts : [{ field, start: 0 }];
}

interface Step extends FieldPart {
  readonly state: MatrixRef;
  readonly into: MatrixRef;
  readonly theta: readonly MatrixRef[];
  readonly steps: readonly ScalarRef[];
  readonly weights: MatrixRef | undefined;
}

/** Writes one step of one field. */
function traceStages(
  builder: ProgramBuilder,
  { scheme, pattern }: StepShape,
  { field, start, state, into, theta, steps, weights }: Step,
): void {
  const values: MatrixRef[] = [];
  scheme.c.forEach((_, i) => {
    const stage = i === 0 ? state : builder.scale(state);
    scheme.a[i].forEach((a, j) => {
      if (a !== 0) builder.add(values[j], stage, scaled(steps[j], a));
    });
    const parameters = shifted(theta[pattern[i]], start);
    values.push(field.trace(builder, { state: stage, parameters, weights }));
  });
  builder.copy(state, into);
  scheme.b.forEach((b, i) => {
    if (b !== 0) builder.add(values[i], into, scaled(steps[i], b));
  });
}

/** The vectors θ that the stages of a step see, as rows. */
function declareParameters(builder: ProgramBuilder, { field, pattern }: StepShape): MatrixRef[] {
  return Array.from({ length: Math.max(...pattern) + 1 }, (_, p) =>
    builder.parameters('shared', parameterSlot(p), 1, field.parameters.length),
  );
}
