import { describe, expect, it } from 'vitest';
import { safetensorsBytes } from '../formats/test-support.ts';
import { memoryFolder, type RandomAccess } from './files.ts';
import { ascii, joined, seededBytes, singlesOf } from './formats/test-support.ts';
import { openCheckpoint } from './open.ts';
import { findCheckpoints } from './places.ts';

/** A safetensors file of f32 vectors. */
function vectors(tensors: Readonly<Record<string, readonly number[]>>): Uint8Array {
  let at = 0;
  const header = Object.entries(tensors).map(([name, values]) => {
    const from = at;
    at += 4 * values.length;
    return [name, { dtype: 'F32', shape: [values.length], data_offsets: [from, at] }];
  });
  const data = Object.values(tensors).map(singlesOf);
  return safetensorsBytes(Object.fromEntries(header), joined(...data));
}

const json = (value: unknown) => ascii(JSON.stringify(value));
const config = json({ model_type: 'bert' });
const weights = vectors({ a: [1, 2], b: [3] });
const open = (files: Readonly<Record<string, Uint8Array>>, at?: string) =>
  openCheckpoint(memoryFolder('model', files), at);

describe('a folder in the layout of Hugging Face', () => {
  it('is read with its settings, licence and tokeniser, and hides what lies below', async () => {
    const checkpoint = await open({
      'config.json': config,
      'model.safetensors': weights,
      'pytorch_model.bin': ascii('never looked at'),
      'onnx/model.onnx': ascii('never looked at'),
      'training_args.bin': ascii('never looked at'),
      'README.md': ascii('---\ntags: [x]\nlicense: apache-2.0\n---\nLicense: other\n'),
    });
    expect(checkpoint).toMatchObject({
      source: 'model',
      format: 'safetensors',
      config: { model_type: 'bert' },
      licence: 'apache-2.0 (README.md)',
      tokenizer: undefined,
    });
    expect([...checkpoint.tensors.keys()]).toEqual(['a', 'b']);
    expect([...((await checkpoint.tensors.get('b')?.read()) ?? [])]).toEqual([3]);
  });

  it('may hold its weights in parts', async () => {
    const index = { weight_map: { a: 'one.safetensors', c: 'two.safetensors' } };
    const files = {
      'config.json': config,
      'model.safetensors.index.json': json(index),
      'one.safetensors': weights,
    };
    const whole = await open({ ...files, 'two.safetensors': vectors({ c: [4] }) });
    expect([...whole.tensors.keys()]).toEqual(['a', 'c']);
    await expect(open(files)).rejects.toThrow(
      'its part two.safetensors is missing, which holds 1 tensors (c, …). Put two.safetensors beside it.',
    );
    await expect(open({ ...files, 'two.safetensors': weights })).rejects.toThrow(
      'two.safetensors: it lacks the tensor "c"',
    );
    const outside = json({ weight_map: { a: '../secret.safetensors' } });
    await expect(open({ 'model.safetensors.index.json': outside })).rejects.toThrow('is missing');
    await expect(open({ 'model.safetensors.index.json': json({}) })).rejects.toThrow('weight_map');
  });
});

describe('a package', () => {
  const licence = ascii('Metadata-Version: 2.1\nName: x\nLicense: MIT\n\nLicense: none\n');
  const files = {
    'x-1.0.dist-info/METADATA': licence,
    'x/models/first/config.json': config,
    'x/models/first/model.safetensors': weights,
    'x/models/second/small.gguf': ascii('GGUF'),
    'x/models/second/large.gguf': ascii('GGUF'),
    'x/models/vocab.txt': ascii('[PAD]\n[UNK]\n[CLS]\n[SEP]\nC\nCl\n[nH]\n'),
  };

  it('gives the list of its checkpoints, and each by its place', async () => {
    expect(findCheckpoints(memoryFolder('x', files)).map(({ at }) => at)).toEqual([
      'x/models/first',
      'x/models/second/large.gguf',
      'x/models/second/small.gguf',
    ]);
    await expect(open(files)).rejects.toThrow(
      'model: it holds 3 checkpoints: x/models/first, x/models/second/large.gguf, x/models/second/small.gguf. Name one of them.',
    );
    for (const at of ['x/models/first', 'x/models/first/model.safetensors']) {
      const checkpoint = await open(files, at);
      expect(checkpoint.licence).toBe('MIT (x-1.0.dist-info/METADATA)');
      expect(checkpoint.config).toEqual({ model_type: 'bert' });
      const tokenizer = await checkpoint.tokenizer?.load();
      expect(tokenizer?.encode('CCl[nH]?')).toEqual([2, 4, 5, 6, 1, 3]);
    }
  });

  it('without weights is refused', async () => {
    await expect(open({ 'setup.py': ascii('') })).rejects.toThrow('model: it holds no weights');
    await expect(open(files, 'y')).rejects.toThrow('model/y: it holds no weights');
  });
});

describe('what is unsound is refused, before any weight is read', () => {
  it.each([
    [
      'settings that are no JSON',
      { 'config.json': ascii('{') },
      'config.json: it is no valid JSON',
    ],
    ['settings that are a list', { 'config.json': ascii('[1]') }, 'holds no object but [1]'],
    ['weights cut off', { 'model.safetensors': weights.subarray(0, -2) }, 'ends after the file'],
    [
      'a header that is too long',
      { 'model.safetensors': joined([0, 0, 0, 2, 0, 0, 0, 0], new Uint8Array(2 ** 25)) },
      'more than 16777216',
    ],
    [
      'a type of numbers that is unknown',
      {
        'model.safetensors': safetensorsBytes(
          { a: { dtype: 'F4', shape: [1], data_offsets: [0, 1] } },
          Uint8Array.of(1),
        ),
      },
      '"a" has the type "F4"',
    ],
    ['no tensor', { 'model.safetensors': vectors({}) }, 'it holds no tensor'],
    [
      'a pointer of Git LFS',
      { 'model.safetensors': ascii('version https://git-lfs.github.com/spec/v1\noid sha256:00') },
      'git lfs pull',
    ],
  ])('%s', async (_, files, sentence) => {
    await expect(open({ 'model.safetensors': weights, ...files })).rejects.toThrow(sentence);
  });

  it('numbers that are none, by name and place, when they are read', async () => {
    const { tensors } = await open({ 'model.safetensors': vectors({ a: [1, 2, Number.NaN] }) });
    await expect(tensors.get('a')?.read()).rejects.toThrow('tensor a: entry 2 is NaN');
    await expect(tensors.get('a')?.readRows(2, 3)).rejects.toThrow('tensor a: entry 2 is NaN');
    expect([...((await tensors.get('a')?.readRows(0, 2)) ?? [])]).toEqual([1, 2]);
  });
});

it('reads the description, and of the weights only what is asked for', async () => {
  const numbers = Array.from(seededBytes(5000));
  const bytes = vectors({ a: numbers, b: numbers });
  let total = 0;
  const counted: RandomAccess = {
    path: 'model.safetensors',
    size: bytes.length,
    read: async (from, to) => {
      total += to - from;
      return bytes.subarray(from, to);
    },
  };
  const files = new Map([['model.safetensors', counted]]);
  const { tensors } = await openCheckpoint({ name: 'model', files });
  expect(total).toBeLessThan(1000);
  await tensors.get('b')?.readRows(10, 20);
  expect(total).toBeLessThan(1000 + 40 + 1);
});
