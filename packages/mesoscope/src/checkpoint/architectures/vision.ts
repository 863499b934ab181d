import type { Architecture, Blueprint, LayerPlan, WeightPlace } from '../architecture.ts';
import { linear, norm } from '../architecture.ts';
import type { Settings } from '../settings.ts';

/** What the image models differ in. */
interface Family {
  readonly settings: Settings;
  readonly own: readonly string[];
  readonly epsilon: number;
  readonly patch: number;
  readonly resizable: boolean;
  readonly layerScale: boolean;
  readonly feedForward: LayerPlan['options']['feedForward'];
  /** The modules of the two normalisations of a layer, by what stands before them. */
  readonly norms: readonly [attention: string, feedForward: string];
  /** The feed-forward modules and what else a layer has. */
  others(prefix: string): readonly WeightPlace[][];
}

/** An image model: patches, class token; full attention with biases, normalised before each part and at the end. */
function plan(family: Family): Blueprint {
  const { settings, own, resizable, layerScale, feedForward } = family;
  const dimension = settings.count('hidden_size', 768);
  const heads = settings.count('num_attention_heads', 12);
  const epsilon = settings.positive('layer_norm_eps', family.epsilon);
  const normalisation = { kind: 'layer', epsilon, gain: true, bias: true } as const;
  settings.only('qkv_bias', true, 'queries, keys and values without biases are not built');
  const options = {
    dimension,
    normalisation,
    attention: { heads, keyDimension: dimension / heads, output: true, bias: true },
    feedForward,
    layerScale,
  };
  const image = settings.size('image_size', 224);
  const patch = settings.size('patch_size', family.patch);
  const patches = Math.floor(image[0] / patch[0]) * Math.floor(image[1] / patch[1]);
  return {
    dimension,
    layers: settings.count('num_hidden_layers', 12),
    longest: resizable ? Number.POSITIVE_INFINITY : patches + own.length,
    embedding: {
      kind: 'patches',
      channels: settings.count('num_channels', 3),
      image,
      patch,
      projection: 'embeddings.patch_embeddings.projection',
      own,
      positions: 'embeddings.position_embeddings',
      resizable,
    },
    layer(l) {
      const prefix = `encoder.layer.${l}.`;
      const [first, second] = family.norms;
      return {
        prefix,
        options,
        weights: [
          norm('attention', `${prefix}${first}`),
          linear('attention', ['Q', 'bQ'], `${prefix}attention.attention.query`),
          linear('attention', ['K', 'bK'], `${prefix}attention.attention.key`),
          linear('attention', ['V', 'bV'], `${prefix}attention.attention.value`),
          linear('attention', ['O', 'bO'], `${prefix}attention.output.dense`),
          norm('feedForward', `${prefix}${second}`),
          ...family.others(prefix),
        ].flat(),
      };
    },
    end: { options: normalisation, module: 'layernorm' },
  };
}

function visionTransformer(settings: Settings, own: readonly string[]): Blueprint {
  return plan({
    settings,
    own,
    epsilon: 1e-12,
    patch: 16,
    resizable: false,
    layerScale: false,
    feedForward: {
      hidden: settings.count('intermediate_size', 3072),
      activation: settings.activation('hidden_act', 'gelu'),
    },
    norms: ['layernorm_before', 'layernorm_after'],
    others: (prefix) => [
      linear('feedForward', ['W1', 'b1'], `${prefix}intermediate.dense`),
      linear('feedForward', ['W2', 'b2'], `${prefix}output.dense`),
    ],
  });
}

/** arXiv 2010.11929. */
export const vit: Architecture = {
  name: 'ViT',
  modelType: 'vit',
  classes: 'ViT',
  plan: (settings) => visionTransformer(settings, ['embeddings.cls_token']),
};

/** arXiv 2012.12877: ViT with a second token of its own, for distillation, after the class token. */
export const deit: Architecture = {
  name: 'DeiT',
  modelType: 'deit',
  classes: 'DeiT',
  plan: (settings) =>
    visionTransformer(settings, ['embeddings.cls_token', 'embeddings.distillation_token']),
};

/** arXiv 2304.07193: ViT with a scale for each coordinate of both parts (arXiv 2103.17239) and resizable positions. */
export const dinov2: Architecture = {
  name: 'DINOv2',
  modelType: 'dinov2',
  classes: 'Dinov2',
  plan(settings) {
    const wide = settings.positive('mlp_ratio', 4) * settings.count('hidden_size', 768);
    const gated = settings.flag('use_swiglu_ffn', false);
    // Two thirds of the width, rounded up to a multiple of 8.
    const hidden = gated ? 8 * Math.ceil(Math.floor((wide * 2) / 3) / 8) : Math.floor(wide);
    const activation = gated ? 'silu' : settings.activation('hidden_act', 'gelu');
    const half = (i: number) => ({ rows: [i * hidden, (i + 1) * hidden] as const });
    return plan({
      settings,
      own: ['embeddings.cls_token'],
      epsilon: 1e-6,
      patch: 14,
      resizable: true,
      layerScale: true,
      feedForward: { hidden, activation, gated },
      norms: ['norm1', 'norm2'],
      others: (prefix) => [
        [
          { block: 'attention.scale', tensor: `${prefix}layer_scale1.lambda1` },
          { block: 'feedForward.scale', tensor: `${prefix}layer_scale2.lambda1` },
        ],
        ...(gated
          ? [
              linear('feedForward', ['Wg', 'bg'], `${prefix}mlp.weights_in`, half(0)),
              linear('feedForward', ['W1', 'b1'], `${prefix}mlp.weights_in`, half(1)),
              linear('feedForward', ['W2', 'b2'], `${prefix}mlp.weights_out`),
            ]
          : [
              linear('feedForward', ['W1', 'b1'], `${prefix}mlp.fc1`),
              linear('feedForward', ['W2', 'b2'], `${prefix}mlp.fc2`),
            ]),
      ],
    });
  },
};
