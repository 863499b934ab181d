import { literal } from '../kernels/program.ts';
import { requireFinite } from '../numeric/checks.ts';
import { type Field, joinLayouts, parameterLayout, parameterMatrix, shifted } from './field.ts';

/**
 * `h ↦ factor · f(h)`: a field with a residual scale, such as 1/(LH). Parameters are those of f.
 *
 * @throws MesoscopeError `not-finite`
 */
export function scaleField(field: Field, factor: number): Field {
  requireFinite('factor', [factor]);
  const alpha = literal(factor);
  return {
    name: `${factor} · (${field.name})`,
    dimension: field.dimension,
    parameters: field.parameters,
    trace: (builder, input) => builder.scale(field.trace(builder, input), { alpha }),
  };
}

/**
 * `h ↦ s ∘ f(h)`, s a vector in R^d: LayerScale (arXiv 2103.17239). Blocks `field.…` of f, then `output.scale`, d×1.
 */
export function scaleOutput(field: Field): Field {
  const { dimension } = field;
  const own = parameterLayout({ scale: [dimension, 1, 0, 1] });
  const joined = joinLayouts({ field: field.parameters, output: own });
  return {
    name: `${field.name}, each coordinate scaled`,
    dimension,
    parameters: joined,
    trace(builder, input) {
      const theta = shifted(input.parameters, joined.starts.output);
      const scale = parameterMatrix(own, theta, 'scale');
      return builder.scaleRows(scale, field.trace(builder, input));
    },
  };
}
