import type { Architecture } from '../architecture.ts';
import { linear, norm } from '../architecture.ts';
import { plainTheta } from '../rotary-settings.ts';

/** arXiv 2302.13971: causal, root-mean-square normalisation, rotary positions, keys shared by groups of heads, gated silu. */
export const llama: Architecture = {
  name: 'Llama',
  modelType: 'llama',
  classes: 'Llama',
  masks: /\.rotary_emb\.inv_freq$/,
  plan(settings) {
    const dimension = settings.count('hidden_size', 4096);
    const heads = settings.count('num_attention_heads', 32);
    const epsilon = settings.positive('rms_norm_eps', 1e-6);
    const normalisation = { kind: 'rms', epsilon, gain: true } as const;
    const options = {
      dimension,
      normalisation,
      attention: {
        heads,
        keyHeads: settings.count('num_key_value_heads', heads),
        keyDimension: settings.count('head_dim', dimension / heads),
        output: true,
        bias: settings.flag('attention_bias', false),
        causal: true,
        rotary: { theta: plainTheta(settings, settings.positive('rope_theta', 10000)) },
      },
      feedForward: {
        hidden: settings.count('intermediate_size', 11008),
        activation: settings.activation('hidden_act', 'silu'),
        gated: true,
        bias: settings.flag('mlp_bias', false),
      },
    } as const;
    return {
      dimension,
      layers: settings.count('num_hidden_layers', 32),
      longest: settings.count('max_position_embeddings', 2048),
      embedding: { kind: 'tokens', table: 'embed_tokens.weight' },
      layer(l) {
        const prefix = `layers.${l}.`;
        return {
          prefix,
          options,
          weights: [
            norm('attention', `${prefix}input_layernorm`),
            linear('attention', ['Q', 'bQ'], `${prefix}self_attn.q_proj`),
            linear('attention', ['K', 'bK'], `${prefix}self_attn.k_proj`),
            linear('attention', ['V', 'bV'], `${prefix}self_attn.v_proj`),
            linear('attention', ['O', 'bO'], `${prefix}self_attn.o_proj`),
            norm('feedForward', `${prefix}post_attention_layernorm`),
            linear('feedForward', ['Wg', 'bg'], `${prefix}mlp.gate_proj`),
            linear('feedForward', ['W1', 'b1'], `${prefix}mlp.up_proj`),
            linear('feedForward', ['W2', 'b2'], `${prefix}mlp.down_proj`),
          ].flat(),
        };
      },
      end: { options: normalisation, module: 'norm' },
      head: ['lm_head.weight', 'embed_tokens.weight'],
    };
  },
};
