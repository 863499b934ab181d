import { MesoscopeError } from '../errors.ts';
import type { NormalisationKind } from '../kernels/instruction.ts';
import { requireName } from './check.ts';
import type { Field } from './field.ts';

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

  return {
    ...field,
    name: `${field.name} of the ${kind}-normalised state`,
    trace: (builder, input) =>
      field.trace(builder, { ...input, state: builder.normalise(kind, epsilon, input.state) }),
  };
}
