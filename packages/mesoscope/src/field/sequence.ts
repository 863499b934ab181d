import { type Field, shifted } from './field.ts';
import { joinFields } from './sum.ts';

/** A part of a {@link FieldSequence}, and where its parameters begin. */
export interface FieldPart {
  readonly field: Field;
  readonly start: number;
}

/** Fields that act one after the other within a layer. */
export interface FieldSequence extends Field {
  readonly parts: readonly FieldPart[];
}

/** Whether a field has parts that can take steps of their own. */
export function isSequence(field: Field): field is FieldSequence {
  return 'parts' in field;
}

/**
 * Fields one after the other, as the two halves of a transformer layer: `f(h) = f_1(h) + f_2(h + f_1(h)) + …`, so that Euler's
 * step of length 1 is the layer `h ← h + f_1(h), h ← h + f_2(h), …`. A flow may also split its steps: then each part takes a
 * step of its own, whatever its length. Blocks are named as by {@link sumOf}.
 *
 * ```ts
 * inSequence({ attention: prenormalise(attention({ … }), …), feedForward: prenormalise(feedForward({ … }), …) })
 * ```
 *
 * @throws MesoscopeError `invalid-value` (no field), `shape-mismatch` (dimensions differ)
 */
export function inSequence(fields: Readonly<Record<string, Field>>): FieldSequence {
  const { dimension, parameters } = joinFields(fields);
  const parts = Object.entries(fields).map(([name, field]) => ({
    field,
    start: parameters.starts[name],
  }));
  return {
    name: Object.keys(fields).join(', then '),
    dimension,
    parameters,
    parts,
    trace(builder, input) {
      const [first, ...others] = parts.map(({ field, start }) => ({
        field,
        theta: shifted(input.parameters, start),
      }));
      const write = (part: typeof first, state: typeof input.state) =>
        part.field.trace(builder, { ...input, state, parameters: part.theta });
      let increment = write(first, input.state);
      for (const part of others) {
        const state = builder.scale(input.state);
        const next = write(part, builder.add(increment, state));
        increment = builder.add(next, builder.scale(increment));
      }
      return increment;
    },
  };
}
