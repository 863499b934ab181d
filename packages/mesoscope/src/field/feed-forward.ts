import type { ActivationKind, MatrixRef } from '../kernels/instruction.ts';
import type { ProgramBuilder } from '../kernels/program.ts';
import { writeAffine, writeAffinePullback } from './affine.ts';
import { requireCount, requireName } from './check.ts';
import {
  type Field,
  type FieldGradients,
  type FieldInput,
  type FieldTrace,
  parameterLayout,
} from './field.ts';
import { writeZeros } from './zeros.ts';

export const activationKinds: readonly ActivationKind[] = ['tanh', 'relu', 'gelu', 'silu'];

export interface FeedForwardOptions {
  /** d. */
  readonly dimension: number;
  /** m, the width of the hidden layer. */
  readonly hidden: number;
  /** σ; default `gelu`. */
  readonly activation?: ActivationKind;
  /** Whether there are biases b1 and b2; default true. */
  readonly bias?: boolean;
}

/**
 * The position-wise feed-forward field `f(h)_i = W2 σ(W1 h_i + b1) + b2`, blocks W1 m×d, b1 m×1, W2 d×m, b2 d×1
 * (arXiv 1706.03762, section 3.3).
 *
 * @throws MesoscopeError `invalid-value`, `unknown-name`
 */
export function feedForward(options: FeedForwardOptions): Field {
  const { dimension, hidden, activation = 'gelu', bias = true } = options;
  requireCount('dimension', dimension);
  requireCount('hidden', hidden);
  requireName('activation', activation, activationKinds);
  const parameters = parameterLayout({
    W1: [hidden, dimension],
    ...(bias ? { b1: [hidden, 1, 0] as const } : {}),
    W2: [dimension, hidden],
    ...(bias ? { b2: [dimension, 1, 0] as const } : {}),
  });
  const first = bias ? { matrix: 'W1', bias: 'b1' } : { matrix: 'W1' };
  const second = bias ? { matrix: 'W2', bias: 'b2' } : { matrix: 'W2' };

  function trace(builder: ProgramBuilder, input: FieldInput): FieldTrace {
    const theta = input.parameters;
    const { state } = input;
    const before = writeAffine(builder, parameters, theta, first, state);
    const after = builder.scratch(hidden, state.columns);
    builder.emit({ op: 'activation', kind: activation, x: before, y: after });
    const value = writeAffine(builder, parameters, theta, second, after);

    function pullback(p: MatrixRef, gradients: FieldGradients): void {
      const gAfter = writeZeros(builder, hidden, state.columns);
      const { parameters: gTheta } = gradients;
      writeAffinePullback(builder, parameters, theta, second, after, p, {
        state: gAfter,
        ...(gTheta === undefined ? {} : { parameters: gTheta }),
      });
      const gBefore = builder.scratch(hidden, state.columns);
      builder.emit({
        op: 'activationPullback',
        kind: activation,
        x: before,
        p: gAfter,
        g: gBefore,
        accumulate: false,
      });
      writeAffinePullback(builder, parameters, theta, first, state, gBefore, gradients);
    }

    return { value, pullback };
  }

  return { name: `feed-forward, ${activation}`, dimension, parameters, trace };
}
