import type { ActivationKind } from '../kernels/instruction.ts';
import { activationKinds } from '../kernels/instruction-table.ts';
import { affineMap } from './affine.ts';
import { requireCount, requireName } from './check.ts';
import { type Field, parameterLayout, parameterMatrix } from './field.ts';

export { activationKinds };

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
  return {
    name: `feed-forward, ${activation}`,
    dimension,
    parameters,
    trace(builder, { state, parameters: theta }) {
      const block = (name: string) => parameterMatrix(parameters, theta, name);
      const before = affineMap(builder, block('W1'), bias ? block('b1') : undefined, state);
      const after = builder.activate(activation, before);
      return affineMap(builder, block('W2'), bias ? block('b2') : undefined, after);
    },
  };
}
