import type { Field } from '../field/field.ts';
import type { MatrixRef } from '../kernels/instruction.ts';
import { type Program, ProgramBuilder } from '../kernels/program.ts';
import { pullBack } from '../kernels/pullback.ts';

export interface FieldShape {
  readonly field: Field;
  /** n. */
  readonly tokens: number;
  readonly weighted: boolean;
}

/** `value ← factor · f(state, theta)`. Slots: state, value (d×n, per sample), theta (shared), weights (if weighted). */
export function evaluationProgram(shape: FieldShape): Program {
  const { builder, value } = traceField(shape);
  const alpha = builder.scalar('factor');
  const into = builder.state('sample', 'value', shape.field.dimension, shape.tokens);
  builder.scale(value, { into, alpha });
  return builder.program();
}

/**
 * `stateGradient ← factor · D_hf(state, theta)ᵀ costate` and, with `withGradient`,
 * `gradient += factor · D_θf(state, theta)ᵀ costate`, summed over samples.
 * Slots: state, costate, stateGradient (d×n, per sample), theta (shared), gradient (accumulator), weights (if weighted).
 */
export function pullbackProgram(shape: FieldShape, withGradient: boolean): Program {
  const { field, tokens } = shape;
  const { builder, state, theta, value } = traceField(shape);
  const alpha = builder.scalar('factor');
  const costate = builder.state('sample', 'costate', field.dimension, tokens);
  const into = builder.state('sample', 'stateGradient', field.dimension, tokens);
  const gradients = [{ of: state, into, add: false }];
  if (withGradient) {
    const gradient = builder.parameters('accumulator', 'gradient', 1, theta.columns);
    gradients.push({ of: theta, into: gradient, add: true });
  }
  pullBack(builder, { value, costate: builder.scale(costate, { alpha }), gradients });
  return builder.program();
}

function traceField({ field, tokens, weighted }: FieldShape) {
  const builder = new ProgramBuilder();
  const state = builder.state('sample', 'state', field.dimension, tokens);
  const theta = builder.parameters('shared', 'theta', 1, field.parameters.length);
  const weights = tokenWeights(builder, tokens, weighted);
  const value = field.trace(builder, { state, parameters: theta, weights });
  return { builder, state, theta, value };
}

/** The slot of the tokens' weights as keys, of a weighted flow. */
export function tokenWeights(
  builder: ProgramBuilder,
  tokens: number,
  weighted: boolean,
): MatrixRef | undefined {
  return weighted ? builder.state('sample', 'weights', 1, tokens) : undefined;
}
