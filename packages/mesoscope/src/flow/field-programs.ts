import type { Field } from '../field/field.ts';
import { type Program, ProgramBuilder } from '../kernels/program.ts';

export interface FieldShape {
  readonly field: Field;
  /** n. */
  readonly tokens: number;
  readonly weighted: boolean;
}

/** `value ← factor · f(state, theta)`. Slots: state, value (d×n, per sample), theta (shared), weights (if weighted). */
export function evaluationProgram(shape: FieldShape): Program {
  const { builder, trace } = traceField(shape);
  const alpha = builder.scalar('factor');
  const value = builder.state('sample', 'value', shape.field.dimension, shape.tokens);
  builder.emit({ op: 'axpy', x: trace.value, y: value, alpha, accumulate: false });
  return builder.program();
}

/**
 * `stateGradient ← factor · D_hf(state, theta)ᵀ costate` and, with `withGradient`,
 * `gradient += factor · D_θf(state, theta)ᵀ costate`, summed over samples.
 * Slots: state, costate, stateGradient (d×n, per sample), theta (shared), gradient (accumulator), weights (if weighted).
 */
export function pullbackProgram(shape: FieldShape, withGradient: boolean): Program {
  const { field, tokens } = shape;
  const { builder, trace } = traceField(shape);
  const alpha = builder.scalar('factor');
  const costate = builder.state('sample', 'costate', field.dimension, tokens);
  const state = builder.state('sample', 'stateGradient', field.dimension, tokens);
  const scaledCostate = builder.scratch(field.dimension, tokens);
  builder.emit({ op: 'axpy', x: costate, y: scaledCostate, alpha, accumulate: false });
  builder.emit({ op: 'fill', y: state, value: 0 });
  trace.pullback(scaledCostate, {
    state,
    ...(withGradient
      ? {
          parameters: {
            slot: builder.slot('accumulator', 'gradient', field.parameters.length),
            offset: 0,
          },
        }
      : {}),
  });
  return builder.program();
}

function traceField({ field, tokens, weighted }: FieldShape) {
  const builder = new ProgramBuilder();
  const state = builder.state('sample', 'state', field.dimension, tokens);
  const parameters = { slot: builder.slot('shared', 'theta', field.parameters.length), offset: 0 };
  const weights = weighted ? { weights: builder.state('sample', 'weights', 1, tokens) } : {};
  return { builder, trace: field.trace(builder, { state, parameters, ...weights }) };
}
