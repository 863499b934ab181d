import { type Field, parameterLayout, parameterMatrix } from '../field/field.ts';
import { one } from '../kernels/program.ts';

/** `f(h, θ) = θ` on one token of R: the control is the velocity. */
export const velocity: Field = {
  name: 'velocity',
  dimension: 1,
  parameters: parameterLayout({ b: [1, 1] }),
  trace(builder, { state, parameters }) {
    const value = builder.scratch(1, state.columns);
    const b = parameterMatrix(velocity.parameters, parameters, 'b');
    builder.emit({ op: 'broadcast', b, c: value, accumulate: false });
    return {
      value,
      pullback(p, gradients) {
        if (gradients.parameters === undefined) return;
        const c = parameterMatrix(velocity.parameters, gradients.parameters, 'b');
        builder.emit({ op: 'rowSums', a: p, c, alpha: one, accumulate: true });
      },
    };
  },
};
