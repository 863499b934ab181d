import type { Architecture } from '../architecture.ts';
import { linear, norm } from '../architecture.ts';
import { plainTheta } from '../rotary-settings.ts';
import type { Settings } from '../settings.ts';

/**
 * arXiv 2412.13663: normalised before each part but the first attention, and after the last layer; rotary positions; two layers of
 * three see `local_attention / 2` tokens to each side; gated gelu.
 */
export const modernBert: Architecture = {
  name: 'ModernBERT',
  modelType: 'modernbert',
  classes: 'ModernBert',
  plan(settings) {
    const dimension = settings.count('hidden_size', 768);
    const heads = settings.count('num_attention_heads', 12);
    const hidden = settings.count('intermediate_size', 1152);
    const bias = settings.flag('norm_bias', false);
    const epsilon = settings.positive('norm_eps', 1e-5);
    const normalisation = { kind: 'layer', epsilon, gain: true, bias } as const;
    const attention = {
      heads,
      keyDimension: dimension / heads,
      output: true,
      bias: settings.flag('attention_bias', false),
    };
    const everywhere = {
      ...attention,
      rotary: { theta: thetaOf(settings, 'full_attention', 'global_rope_theta', 160_000) },
    };
    const nearby = {
      ...attention,
      window: Math.floor(settings.count('local_attention', 128) / 2),
      rotary: { theta: thetaOf(settings, 'sliding_attention', 'local_rope_theta', 10_000) },
    };
    const period = settings.count('global_attn_every_n_layers', 3);
    const kinds = settings.list('layer_types');
    const seesAll = (l: number) =>
      kinds === undefined ? l % period === 0 : kinds[l] === 'full_attention';
    const third = (i: number) => ({ rows: [i * dimension, (i + 1) * dimension] as const });
    const half = (i: number) => ({ rows: [i * hidden, (i + 1) * hidden] as const });
    return {
      dimension,
      layers: settings.count('num_hidden_layers', 22),
      longest: settings.count('max_position_embeddings', 8192),
      embedding: {
        kind: 'tokens',
        table: 'embeddings.tok_embeddings.weight',
        norm: { options: normalisation, module: 'embeddings.norm' },
      },
      layer(l) {
        const prefix = `layers.${l}.`;
        return {
          prefix,
          options: {
            dimension,
            normalisation,
            attentionNormalisation: l === 0 ? 'none' : normalisation,
            attention: seesAll(l) ? everywhere : nearby,
            feedForward: {
              hidden,
              activation: settings.activation('hidden_activation', 'gelu'),
              gated: true,
              bias: settings.flag('mlp_bias', false),
            },
          },
          weights: [
            norm('attention', `${prefix}attn_norm`),
            linear('attention', ['Q', 'bQ'], `${prefix}attn.Wqkv`, third(0)),
            linear('attention', ['K', 'bK'], `${prefix}attn.Wqkv`, third(1)),
            linear('attention', ['V', 'bV'], `${prefix}attn.Wqkv`, third(2)),
            linear('attention', ['O', 'bO'], `${prefix}attn.Wo`),
            norm('feedForward', `${prefix}mlp_norm`),
            linear('feedForward', ['Wg', 'bg'], `${prefix}mlp.Wi`, half(0)),
            linear('feedForward', ['W1', 'b1'], `${prefix}mlp.Wi`, half(1)),
            linear('feedForward', ['W2', 'b2'], `${prefix}mlp.Wo`),
          ].flat(),
        };
      },
      end: { options: normalisation, module: 'final_norm' },
    };
  },
};

/** As `rope_parameters` have it, or as configurations had it before those. */
function thetaOf(settings: Settings, kind: string, key: string, otherwise: number): number {
  return plainTheta(settings, settings.positive(key, otherwise), kind);
}
