import type { MatrixRef } from '../kernels/instruction.ts';
import { literal, type ProgramBuilder } from '../kernels/program.ts';
import { requireFinite } from '../numeric/checks.ts';
import type { Field, FieldGradients, FieldInput, FieldTrace } from './field.ts';

/**
 * `h ↦ factor · f(h)`: a field with a residual scale, such as 1/(LH). Parameters are those of f.
 *
 * @throws MesoscopeError `not-finite`
 */
export function scaleField(field: Field, factor: number): Field {
  requireFinite('factor', [factor]);
  const alpha = literal(factor);

  function trace(builder: ProgramBuilder, input: FieldInput): FieldTrace {
    const inner = field.trace(builder, input);
    const scale = (x: MatrixRef): MatrixRef => {
      const y = builder.scratch(x.rows, x.columns);
      builder.emit({ op: 'axpy', x, y, alpha, accumulate: false });
      return y;
    };
    return {
      value: scale(inner.value),
      pullback: (p: MatrixRef, gradients: FieldGradients) => inner.pullback(scale(p), gradients),
    };
  }

  return { ...field, name: `${factor} · (${field.name})`, trace };
}
