import type { Architecture, Blueprint } from '../architecture.ts';
import { linear, norm } from '../architecture.ts';
import type { Settings } from '../settings.ts';

/**
 * `y = LN(x + A(x))`, `x ← LN(y + F(y))`: normalised after each part; learned positions from `firstPosition` on; every token of
 * type 0; no normalisation at the end.
 */
function plan(settings: Settings, firstPosition: number): Blueprint {
  settings.only('position_embedding_type', 'absolute', 'relative positions are not built');
  settings.only('is_decoder', false, 'decoders with cross attention are not built');
  const dimension = settings.count('hidden_size', 768);
  const heads = settings.count('num_attention_heads', 12);
  const epsilon = settings.positive('layer_norm_eps', 1e-12);
  const normalisation = { kind: 'layer', epsilon, gain: true, bias: true } as const;
  const options = {
    dimension,
    order: 'post',
    normalisation,
    attention: { heads, keyDimension: dimension / heads, output: true, bias: true },
    feedForward: {
      hidden: settings.count('intermediate_size', 3072),
      activation: settings.activation('hidden_act', 'gelu'),
    },
  } as const;
  return {
    dimension,
    layers: settings.count('num_hidden_layers', 12),
    longest: settings.count('max_position_embeddings', 512) - firstPosition,
    embedding: {
      kind: 'tokens',
      table: 'embeddings.word_embeddings.weight',
      positions: { table: 'embeddings.position_embeddings.weight', offset: firstPosition },
      types: 'embeddings.token_type_embeddings.weight',
      norm: { options: normalisation, module: 'embeddings.LayerNorm' },
    },
    layer(l) {
      const prefix = `encoder.layer.${l}.`;
      return {
        options,
        prefix,
        weights: [
          linear('attention', ['Q', 'bQ'], `${prefix}attention.self.query`),
          linear('attention', ['K', 'bK'], `${prefix}attention.self.key`),
          linear('attention', ['V', 'bV'], `${prefix}attention.self.value`),
          linear('attention', ['O', 'bO'], `${prefix}attention.output.dense`),
          norm('attention', `${prefix}attention.output.LayerNorm`),
          linear('feedForward', ['W1', 'b1'], `${prefix}intermediate.dense`),
          linear('feedForward', ['W2', 'b2'], `${prefix}output.dense`),
          norm('feedForward', `${prefix}output.LayerNorm`),
        ].flat(),
      };
    },
  };
}

/** arXiv 1810.04805. */
export const bert: Architecture = {
  name: 'BERT',
  modelType: 'bert',
  classes: 'Bert',
  plan: (settings) => plan(settings, 0),
};

/** arXiv 1907.11692: BERT with positions counted from `padding_idx + 1`. */
export const roberta: Architecture = {
  name: 'RoBERTa',
  modelType: 'roberta',
  classes: 'Roberta',
  plan: (settings) => plan(settings, settings.count('pad_token_id', 1) + 1),
};
