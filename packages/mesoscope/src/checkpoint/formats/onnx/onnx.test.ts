import { describe, expect, it } from 'vitest';
import { memoryFile } from '../../files.ts';
import {
  ascii,
  joined,
  messageField,
  onnxBytes,
  onnxNode,
  onnxTensor,
  singlesOf,
  whole,
  wholeField,
} from '../test-support.ts';
import { readOnnx } from './index.ts';

const types = { float: 1, int8: 3, int64: 7, half: 10, int4: 22 };
const open = (bytes: Uint8Array, beside: Readonly<Record<string, Uint8Array>> = {}) =>
  readOnnx(memoryFile('x.onnx', bytes), (name) =>
    name in beside ? memoryFile(name, beside[name]) : undefined,
  );

async function numbersOf(bytes: Uint8Array, beside?: Readonly<Record<string, Uint8Array>>) {
  const { tensors } = await open(bytes, beside);
  const entries = tensors.map(async (one) => [one.name, [...(await one.read())]] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** 2 × 3, in × out as exporters store it. */
const stored = singlesOf([1, 2, 3, 4, 5, 6]);
const turned = [1, 4, 2, 5, 3, 6];
const bias = onnxTensor('enc.layer.0.query.bias', [3], types.float, singlesOf([7, 8, 9]));
const product = onnxNode({ operator: 'MatMul', inputs: ['x', 'val_1'], outputs: ['p'] });
const sum = onnxNode({
  operator: 'Add',
  inputs: ['p', 'enc.layer.0.query.bias'],
  outputs: ['q'],
});

describe('the name and orientation of a matrix', () => {
  it('come from the bias added to its product, whichever side it stands on', async () => {
    const matrix = onnxTensor('val_1', [2, 3], types.float, stored);
    const swapped = onnxNode({
      operator: 'Add',
      inputs: ['enc.layer.0.query.bias', 'p'],
      outputs: ['q'],
    });
    for (const add of [sum, swapped]) {
      const numbers = await numbersOf(onnxBytes([product, add], [matrix, bias]));
      expect(numbers).toEqual({
        'enc.layer.0.query.weight': turned,
        'enc.layer.0.query.bias': [7, 8, 9],
      });
    }
  });

  it('or from the path of the node, where no bias is added', async () => {
    const name = '/layers.0/mlp/gate_proj/MatMul';
    const inputs = ['x', 'onnx::MatMul_9'];
    const node = onnxNode({ operator: 'MatMul', name, inputs, outputs: ['p'] });
    const matrix = onnxTensor('onnx::MatMul_9', [2, 3], types.float, stored);
    const numbers = await numbersOf(onnxBytes([node], [matrix]));
    expect(numbers).toEqual({ 'layers.0.mlp.gate_proj.weight': turned });
  });

  it('or are kept: Gemm with transB, a matrix that the model itself turns', async () => {
    const matrix = onnxTensor('fc.weight', [2, 3], types.float, stored);
    const inputs = ['x', 'fc.weight'];
    const gemm = onnxNode({ operator: 'Gemm', inputs, outputs: ['y'], wholes: { transB: 1 } });
    expect(await numbersOf(onnxBytes([gemm], [matrix]))).toEqual({
      'fc.weight': [1, 2, 3, 4, 5, 6],
    });
    const turn = onnxNode({
      operator: 'Transpose',
      inputs: ['enc.layer.0.query.weight'],
      outputs: ['val_1'],
      wholes: { perm: [1, 0] },
    });
    const named = onnxTensor('enc.layer.0.query.weight', [2, 3], types.float, stored);
    const three = onnxTensor('enc.layer.0.query.bias', [2], types.float, singlesOf([7, 8]));
    const numbers = await numbersOf(onnxBytes([turn, product, sum], [named, three]));
    expect(numbers['enc.layer.0.query.weight']).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('weights in int8', () => {
  const quantised = onnxTensor('val_q', [2, 3], types.int8, Uint8Array.of(1, 2, 3, 252, 5, 6));
  const third = Math.fround(0.3);
  const f32 = (x: number) => Math.fround(x);

  it('times scales, by Cast and Mul', async () => {
    const scale = onnxTensor('val_s', [1, 3], types.float, singlesOf([1, 2, 0.3]));
    const cast = onnxNode({
      operator: 'Cast',
      inputs: ['val_q'],
      outputs: ['val_f'],
      wholes: { to: 1 },
    });
    const scaled = onnxNode({ operator: 'Mul', inputs: ['val_f', 'val_s'], outputs: ['val_1'] });
    const { tensors } = await open(
      onnxBytes([cast, scaled, product, sum], [quantised, scale, bias]),
    );
    const weight = tensors.find(({ name }) => name === 'enc.layer.0.query.weight');
    expect(weight).toMatchObject({ dtype: 'int8 with scales', shape: [3, 2] });
    expect([...((await weight?.read()) ?? [])]).toEqual(
      [1, -4, 4, 10, 3 * third, 6 * third].map(f32),
    );
    expect(tensors.map(({ name }) => name)).not.toContain('val_q');
  });

  it.each([
    ['one scale a column', 1, [1, 2, 0.5], [0, 1, 2], [1, 2, 0.5, -4, 8, 2]],
    ['one scale a row', 0, [1, 2], [1, -1], [0, 1, 2, -6, 12, 14]],
  ])('minus zero, times %s, by DequantizeLinear', async (_, axis, scales, zeros, expected) => {
    const scale = onnxTensor('val_s', [scales.length], types.float, singlesOf(scales));
    const offsets = Uint8Array.from(zeros.map((zero) => zero & 255));
    const zero = onnxTensor('val_z', [zeros.length], types.int8, offsets);
    const node = onnxNode({
      operator: 'DequantizeLinear',
      inputs: ['val_q', 'val_s', 'val_z'],
      outputs: ['word_embeddings.weight'],
      wholes: { axis },
    });
    const numbers = await numbersOf(onnxBytes([node], [quantised, scale, zero]));
    expect(numbers['word_embeddings.weight']).toEqual(expected);
  });
});

it('reads numbers packed as varints, f16, those of Constant nodes and those in another file', async () => {
  const packed = { fields: messageField(5, Uint8Array.of(1, 2)) };
  const external = (location: string) => ({
    fields: joined(
      ...[
        ['location', location],
        ['offset', '4'],
      ].map(([key, value]) =>
        messageField(13, joined(messageField(1, ascii(key)), messageField(2, ascii(value)))),
      ),
      wholeField(14, 1),
    ),
  });
  const value = onnxTensor('', [2], types.float, singlesOf([9, 8]));
  const constant = joined(
    messageField(2, ascii('made.scale')),
    messageField(4, ascii('Constant')),
    messageField(5, joined(messageField(1, ascii('value')), messageField(5, value))),
  );
  const bytes = onnxBytes(
    [constant],
    [
      onnxTensor('a.bytes', [2], types.int8, packed),
      onnxTensor('a.half', [1], types.half, Uint8Array.of(0, 0x3c)),
      onnxTensor('a.other', [1], types.float, external('../x.data')),
    ],
  );
  const beside = { 'x.data': joined(whole(0, 4), singlesOf([2.5])) };
  expect(await numbersOf(bytes, beside)).toEqual({
    'a.bytes': [1, 2],
    'a.half': [1],
    'a.other': [2.5],
    'made.scale': [9, 8],
  });
  await expect(open(bytes)).rejects.toThrow('"a.other" is stored in x.data, which is missing');
  await expect(open(bytes, { 'x.data': new Uint8Array(6) })).rejects.toThrow('ends after x.data');
});

it('tells heads, ε and sizes from names, shapes and computation', async () => {
  const weight = onnxTensor('val_1', [4, 4], types.float, singlesOf(Array(16).fill(0)));
  const self = 'bert.encoder.layer.1.attention.self.query';
  const offset = onnxTensor(`${self}.bias`, [4], types.float, singlesOf([0, 0, 0, 0]));
  const shape = onnxTensor(
    'val_shape',
    [4],
    types.int64,
    joined(...[0, 0, -1, 1].map((n) => whole(n, 8))),
  );
  const nodes = [
    onnxNode({
      operator: 'LayerNormalization',
      inputs: ['x'],
      outputs: ['n'],
      floats: { epsilon: 0.25 },
    }),
    product,
    onnxNode({ operator: 'Add', inputs: ['p', `${self}.bias`], outputs: ['q'] }),
    onnxNode({ operator: 'Reshape', inputs: ['q', 'val_shape'], outputs: ['r'] }),
    onnxNode({ operator: 'Erf', inputs: ['r'], outputs: ['e'] }),
  ];
  const { config } = await open(onnxBytes(nodes, [weight, offset, shape]));
  expect(config).toEqual({
    model_type: 'bert',
    num_hidden_layers: 2,
    hidden_size: 4,
    num_attention_heads: 2,
    layer_norm_eps: 0.25,
    hidden_act: 'gelu',
  });
});

describe('what cannot be read is refused with the reason', () => {
  const integer = (operator: string) =>
    onnxNode({ operator, name: 'here', inputs: [], outputs: [] });
  const one = (shape: readonly number[], type: number, bytes: Uint8Array) =>
    onnxBytes([product], [onnxTensor('a', shape, type, bytes)]);
  const sound = one([2], types.float, singlesOf([1, 2]));
  it.each([
    [
      'MatMulInteger',
      onnxBytes([integer('MatMulInteger')], []),
      'MatMulInteger ("here"), in integers',
    ],
    ['MatMulNBits', onnxBytes([integer('MatMulNBits')], []), 'its weights are packed'],
    ['packed numbers', one([2], types.int4, Uint8Array.of(1)), '"a" has the type 22 of ONNX'],
    ['a shape that lies', one([2 ** 20, 2 ** 20], types.float, stored), 'do not fit its shape'],
    ['no numbers', one([2], types.float, new Uint8Array()), 'do not fit its shape'],
    ['a cut file', sound.subarray(0, sound.length - 3), 'it is no ONNX file, or damaged'],
    ['another file', ascii('<html>no model</html>'), 'it is no ONNX file'],
    ['nothing', new Uint8Array(), 'it is no ONNX file, or holds no model'],
  ])('%s', async (_, bytes, sentence) => {
    await expect(open(bytes)).rejects.toThrow(sentence);
  });
});
