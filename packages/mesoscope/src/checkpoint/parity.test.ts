import { afterAll, describe, expect, test } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { openModel } from './model.ts';
import { parityErrors } from './parity.ts';
import {
  changedConfig,
  changedTensor,
  goldenStates,
  permutedRows,
  smallCheckpoint,
  smallModels,
  swapped,
  transposed,
} from './test-support.ts';
import type { Weights } from './weights.ts';

const reference = createReferenceBackend();
const wasm = await createWasmBackend();
const single = await createWasmBackend({ precision: 'f32' });
afterAll(() => {
  wasm.dispose();
  single.dispose();
});

/** The largest error of any state over its root mean square. */
async function worst(backend: Backend, name: string, weights: Weights): Promise<number> {
  const errors = await parityErrors(backend, openModel(weights), goldenStates(name));
  return Math.max(...errors.map(({ error }) => error));
}

describe.each(smallModels)('%s', (name) => {
  test('has the hidden states of transformers, layer by layer', async () => {
    const weights = await smallCheckpoint(name);
    expect(await worst(reference, name, weights)).toBeLessThan(1e-12);
    expect(await worst(wasm, name, weights)).toBeLessThan(1e-12);
    expect(await worst(single, name, weights)).toBeLessThan(1e-5);
  });
});

describe('an error of architecture is no rounding error', () => {
  const types = 'embeddings.token_type_embeddings.weight';
  const heads = (k: number, count: number) => (row: number) => {
    // From halves to adjacent pairs within each head.
    const [head, r] = [Math.floor(row / k), row % k];
    return head < count ? head * k + (r % 2) * (k / 2) + Math.floor(r / 2) : row;
  };
  const plants: readonly (readonly [string, string, (weights: Weights) => Weights])[] = [
    ['bert', 'ε of the normalisations', changedConfig({ layer_norm_eps: 1e-5 })],
    ['bert', 'gelu by tanh', changedConfig({ hidden_act: 'gelu_new' })],
    [
      'bert',
      'tokens of type 1',
      changedTensor(
        types,
        permutedRows((row) => 1 - row),
      ),
    ],
    ['bert', 'layers in another order', swapped('encoder.layer.0.', 'encoder.layer.1.')],
    [
      'bert',
      'the two normalisations of a layer exchanged',
      swapped('layer.1.attention.output.LayerNorm.', 'layer.1.output.LayerNorm.'),
    ],
    ['roberta', 'positions from 0 on', changedConfig({ model_type: 'bert' })],
    ['albert', 'the default activation, gelu by tanh', changedConfig({ hidden_act: 'gelu' })],
    ['gpt2', 'gelu by erf', changedConfig({ activation_function: 'gelu' })],
    [
      'gpt2',
      'an output matrix that is stored out × in',
      changedTensor('transformer.h.1.attn.c_proj.weight', transposed),
    ],
    [
      'gpt2',
      'scores that are not scaled by depth',
      changedConfig({ scale_attn_by_inverse_layer_idx: false }),
    ],
    [
      'llama',
      'rotary positions of adjacent pairs',
      (weights) =>
        ['q_proj', 'k_proj'].reduce(
          (changed, map) =>
            changedTensor(
              `model.layers.1.self_attn.${map}.weight`,
              permutedRows(heads(4, 4)),
            )(changed),
          weights,
        ),
    ],
    ['llama', 'another θ', changedConfig({ rope_parameters: { rope_theta: 10000 } })],
    [
      'llama',
      'query heads in another order against keys',
      changedTensor(
        'model.layers.0.self_attn.q_proj.weight',
        permutedRows((row) => [0, 8, 4, 12][Math.floor(row / 4)] + (row % 4)),
      ),
    ],
    [
      'llama',
      'gate and map exchanged',
      swapped('layers.0.mlp.gate_proj.', 'layers.0.mlp.up_proj.'),
    ],
    ['modernbert', 'a window of one token less', changedConfig({ local_attention: 2 })],
    [
      'modernbert',
      'θ of one kind in all layers',
      changedConfig({
        rope_parameters: {
          full_attention: { rope_theta: 90 },
          sliding_attention: { rope_theta: 90 },
        },
      }),
    ],
    [
      'modernbert',
      'the other half activated',
      changedTensor(
        'layers.2.mlp.Wi.weight',
        permutedRows((row) => (row + 20) % 40),
      ),
    ],
    [
      'deit',
      'distillation before class',
      swapped('embeddings.cls_token', 'embeddings.distillation_token'),
    ],
    ['vit', 'ε of the normalisations', changedConfig({ layer_norm_eps: 1e-12 })],
    [
      'dinov2',
      'no layer scale',
      changedTensor('encoder.layer.1.layer_scale2.lambda1', (numbers) => numbers.fill(1)),
    ],
  ];
  test.each(plants)('%s: %s', async (name, _, plant) => {
    expect(await worst(reference, name, plant(await smallCheckpoint(name)))).toBeGreaterThan(1e-5);
  });
});
