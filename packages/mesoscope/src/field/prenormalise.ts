import { MesoscopeError } from '../errors.ts';
import type { MatrixRef, NormalisationKind } from '../kernels/instruction.ts';
import type { ProgramBuilder } from '../kernels/program.ts';
import { requireName } from './check.ts';
import type { Field, FieldGradients, FieldInput, FieldTrace } from './field.ts';
import { writeZeros } from './zeros.ts';

export const normalisationKinds: readonly NormalisationKind[] = ['layer', 'rms'];

export interface NormalisationOptions {
  /** `layer`: `(x − mean)/√(var + ε)`; `rms`: `x/√(|x|²/d + ε)`; no gain or bias: they fold into the next matrices. */
  readonly kind: NormalisationKind;
  /** ε > 0; default 1e-5. */
  readonly epsilon?: number;
}

/**
 * `h ↦ f(norm(h))`, token by token: a field that sees normalised tokens and moves the unnormalised ones. Parameters are
 * those of f. Source: arXiv 1607.06450 (layer), arXiv 1910.07467 (rms), arXiv 2002.04745 (before the layer).
 *
 * @throws MesoscopeError `invalid-value`, `unknown-name`
 */
export function prenormalise(field: Field, options: NormalisationOptions): Field {
  const { kind, epsilon = 1e-5 } = options;
  requireName('normalisation', kind, normalisationKinds);
  if (!(epsilon > 0 && Number.isFinite(epsilon))) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'epsilon',
      received: epsilon,
      expected: 'a finite number > 0',
    });
  }

  function trace(builder: ProgramBuilder, input: FieldInput): FieldTrace {
    const { state } = input;
    const normalised = builder.scratch(state.rows, state.columns);
    builder.emit({ op: 'normalise', kind, epsilon, x: state, y: normalised });
    const inner = field.trace(builder, { ...input, state: normalised });

    function pullback(p: MatrixRef, gradients: FieldGradients): void {
      if (gradients.state === undefined) {
        inner.pullback(p, gradients);
        return;
      }
      const gNormalised = writeZeros(builder, state.rows, state.columns);
      inner.pullback(p, { ...gradients, state: gNormalised });
      builder.emit({
        op: 'normalisePullback',
        kind,
        epsilon,
        x: state,
        p: gNormalised,
        g: gradients.state,
        accumulate: true,
      });
    }

    return { value: inner.value, pullback };
  }

  return { ...field, name: `${field.name} of the ${kind}-normalised state`, trace };
}
