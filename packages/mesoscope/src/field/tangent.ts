import type { MatrixRef } from '../kernels/instruction.ts';
import type { ProgramBuilder } from '../kernels/program.ts';
import type { Field, FieldGradients, FieldInput, FieldTrace } from './field.ts';
import { writeZeros } from './zeros.ts';

/**
 * `f(h)_i ↦ P^⊥_{h_i} f(h)_i = f(h)_i − h_i ⟨h_i, f(h)_i⟩/|h_i|²`: the field projected onto the tangent space of the sphere
 * through each token, so that the flow keeps every |h_i| (arXiv 2312.10794). Parameters are those of f.
 */
export function tangent(field: Field): Field {
  function trace(builder: ProgramBuilder, input: FieldInput): FieldTrace {
    const { state } = input;
    const inner = field.trace(builder, input);
    const value = builder.scratch(state.rows, state.columns);
    builder.emit({ op: 'tangent', x: state, f: inner.value, y: value });

    function pullback(p: MatrixRef, gradients: FieldGradients): void {
      const gField = writeZeros(builder, state.rows, state.columns);
      builder.emit({
        op: 'tangentPullback',
        x: state,
        f: inner.value,
        p,
        gx: gradients.state ?? writeZeros(builder, state.rows, state.columns),
        gf: gField,
      });
      inner.pullback(gField, gradients);
    }

    return { value, pullback };
  }

  return { ...field, name: `${field.name}, tangent to the sphere`, trace };
}
