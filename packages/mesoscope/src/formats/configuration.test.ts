import { describe, expect, it } from 'vitest';
import { readConfigurationBytes } from './configuration.ts';
import { doubles, npyBytes, npyOf, safetensorsBytes, zipOf } from './test-support.ts';

const text = (value: string) => new TextEncoder().encode(value);
const read = (bytes: Uint8Array, path: string) => readConfigurationBytes(bytes, path).configuration;

it('puts arrays at the paths that their names spell', () => {
  const codes = new Uint8Array(Uint32Array.from([109, 101, 97, 110]).buffer);
  const archive = zipOf({
    'heads.1.Q': npyOf([[3, 4]]),
    'heads.0.Q.npy': npyOf([[1, 2]]),
    horizon: npyOf(2),
    causal: npyBytes({ descr: "'|b1'", shape: '()', data: Uint8Array.of(1) }),
    pooling: npyBytes({ descr: "'<U4'", shape: '()', data: codes }),
  });
  const expected = {
    heads: [{ Q: [[1, 2]] }, { Q: [[3, 4]] }],
    horizon: 2,
    causal: true,
    pooling: 'mean',
  };
  expect(read(archive, 'a.npz')).toEqual(expected);
  // An archive by another name is one all the same.
  expect(read(archive, 'a.json')).toEqual(expected);
  const tensor = { h0: { dtype: 'F64', shape: [1, 2], data_offsets: [0, 16] } };
  expect(read(safetensorsBytes(tensor, doubles(1, 2)), 'a.safetensors')).toEqual({ h0: [[1, 2]] });
});

it('reads JSON with comments, a schema, and the encodings of Windows', () => {
  const json = '{"$schema": "x", "// a": "why", "a": [{"//": "here", "b": 1}]}';
  expect(read(text(json), 'a.json')).toEqual({ a: [{ b: 1 }] });
  expect(read(text(`\uFEFF${json}`), 'a.json')).toEqual({ a: [{ b: 1 }] });
  const wide = new Uint8Array(Uint16Array.from(`\uFEFF${json}`, (c) => c.charCodeAt(0)).buffer);
  expect(read(wide, 'a.json')).toEqual({ a: [{ b: 1 }] });
});

describe('refusals', () => {
  it.each([
    ['one array', npyOf([[1, 2]]), 'a.npy', 'holds one array (float64 of shape 1 × 2)'],
    [
      'a reserved name',
      zipOf({ __proto__x: npyOf(1), 'a.__proto__.b': npyOf(1) }),
      'a.npz',
      'path',
    ],
    ['a name of 70 steps', zipOf({ ['a.'.repeat(70) + 'b']: npyOf(1) }), 'a.npz', '64 steps'],
    ['deep nesting', text('['.repeat(100_000)), 'a.json', 'deeper than 64'],
    ['a cut', text('{"a": [1, 2'), 'a.json', 'no valid JSON'],
    ['1.5 million lists', text(`[${'[],'.repeat(1.5e6)}[]]`), 'a.json', 'the limit is 64.0 MiB'],
  ])('%s', (_, bytes, path, sentence) => {
    const start = performance.now();
    expect(() => readConfigurationBytes(bytes, path)).toThrow(sentence);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('repeats at most 120 characters of what was received', () => {
    const bytes = text(`{"a": ${'x'.repeat(10_000)}}`);
    expect(() => readConfigurationBytes(bytes, 'a.json')).toThrow(/^.{0,300}$/);
  });
});
