import { describe, expect, it } from 'vitest';
import { decodeNpy, encodeNpy, readNpy } from './npy.ts';
import { doubles, npyBytes, singles } from './test-support.ts';

const matrix = Float64Array.of(1, -2.5, Math.PI, 1e300, 5e-324, 0);

describe('.npy', () => {
  it('writes the header of format 1.0, byte by byte', () => {
    const bytes = encodeNpy([2, 3], matrix);
    expect([...bytes.subarray(0, 8)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
    const length = bytes[8] + 256 * bytes[9];
    expect((10 + length) % 64).toBe(0);
    const header = new TextDecoder('latin1').decode(bytes.subarray(10, 10 + length));
    expect(header).toMatch(/^\{'descr': '<f8', 'fortran_order': False, 'shape': \(2, 3\), \} *\n$/);
    expect(bytes.length).toBe(10 + length + 48);
    expect(new DataView(bytes.buffer).getFloat64(10 + length + 8, true)).toBe(-2.5);
  });

  it.each([
    [[6], '(6,)'],
    [[1, 6], '(1, 6)'],
    [[2, 1, 3], '(2, 1, 3)'],
  ])('writes the shape %j as Python does', (shape, tuple) => {
    expect(new TextDecoder('latin1').decode(encodeNpy(shape, matrix))).toContain(
      `'shape': ${tuple},`,
    );
  });

  it('reads back what it wrote, in f64 and f32', () => {
    const whole = { shape: [2, 3], type: 'float64', data: matrix };
    expect(decodeNpy(encodeNpy([2, 3], matrix), 'x')).toEqual(whole);
    const single = Float32Array.of(0.1, 2);
    expect(decodeNpy(encodeNpy([2], single), 'x')).toEqual({
      shape: [2],
      type: 'float32',
      data: Float64Array.from(single),
    });
    expect(decodeNpy(encodeNpy([], Float64Array.of(7)), 'x').shape).toEqual([]);
  });

  it('reads big-endian and column-major arrays', () => {
    const data = new Uint8Array(12);
    const view = new DataView(data.buffer);
    // Column by column: [[1, 2, 3], [4, 5, -6]].
    [1, 4, 2, 5, 3, -6].forEach((value, i) => {
      view.setInt16(2 * i, value);
    });
    const bytes = npyBytes({ descr: "'>i2'", order: 'True', shape: '(2, 3)', data });
    expect([...decodeNpy(bytes, 'x').data]).toEqual([1, 2, 3, 4, 5, -6]);
    const cube = npyBytes({
      order: 'True',
      shape: '(2, 2, 2)',
      data: doubles(0, 4, 2, 6, 1, 5, 3, 7),
    });
    expect([...decodeNpy(cube, 'x').data]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it.each([
    ["'|b1'", Uint8Array.of(1, 0, 1), 'bool', [1, 0, 1]],
    ["'?'", Uint8Array.of(1, 0, 2), 'bool', [1, 0, 1]],
    ["'<f2'", Uint8Array.of(0, 0x3c, 1, 0, 0, 0xfc), 'float16', [1, 2 ** -24, -Infinity]],
    ["'<f4'", singles(0.5, -2, 3), 'float32', [0.5, -2, 3]],
    ["'f8'", doubles(0.5, -2, 3), 'float64', [0.5, -2, 3]],
    ["'|i1'", Uint8Array.of(255, 0, 1), 'int8', [-1, 0, 1]],
    ["'|u1'", Uint8Array.of(255, 0, 1), 'uint8', [255, 0, 1]],
    [
      "'<i8'",
      new Uint8Array(BigInt64Array.of(-1n, 0n, 2n ** 53n - 1n).buffer),
      'int64',
      [-1, 0, 2 ** 53 - 1],
    ],
  ])('reads %s', (descr, data, type, values) => {
    const array = readNpy(npyBytes({ descr, shape: '(3,)', data }), 'x');
    expect(array.type).toBe(type);
    expect([...array.data]).toEqual(values);
  });

  it.each(['(3L, 2L)', '(3L,2L,)', '( 3 , 2 )'])('reads the shape %s', (shape) => {
    const bytes = npyBytes({ shape, data: new Uint8Array(48) });
    expect(readNpy(bytes, 'x').shape).toEqual([3, 2]);
  });

  it('reads versions 2 and 3, and keys in double quotes and any order', () => {
    for (const version of [2, 3]) {
      expect(readNpy(npyBytes({ shape: '()', data: doubles(4), version }), 'x').data[0]).toBe(4);
    }
    const header = `{"shape": (1,), "fortran_order": False, "descr": "<f8"}`;
    const bytes = new Uint8Array(10 + header.length + 8);
    bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
    bytes.set(new TextEncoder().encode(header), 10);
    expect(readNpy(bytes, 'x').shape).toEqual([1]);
  });

  it('reads texts of code points and of bytes', () => {
    const codes = new Uint8Array(Uint32Array.from([103, 233, 0, 0x1f600]).buffer);
    const unicode = npyBytes({ descr: "'<U2'", shape: '(2,)', data: codes });
    expect(readNpy(unicode, 'x')).toEqual({ shape: [2], type: 'text', data: ['gé', '\0😀'] });
    const ascii = new TextEncoder().encode('gelu\0');
    expect(readNpy(npyBytes({ descr: "'|S5'", shape: '()', data: ascii }), 'x').data).toEqual([
      'gelu',
    ]);
  });

  const eight = doubles(1);
  it.each([
    ['no array', new Uint8Array(20), 'no .npy array'],
    ['a cut', encodeNpy([6], matrix).subarray(0, 150), 'ends before its last entry'],
    ['a surplus', npyBytes({ shape: '()', data: doubles(1, 2) }), '8 bytes follow'],
    ['f3', npyBytes({ descr: "'<f3'", shape: '()', data: eight }), "an unknown type ('<f3')"],
    ['i7', npyBytes({ descr: "'<i7'", shape: '()', data: eight }), 'an unknown type'],
    ['complex numbers', npyBytes({ descr: "'<c8'", shape: '()', data: eight }), 'complex numbers'],
    ['objects', npyBytes({ descr: "'|O'", shape: '()', data: eight }), 'Python objects'],
    ['records', npyBytes({ descr: "[('a', '<f8')]", shape: '()', data: eight }), 'records'],
    ['3000 axes', npyBytes({ shape: `(${'1, '.repeat(3000)})`, data: eight }), '3000 axes'],
    ['a negative size', npyBytes({ shape: '(-1,)', data: eight }), 'describes no plain array'],
    ['a size of 400 digits', npyBytes({ shape: `(1${'0'.repeat(400)},)` }), 'no plain array'],
    ['a key twice', npyBytes({ descr: "'<f8', 'descr': '<f4'", shape: '()' }), 'no plain array'],
    ['version 9', npyBytes({ shape: '()', data: eight, version: 9 }), 'version 9'],
    [
      'whole numbers beyond 2^53',
      npyBytes({ descr: "'<i8'", shape: '()', data: Uint8Array.of(1, 0, 0, 0, 0, 0, 32, 0) }),
      'beyond 2^53',
    ],
  ])('refuses %s', (_, bytes, sentence) => {
    expect(() => readNpy(bytes, 'x.npy')).toThrow(sentence);
  });

  it.each(['(1000000000, 0)', '(9000000,)', '(3000, 3000)'])(
    'refuses the shape %s from the header alone',
    (shape) => {
      expect(() => readNpy(npyBytes({ shape }), 'x.npy')).toThrow(/the limit is 64.0 MiB/);
    },
  );

  it('allows more where more is asked for', () => {
    const bytes = npyBytes({ shape: '(9000000,)' });
    expect(() => readNpy(bytes, 'x.npy', { budget: 1e8 })).toThrow('ends before its last entry');
  });
});
