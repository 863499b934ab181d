import { describe, expect, it } from 'vitest';
import { decodeSafetensors } from './safetensors.ts';
import { doubles, safetensorsBytes } from './test-support.ts';

it('reads F32, BF16, F16, I64 and BOOL', () => {
  const header = {
    __metadata__: { format: 'pt' },
    single: { dtype: 'F32', shape: [1, 1], data_offsets: [0, 4] },
    brain: { dtype: 'BF16', shape: [2], data_offsets: [4, 8] },
    half: { dtype: 'F16', shape: [2], data_offsets: [8, 12] },
    whole: { dtype: 'I64', shape: [], data_offsets: [12, 20] },
    flag: { dtype: 'BOOL', shape: [], data_offsets: [20, 21] },
  };
  const data = [
    ...[0, 0, 0xc0, 0x3f], // 1.5
    ...[0x80, 0x3f, 0x20, 0xc1], // 1, −10
    ...[0x00, 0x3c, 0x01, 0x00], // 1, 2^−24
    ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // −1
    1,
  ];
  const arrays = decodeSafetensors(safetensorsBytes(header, Uint8Array.from(data)), 'x');
  expect(Object.keys(arrays)).toEqual(['single', 'brain', 'half', 'whole', 'flag']);
  expect(arrays.single).toEqual({ shape: [1, 1], type: 'float32', data: Float64Array.of(1.5) });
  expect([...arrays.brain.data]).toEqual([1, -10]);
  expect([...arrays.half.data]).toEqual([1, 2 ** -24]);
  expect([...arrays.whole.data]).toEqual([-1]);
  expect(arrays.flag.type).toBe('bool');
});

describe('what does not fit is refused, naming the tensor', () => {
  const sound = { dtype: 'F64', shape: [1], data_offsets: [8, 16] };
  const first = { dtype: 'F64', shape: [1], data_offsets: [0, 8] };
  it.each([
    ['a negative offset', { ...sound, data_offsets: [-8, 0] }, '"b" has no pair of offsets'],
    ['an overlap', { ...sound, data_offsets: [4, 12] }, '"b" overlaps'],
    ['the same place', { ...sound, data_offsets: [0, 8] }, '"b" overlaps'],
    ['a gap', { dtype: 'F32', shape: [1], data_offsets: [12, 16] }, '4 bytes before tensor "b"'],
    ['data behind', { dtype: 'F32', shape: [1], data_offsets: [8, 12] }, 'its last 4 bytes'],
    ['an end behind the file', { ...sound, data_offsets: [16, 24] }, '"b" ends after the file'],
    ['offsets the wrong way', { ...sound, data_offsets: [16, 8] }, '"b" does not fit'],
    ['no shape', { dtype: 'F64', data_offsets: [8, 16] }, '"b" has no shape'],
    ['a shape that is none', { ...sound, shape: [1.5] }, '"b" has no shape'],
    ['no type', { shape: [1], data_offsets: [8, 16] }, '"b" has the type undefined'],
    ['an unknown type', { ...sound, dtype: 'F8_E4M3' }, '"b" has the type "F8_E4M3"'],
    ['a type of another width', { ...sound, dtype: 'F32' }, '"b" does not fit its shape [1]'],
    ['a type that objects inherit', { ...sound, dtype: 'toString' }, 'unknown here'],
    ['no description', null, '"b" has the type undefined'],
    ['40 axes', { ...sound, shape: Array(40).fill(1) }, '"b" has 40 axes'],
  ])('%s', (_, b, sentence) => {
    const bytes = safetensorsBytes({ a: first, b }, doubles(1, 2));
    expect(() => decodeSafetensors(bytes, 'x')).toThrow(sentence);
  });

  it.each([
    ['null', null],
    ['a list', []],
    ['a number', 3],
  ])('a header that is %s', (_, header) => {
    expect(() => decodeSafetensors(safetensorsBytes(header, doubles()), 'x')).toThrow(
      'no object of tensors',
    );
  });

  it('a header longer than the file, of another kind, or too deep', () => {
    const long = Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255);
    expect(() => decodeSafetensors(long, 'x')).toThrow('longer than the file');
    expect(() => decodeSafetensors(long.subarray(0, 5), 'x')).toThrow('too short');
    const broken = safetensorsBytes({ a: 1 }, doubles());
    broken[8] = 0;
    expect(() => decodeSafetensors(broken, 'x')).toThrow('no valid JSON');
    const deep = JSON.parse('['.repeat(100) + ']'.repeat(100));
    expect(() => decodeSafetensors(safetensorsBytes(deep, doubles()), 'x')).toThrow('deeper');
  });

  it('sizes beyond the budget, by the header alone', () => {
    const header = { a: { dtype: 'U8', shape: [1e9, 0], data_offsets: [0, 0] } };
    expect(() => decodeSafetensors(safetensorsBytes(header, doubles()), 'x')).toThrow('limit');
  });
});
