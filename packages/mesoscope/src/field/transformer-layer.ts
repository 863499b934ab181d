import { type AttentionOptions, attention } from './attention.ts';
import { type FeedForwardOptions, feedForward } from './feed-forward.ts';
import type { Field } from './field.ts';
import { type NormalisationOptions, postnormalise, prenormalise } from './normalise.ts';
import { scaleOutput } from './scale.ts';
import { type FieldSequence, inSequence } from './sequence.ts';

export interface TransformerLayerOptions {
  /** d. */
  readonly dimension: number;
  readonly attention: Omit<AttentionOptions, 'dimension'>;
  readonly feedForward: Omit<FeedForwardOptions, 'dimension'>;
  /**
   * `pre` (default): a part sees normalised tokens, `x ← x + f(norm x)`; `post`: the sum is normalised, `x ← norm(x + f(x))`.
   */
  readonly order?: 'pre' | 'post';
  readonly normalisation: NormalisationOptions | 'none';
  /** Of the attention alone, where it differs; default as `normalisation`. */
  readonly attentionNormalisation?: NormalisationOptions | 'none';
  /** Whether a vector scales each part's increment (arXiv 2103.17239); default false. */
  readonly layerScale?: boolean;
}

/**
 * A transformer layer as trained networks have it: attention, then a feed-forward layer on the result; parts `attention` and
 * `feedForward` of {@link inSequence}. What the architectures ask for:
 *
 * - BERT, RoBERTa, ALBERT: `post`, layer norm with gain and bias; attention with output and biases; gelu (ALBERT also gelu-tanh).
 * - GPT-2: `pre`, layer norm with gain and bias; causal attention with output and biases; gelu-tanh.
 * - Llama: `pre`, rms with gain; causal attention with output, rotary positions and fewer key heads; gated silu, no biases.
 * - ModernBERT: `pre`, layer norm with gain; attention with output, rotary positions and, in two layers of three, a window; gated
 *   gelu, no biases; no normalisation before the first attention.
 * - ViT, DeiT, DINOv2: `pre`, layer norm with gain and bias; attention with output and biases; gelu; DINOv2 with layer scale.
 *
 * @throws MesoscopeError `invalid-value`, `unknown-name`
 */
export function transformerLayer(options: TransformerLayerOptions): FieldSequence {
  const { dimension, order = 'pre', normalisation, layerScale = false } = options;
  const { attentionNormalisation = normalisation } = options;
  const part = (field: Field, norm: NormalisationOptions | 'none'): Field => {
    const scaled = layerScale ? scaleOutput(field) : field;
    if (norm === 'none') return scaled;
    return order === 'pre' ? prenormalise(scaled, norm) : postnormalise(scaled, norm);
  };
  return inSequence({
    attention: part(attention({ ...options.attention, dimension }), attentionNormalisation),
    feedForward: part(feedForward({ ...options.feedForward, dimension }), normalisation),
  });
}
