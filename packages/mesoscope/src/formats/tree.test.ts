import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeTree, encodeTree } from './tree.ts';

const there = (value: unknown) => decodeTree(encodeTree(value), 'memory');

describe('a tree as bytes', () => {
  it('comes back as it was', () => {
    const value = {
      numbers: [0, -0, NaN, Infinity, -Infinity, 1e-320, 0.1 + 0.2],
      texts: ['', 'é\u0000', '#array', '__proto__'],
      marked: [
        ['#number', '1'],
        ['#array', 'f64', 0, 3],
        ['#object', []],
      ],
      nested: { deep: [{ a: null, b: [true, false] }] },
      f64: Float64Array.of(1, NaN, -0),
      f32: Float32Array.of(0.1),
      i32: Int32Array.of(-1, 7),
      u8: Uint8Array.of(1, 2, 3),
      empty: new Float64Array(0),
    };
    expect(there(value)).toEqual(value);
    expect(Object.is((there(value) as typeof value).numbers[1], -0)).toBe(true);
  });

  it('comes back for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(there(value)).toEqual(value);
      }),
    );
  });

  it('keeps a view on a longer buffer apart from its rest', () => {
    const view = Float64Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(there({ view })).toEqual({ view: Float64Array.of(2, 3) });
  });

  it('is read from a view into a pool, as Node reads small files', () => {
    const bytes = encodeTree({ x: Float64Array.of(1, 2) });
    const pool = Buffer.from(bytes);
    expect(decodeTree(pool, 'pool')).toEqual({ x: Float64Array.of(1, 2) });
  });

  it('notices every changed byte and every cut', () => {
    const bytes = encodeTree({ a: Float64Array.of(1, 2), b: 'text' });
    for (let i = 0; i < bytes.length; i++) {
      // The padding between text and arrays is covered as well.
      const changed = Uint8Array.from(bytes);
      changed[i] ^= 1;
      expect(() => decodeTree(changed, 'kept.bin')).toThrow('kept.bin: it is damaged');
      expect(() => decodeTree(bytes.subarray(0, i), 'kept.bin')).toThrow('damaged');
    }
  });

  it('refuses what is no data, with its path', () => {
    expect(() => encodeTree({ a: [{ f: () => 1 }] })).toThrow('a[0].f');
    expect(() => encodeTree({ when: new Date(0) })).toThrow('when');
  });
});
