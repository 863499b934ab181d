import { describe, expect, test } from 'vitest';
import { describeModel } from './describe-model.ts';
import { openModel } from './model.ts';
import { recognise } from './recognise.ts';
import { changedConfig, smallCheckpoint, smallModels } from './test-support.ts';
import type { Weights } from './weights.ts';

const named: Readonly<Record<string, string>> = {
  albert: 'ALBERT',
  bert: 'BERT',
  deit: 'DeiT',
  dinov2: 'DINOv2',
  'dinov2-swiglu': 'DINOv2',
  gpt2: 'GPT-2',
  llama: 'Llama',
  modernbert: 'ModernBERT',
  roberta: 'RoBERTa',
  vit: 'ViT',
};

const without = (prefix: string) => (weights: Weights) => ({
  ...weights,
  tensors: new Map([...weights.tensors].filter(([name]) => !name.startsWith(prefix))),
});

const renamed = (change: (name: string) => string) => (weights: Weights) => ({
  ...weights,
  tensors: new Map([...weights.tensors].map(([name, tensor]) => [change(name), tensor])),
});

describe.each(smallModels)('%s', (name) => {
  test('is recognised by its type, by its class and, with RoBERTa’s exception, by its tensors', async () => {
    const weights = await smallCheckpoint(name);
    expect(recognise(weights).architecture.name).toBe(named[name]);
    const untyped = changedConfig({ model_type: undefined })(weights);
    expect(recognise(untyped).architecture.name).toBe(named[name]);
    const bare = changedConfig({ model_type: undefined, architectures: undefined })(weights);
    if (name !== 'roberta') expect(recognise(bare).architecture.name).toBe(named[name]);
  });

  test('leaves only heads, poolers and masks unread', async () => {
    const { unread } = recognise(await smallCheckpoint(name));
    expect(unread.filter((tensor) => !/pooler|mask_token/.test(tensor))).toEqual([]);
  });
});

test('tensors are found behind any prefix', async () => {
  const weights = renamed((name) => `inner.backbone.${name}`)(await smallCheckpoint('bert'));
  expect(recognise(weights).prefix).toBe('inner.backbone.');
});

test('the masks of old GPT-2 checkpoints are no weights', async () => {
  const weights = await smallCheckpoint('gpt2');
  const [tensor] = weights.tensors.values();
  const tensors = new Map(weights.tensors)
    .set('transformer.h.0.attn.bias', tensor)
    .set('transformer.h.0.attn.masked_bias', tensor);
  expect(recognise({ ...weights, tensors }).unread).toHaveLength(2);
});

describe('what is not built is refused with a sentence', () => {
  test.each([
    [
      'an architecture that is not known, with the nearest one',
      'llama',
      changedConfig({ model_type: 'qwen2' }),
      /architecture of llama\/? \(qwen2\).*nearest that is built is Llama: all tensors agree/,
    ],
    [
      'one that is hardly like any',
      'llama',
      (weights: Weights) =>
        changedConfig({ model_type: 'mamba' })(renamed((n) => `x${n}x`)(weights)),
      /\(mamba\).*hardly a tensor/,
    ],
    [
      'a layer with a weight that the architecture does not have',
      'llama',
      renamed((name) => name.replace('layers.1.mlp.down_proj.weight', 'layers.1.mlp.own.weight')),
      /calls itself Llama, but it lacks layers\.1\.mlp\.down_proj\.weight; its layers also have model\.layers\.1\.mlp\.own\.weight/,
    ],
    [
      'a missing layer',
      'bert',
      without('encoder.layer.2.'),
      /lacks encoder\.layer\.2\.attention\.self\.query\.weight.*and 13 more/,
    ],
    [
      'stretched rotary positions',
      'llama',
      changedConfig({ rope_parameters: { rope_type: 'llama3', rope_theta: 30 } }),
      /rope_type: received "llama3", expected "default"/,
    ],
    [
      'an activation that there is not',
      'bert',
      changedConfig({ hidden_act: 'gelu_fast' }),
      /Unknown bert\/?, config, hidden_act "gelu_fast"/,
    ],
    ['a width of no size', 'bert', changedConfig({ hidden_size: -3 }), /a whole number ≥ 1/],
    [
      'groups of layers in ALBERT',
      'albert',
      changedConfig({ num_hidden_groups: 2 }),
      /num_hidden_groups: received 2/,
    ],
  ])('%s', async (_, name, change, sentence) => {
    const weights = change(await smallCheckpoint(name));
    expect(() => recognise(weights)).toThrow(sentence);
  });

  test('tensors of another shape than the configuration says', async () => {
    const weights = changedConfig({ intermediate_size: 21 })(await smallCheckpoint('bert'));
    await expect(openModel(weights).layer(0)).rejects.toThrow(
      /intermediate\.dense\.weight: received shape \[20 × 12\], expected \[21 × 12\]/,
    );
  });
});

test('a description says what distinguishes a model', async () => {
  const { facts, testable } = describeModel(await smallCheckpoint('modernbert'));
  expect(facts).toMatchObject({
    layers: 4,
    activation: 'gated gelu',
    windows: '2 of 4 layers see 2 tokens to each side',
  });
  expect(testable.join()).toMatch(/outside its theorem, since scores depend on positions/);
});
