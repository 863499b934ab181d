import type { ActivationKind, NormalisationKind } from '../kernels/instruction.ts';
import { type AttentionOptions, attention } from './attention.ts';
import { feedForward } from './feed-forward.ts';
import type { Field } from './field.ts';
import { prenormalise } from './normalise.ts';
import { sumOf } from './sum.ts';

export interface TransformerBlockOptions extends AttentionOptions {
  /** m, the width of the feed-forward layer. */
  readonly hidden: number;
  /** σ; default `gelu`. */
  readonly activation?: ActivationKind;
  /** Whether the feed-forward layer has biases; default true. */
  readonly bias?: boolean;
  /** Normalisation of the tokens that both parts see; default `layer`. */
  readonly normalisation?: NormalisationKind | 'none';
}

/**
 * The field of a transformer layer, both parts side by side: `f(h) = Att(norm h) + FFN(norm h)`; blocks
 * `attention.…` ({@link attention}; causal unless said otherwise) and `feedForward.…` ({@link feedForward}).
 *
 * @throws MesoscopeError `invalid-value`, `unknown-name`
 */
export function transformerBlock(options: TransformerBlockOptions): Field {
  const { dimension, hidden, activation = 'gelu', bias = true, normalisation = 'layer' } = options;
  const parts = sumOf({
    attention: attention({ ...options, causal: options.causal ?? true }),
    feedForward: feedForward({ dimension, hidden, activation, bias }),
  });
  return normalisation === 'none' ? parts : prenormalise(parts, { kind: normalisation });
}
