import { describe, expect, it } from 'vitest';
import { memoryFile, memoryFolder } from '../files.ts';
import { openCheckpoint } from '../open.ts';
import { readGguf } from './gguf.ts';
import {
  ascii,
  type GgufSetting,
  ggufBytes,
  ggufSetting,
  joined,
  seededBytes,
  singlesOf,
  whole,
} from './test-support.ts';

const { u32, f32, flag, text, texts, wholes } = ggufSetting;
const open = (bytes: Uint8Array) => readGguf(memoryFile('x.gguf', bytes));

/** Seeded blocks whose scales (f16 at the places named) are finite and about 0.05. */
function blocks(bytes: number, scales: readonly number[]): Uint8Array {
  const all = seededBytes(4 * bytes);
  for (let block = 0; block < 4; block++) {
    for (const place of scales) {
      const at = block * bytes + place + 1;
      all[at] = (all[at] & 0x83) | 0x28;
    }
  }
  return all;
}

// Sums by gguf 0.19.0 (Python), gguf.quants.dequantize, of the same bytes.
it.each([
  ['Q8_0', 8, 32, 34, [0], -0.7838134765625, 548.5570983886719],
  ['Q4_0', 2, 32, 18, [0], -1.66754150390625, -62.890899658203125],
  ['Q4_1', 3, 32, 20, [0, 2], -7.5643310546875, -735.8664855957031],
  ['Q4_K', 12, 256, 144, [0, 2], 1598.270263671875, 3159631.284423828],
  ['Q6_K', 14, 256, 210, [208], -2136.954803466797, -867693.0268859863],
])(
  '%s gives what gguf for Python gives',
  async (dtype, type, block, bytes, scales, sum, moment) => {
    const tensor = { name: 'a', shape: [4, block], type, bytes: blocks(bytes, scales) };
    const { tensors } = await open(ggufBytes({}, [tensor]));
    expect(tensors[0]).toMatchObject({ dtype, shape: [4, block] });
    const numbers = Float64Array.from(await tensors[0].read());
    expect(numbers.reduce((total, x) => total + x, 0)).toBe(sum);
    expect(numbers.reduce((total, x, i) => total + x * (i + 1), 0)).toBe(moment);
    expect([...(await tensors[0].readRows(1, 3))]).toEqual([...numbers.slice(block, 3 * block)]);
  },
);

it('reads settings of every type, F32 and BF16, in version 2 too', async () => {
  const settings = { a: u32(7), b: f32(0.5), c: flag(true), d: text('é'), e: texts(['x', 'y']) };
  const tensor = { name: 't', shape: [2, 1], type: 0, bytes: singlesOf([1.5, -2]) };
  const brain = { name: 'u', shape: [1], type: 30, bytes: Uint8Array.of(0xc0, 0x3f) };
  const { metadata, tensors } = await open(ggufBytes(settings, [tensor, brain], 2));
  expect(Object.fromEntries(metadata)).toEqual({ a: 7, b: 0.5, c: true, d: 'é', e: ['x', 'y'] });
  expect([...(await tensors[0].read())]).toEqual([1.5, -2]);
  expect([...(await tensors[1].read())]).toEqual([1.5]);
});

describe('what is unsound is refused', () => {
  const tensor = (changes: object) => ({
    name: 'a',
    shape: [32],
    type: 0,
    bytes: new Uint8Array(128),
    ...changes,
  });
  const one = (changes: object) => ggufBytes({}, [tensor(changes)]);
  const announcing = (tensors: number, settings: number) =>
    joined(ascii('GGUF'), whole(3, 4), whole(tensors, 8), whole(settings, 8));
  it.each([
    ['an unknown quantisation', one({ type: 11 }), '"a" is quantised as Q3_K, which is not read'],
    ['an unknown type', one({ type: 99 }), '"a" is quantised as type 99'],
    ['half a block', one({ type: 3, shape: [33] }), 'rows of no whole blocks of Q4_1'],
    ['a tensor that ends after the file', one({ shape: [64] }), '"a" ends after the file'],
    ['a tensor of 2⁵² numbers', one({ shape: [2 ** 26, 2 ** 26] }), '"a" ends after the file'],
    ['a cut description', one({}).subarray(0, 40), 'it was cut off'],
    ['a billion tensors', announcing(1e9, 0), 'it announces 1000000000 tensors'],
    ['more tensors than there are', announcing(1000, 0), 'it was cut off'],
    ['version 1', ggufBytes({}, [], 1), 'its version is 1, not 2 or 3'],
    ['big-endian', ggufBytes({}, [], 0x3000000), 'it is written big-endian'],
    ['another file', ascii('<html>….</html>'), 'it does not begin as GGUF does'],
    ['nothing', new Uint8Array(), 'it was cut off'],
  ])('%s', async (_, bytes, sentence) => {
    await expect(open(bytes)).rejects.toThrow(sentence);
  });
});

it('refuses a part of a model, and keeps the names of an architecture without a table', async () => {
  const tensor = { name: 'blk.0.attn_q.weight', shape: [1], type: 0, bytes: singlesOf([1]) };
  const gguf = (settings: Readonly<Record<string, GgufSetting>>) =>
    openCheckpoint(memoryFolder('tiny', { 'tiny.gguf': ggufBytes(settings, [tensor]) }));
  const architecture = text('mamba');
  await expect(
    gguf({ 'general.architecture': architecture, 'split.count': u32(3) }),
  ).rejects.toThrow(
    'tiny.gguf: it is one of 3 parts of a model. Join them: llama-gguf-split --merge.',
  );
  const other = await gguf({ 'general.architecture': architecture, 'mamba.block_count': u32(2) });
  expect([...other.tensors.keys()]).toEqual(['blk.0.attn_q.weight']);
  expect(other.config).toMatchObject({ model_type: 'mamba', 'mamba.block_count': 2 });
});

it('refuses rows that heads cannot share', async () => {
  const settings = { 'general.architecture': text('llama'), 'llama.attention.head_count': u32(3) };
  const tensor = {
    name: 'blk.0.attn_q.weight',
    shape: [4, 1],
    type: 0,
    bytes: singlesOf([1, 2, 3, 4]),
  };
  const files = { 'tiny.gguf': ggufBytes(settings, [tensor]) };
  await expect(openCheckpoint(memoryFolder('tiny', files))).rejects.toThrow(
    '4 rows, which 3 heads cannot share',
  );
});

describe('a Llama', () => {
  const heads = { query: 4, key: 2, width: 8 };
  /** Row r of Q holds r, in the order of Hugging Face; llama.cpp stores (head, half, i) as (head, i, half). */
  const stored = (count: number) => {
    const { width } = heads;
    const rows = Array.from({ length: count * width }, (_, row) => {
      const [head, place] = [Math.floor(row / width), row % width];
      return head * width + (place % 2) * (width / 2) + Math.floor(place / 2);
    });
    return singlesOf(rows);
  };
  const vocabulary = ['<s>', 'a', 'b', 'ab', 'Ġ', 'Ġab', '1', '2'];
  const file = ggufBytes(
    {
      'general.architecture': text('llama'),
      'general.license': text('mit'),
      'llama.block_count': u32(1),
      'llama.embedding_length': u32(1),
      'llama.attention.head_count': u32(heads.query),
      'llama.attention.head_count_kv': u32(heads.key),
      'llama.attention.layer_norm_rms_epsilon': f32(0.5),
      'llama.rope.freq_base': f32(10_000),
      'tokenizer.ggml.model': text('gpt2'),
      'tokenizer.ggml.pre': text('smollm'),
      'tokenizer.ggml.tokens': texts(vocabulary),
      'tokenizer.ggml.token_type': wholes([3, 1, 1, 1, 1, 1, 1, 1]),
      'tokenizer.ggml.merges': texts(['a b', 'Ġ ab']),
      'tokenizer.ggml.bos_token_id': u32(0),
      'tokenizer.ggml.add_bos_token': flag(true),
    },
    [
      { name: 'token_embd.weight', shape: [1, 1], type: 0, bytes: singlesOf([3]) },
      { name: 'blk.0.attn_q.weight', shape: [32, 1], type: 0, bytes: stored(heads.query) },
      { name: 'blk.0.attn_k.weight', shape: [16, 1], type: 0, bytes: stored(heads.key) },
      { name: 'blk.0.ffn_gate.weight', shape: [1, 1], type: 0, bytes: singlesOf([5]) },
    ],
  );
  const checkpoint = openCheckpoint(memoryFolder('tiny', { 'tiny.gguf': file }));

  it('has the names and settings of Hugging Face, and the rows of Q and K in its order', async () => {
    const { tensors, config, licence } = await checkpoint;
    const query = tensors.get('model.layers.0.self_attn.q_proj.weight');
    const key = tensors.get('model.layers.0.self_attn.k_proj.weight');
    expect([...((await query?.read()) ?? [])]).toEqual(Array.from({ length: 32 }, (_, r) => r));
    expect([...((await key?.readRows(1, 4)) ?? [])]).toEqual([1, 2, 3]);
    expect(tensors.has('model.layers.0.mlp.gate_proj.weight')).toBe(true);
    expect(config).toMatchObject({
      model_type: 'llama',
      num_attention_heads: 4,
      num_key_value_heads: 2,
      rms_norm_eps: 0.5,
      rope_theta: 10_000,
      tie_word_embeddings: true,
    });
    expect(licence).toBe('mit (tiny.gguf)');
  });

  it('brings its tokeniser', async () => {
    const tokenizer = await (await checkpoint).tokenizer?.load();
    expect(tokenizer?.size).toBe(vocabulary.length);
    expect(tokenizer?.encode('ab ab12')).toEqual([0, 3, 5, 6, 7]);
    expect(tokenizer?.decode([3, 5])).toBe('ab ab');
  });
});
