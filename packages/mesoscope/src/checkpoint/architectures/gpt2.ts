import type { Architecture } from '../architecture.ts';
import { linear, norm } from '../architecture.ts';

/**
 * GPT-2 (Radford et al. 2019, "Language models are unsupervised multitask learners"): causal, normalised before each part and after
 * the last layer, learned positions. Its matrices are stored in × out, and queries, keys and values are one of them.
 */
export const gpt2: Architecture = {
  name: 'GPT-2',
  modelType: 'gpt2',
  classes: 'GPT2',
  masks: /\.attn\.(masked_)?bias$/,
  plan(settings) {
    settings.only('add_cross_attention', false, 'cross attention is not built');
    const dimension = settings.count('n_embd', 768);
    const heads = settings.count('n_head', 12);
    const keyDimension = dimension / heads;
    const layers = settings.count('n_layer', 12);
    const epsilon = settings.positive('layer_norm_epsilon', 1e-5);
    const normalisation = { kind: 'layer', epsilon, gain: true, bias: true } as const;
    const scale = settings.flag('scale_attn_weights', true) ? 1 / Math.sqrt(keyDimension) : 1;
    const scaledByDepth = settings.flag('scale_attn_by_inverse_layer_idx', false);
    const transposed = true;
    const third = (i: number) => ({
      transposed,
      rows: [i * dimension, (i + 1) * dimension] as const,
    });
    return {
      dimension,
      layers,
      longest: settings.count('n_positions', 1024),
      embedding: {
        kind: 'tokens',
        table: 'wte.weight',
        positions: { table: 'wpe.weight', offset: 0 },
      },
      layer(l) {
        const prefix = `h.${l}.`;
        return {
          prefix,
          options: {
            dimension,
            normalisation,
            attention: {
              heads,
              keyDimension,
              output: true,
              bias: true,
              causal: true,
              scale: scaledByDepth ? scale / (l + 1) : scale,
            },
            feedForward: {
              hidden: settings.count('n_inner', 4 * dimension),
              activation: settings.activation('activation_function', 'gelu_new'),
            },
          },
          weights: [
            norm('attention', `${prefix}ln_1`),
            linear('attention', ['Q', 'bQ'], `${prefix}attn.c_attn`, third(0)),
            linear('attention', ['K', 'bK'], `${prefix}attn.c_attn`, third(1)),
            linear('attention', ['V', 'bV'], `${prefix}attn.c_attn`, third(2)),
            linear('attention', ['O', 'bO'], `${prefix}attn.c_proj`, { transposed }),
            norm('feedForward', `${prefix}ln_2`),
            linear('feedForward', ['W1', 'b1'], `${prefix}mlp.c_fc`, { transposed }),
            linear('feedForward', ['W2', 'b2'], `${prefix}mlp.c_proj`, { transposed }),
          ].flat(),
        };
      },
      end: { options: normalisation, module: 'ln_f' },
      head: ['lm_head.weight', 'wte.weight'],
    };
  },
};
