import { literal } from '../kernels/program.ts';
import { requireFinite } from '../numeric/checks.ts';
import type { Field } from './field.ts';

/**
 * `h ↦ factor · f(h)`: a field with a residual scale, such as 1/(LH). Parameters are those of f.
 *
 * @throws MesoscopeError `not-finite`
 */
export function scaleField(field: Field, factor: number): Field {
  requireFinite('factor', [factor]);
  const alpha = literal(factor);
  return {
    ...field,
    name: `${factor} · (${field.name})`,
    trace: (builder, input) => builder.scale(field.trace(builder, input), { alpha }),
  };
}
