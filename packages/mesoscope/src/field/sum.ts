import { MesoscopeError } from '../errors.ts';
import type { MatrixRef } from '../kernels/instruction.ts';
import type { ProgramBuilder } from '../kernels/program.ts';
import type { Field, FieldInput, ParameterBlock, ParameterRef } from './field.ts';

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
  const entries = Object.entries(summands);
  if (entries.length === 0) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'summands',
      received: [],
      expected: 'at least one field',
    });
  }
  const dimension = entries[0][1].dimension;
  const blocks: ParameterBlock[] = [];
  let length = 0;
  const terms = entries.map(([name, field]) => {
    if (field.dimension !== dimension) {
      throw new MesoscopeError({
        code: 'shape-mismatch',
        path: `dimension of ${name}`,
        received: [field.dimension],
        expected: [dimension],
      });
    }
    const start = length;
    for (const block of field.parameters.blocks) {
      blocks.push({ ...block, name: `${name}.${block.name}`, offset: start + block.offset });
    }
    length += field.parameters.length;
    return { field, start };
  });

  function trace(builder: ProgramBuilder, input: FieldInput): MatrixRef {
    const values = terms.map(({ field, start }) =>
      field.trace(builder, { ...input, parameters: shifted(input.parameters, start) }),
    );
    const sum = builder.scratch(dimension, input.state.columns);
    values.forEach((value, index) => {
      builder.scale(value, { into: sum, add: index > 0 });
    });
    return sum;
  }

  return {
    name: entries.map(([name]) => name).join(' + '),
    dimension,
    parameters: { blocks, length },
    trace,
  };
}

function shifted(parameters: ParameterRef, by: number): ParameterRef {
  return { slot: parameters.slot, offset: parameters.offset + by };
}
