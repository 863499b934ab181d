import type { Architecture } from '../architecture.ts';
import { linear, norm } from '../architecture.ts';

/**
 * arXiv 1909.11942: BERT's layer with the same weights at every depth, an autonomous flow; embeddings of another width are mapped to
 * that of the layers.
 */
export const albert: Architecture = {
  name: 'ALBERT',
  modelType: 'albert',
  classes: 'Albert',
  plan(settings) {
    settings.only('num_hidden_groups', 1, 'only one group of layers with shared weights is built');
    settings.only('inner_group_num', 1, 'only one layer for each group is built');
    settings.only('position_embedding_type', 'absolute', 'relative positions are not built');
    const dimension = settings.count('hidden_size', 4096);
    const heads = settings.count('num_attention_heads', 64);
    const epsilon = settings.positive('layer_norm_eps', 1e-12);
    const normalisation = { kind: 'layer', epsilon, gain: true, bias: true } as const;
    const prefix = 'encoder.albert_layer_groups.0.albert_layers.0.';
    const layer = {
      prefix,
      options: {
        dimension,
        order: 'post',
        normalisation,
        attention: { heads, keyDimension: dimension / heads, output: true, bias: true },
        feedForward: {
          hidden: settings.count('intermediate_size', 16384),
          activation: settings.activation('hidden_act', 'gelu_new'),
        },
      },
      weights: [
        linear('attention', ['Q', 'bQ'], `${prefix}attention.query`),
        linear('attention', ['K', 'bK'], `${prefix}attention.key`),
        linear('attention', ['V', 'bV'], `${prefix}attention.value`),
        linear('attention', ['O', 'bO'], `${prefix}attention.dense`),
        norm('attention', `${prefix}attention.LayerNorm`),
        linear('feedForward', ['W1', 'b1'], `${prefix}ffn`),
        linear('feedForward', ['W2', 'b2'], `${prefix}ffn_output`),
        norm('feedForward', `${prefix}full_layer_layer_norm`),
      ].flat(),
    } as const;
    return {
      dimension,
      layers: settings.count('num_hidden_layers', 12),
      longest: settings.count('max_position_embeddings', 512),
      embedding: {
        kind: 'tokens',
        table: 'embeddings.word_embeddings.weight',
        positions: { table: 'embeddings.position_embeddings.weight', offset: 0 },
        types: 'embeddings.token_type_embeddings.weight',
        norm: { options: normalisation, module: 'embeddings.LayerNorm' },
        map: 'encoder.embedding_hidden_mapping_in',
      },
      layer: () => layer,
    };
  },
};
