import { refuse, shapeMismatch } from '../numeric/checks.ts';
import { type Field, joinLayouts, shifted } from './field.ts';

/**
 * `f(h) = Σ_a f_a(h)`: fields acting side by side on the same state. The parameters are those of the summands one after
 * the other; block `B` of summand `a` is called `a.B`.
 *
 * ```ts
 * sumOf({ attention: attention({ … }), feedForward: feedForward({ … }) })
 * ```
 *
 * @throws MesoscopeError `invalid-value` (no summand), `shape-mismatch` (dimensions differ)
 */
export function sumOf(summands: Readonly<Record<string, Field>>): Field {
  const { dimension, parameters } = joinFields(summands);
  return {
    name: Object.keys(summands).join(' + '),
    dimension,
    parameters,
    trace(builder, input) {
      const values = Object.entries(summands).map(([name, field]) =>
        field.trace(builder, {
          ...input,
          parameters: shifted(input.parameters, parameters.starts[name]),
        }),
      );
      const sum = builder.scratch(dimension, input.state.columns);
      values.forEach((value, index) => {
        builder.scale(value, { into: sum, add: index > 0 });
      });
      return sum;
    },
  };
}

/** The common dimension and the joined parameters of fields. @throws MesoscopeError as {@link sumOf} */
export function joinFields(parts: Readonly<Record<string, Field>>) {
  const entries = Object.entries(parts);
  if (entries.length === 0) {
    refuse('fields', [], 'at least one field');
  }
  const { dimension } = entries[0][1];
  for (const [name, field] of entries) {
    if (field.dimension === dimension) continue;
    throw shapeMismatch(`dimension of ${name}`, [field.dimension], [dimension]);
  }
  const layouts = entries.map(([name, field]) => [name, field.parameters] as const);
  return { dimension, parameters: joinLayouts(Object.fromEntries(layouts)) };
}
