import type { ActivationKind, MatrixRef } from '../kernels/instruction.ts';
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
  /** Whether there are biases; default true. */
  readonly bias?: boolean;
  /** Whether σ acts on a second map and gates the first: `W2 (σ(Wg h + bg) ∘ (W1 h + b1)) + b2`; default false. */
  readonly gated?: boolean;
}

/**
 * The position-wise feed-forward field `f(h)_i = W2 σ(W1 h_i + b1) + b2`, blocks W1 m×d, b1 m×1, W2 d×m, b2 d×1
 * (arXiv 1706.03762, section 3.3), or with a gate, blocks Wg m×d and bg m×1 before them (arXiv 2002.05202).
 *
 * @throws MesoscopeError `invalid-value`, `unknown-name`
 */
export function feedForward(options: FeedForwardOptions): Field {
  const { dimension, hidden, activation = 'gelu', bias = true, gated = false } = options;
  requireCount('dimension', dimension);
  requireCount('hidden', hidden);
  requireName('activation', activation, activationKinds);
  const parameters = parameterLayout({
    Wg: gated ? [hidden, dimension] : undefined,
    bg: gated && bias ? [hidden, 1, 0] : undefined,
    W1: [hidden, dimension],
    b1: bias ? [hidden, 1, 0] : undefined,
    W2: [dimension, hidden],
    b2: bias ? [dimension, 1, 0] : undefined,
  });
  return {
    name: `${gated ? 'gated ' : ''}feed-forward, ${activation}`,
    dimension,
    parameters,
    trace(builder, { state, parameters: theta }) {
      const block = (name: string) => parameterMatrix(parameters, theta, name);
      const map = (which: string, x: MatrixRef) =>
        affineMap(builder, block(`W${which}`), bias ? block(`b${which}`) : undefined, x);
      const before = map(gated ? 'g' : '1', state);
      const active = builder.activate(activation, before);
      return map('2', gated ? builder.hadamard(active, map('1', state)) : active);
    },
  };
}
