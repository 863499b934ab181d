import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeNpy, encodeNpy } from './npy.ts';
import { decodeNpz, encodeNpz } from './npz.ts';

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
    expect(decodeNpy(encodeNpy([2, 3], matrix), 'x')).toEqual({ shape: [2, 3], data: matrix });
    const single = Float32Array.of(0.1, 2);
    expect(decodeNpy(encodeNpy([2], single), 'x').data).toEqual(Float64Array.from(single));
    expect(decodeNpy(encodeNpy([], Float64Array.of(7)), 'x')).toEqual({
      shape: [],
      data: Float64Array.of(7),
    });
  });

  it('reads big-endian and column-major arrays', () => {
    const header = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n";
    const bytes = new Uint8Array(10 + header.length + 12);
    bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
    bytes.set(new TextEncoder().encode(header), 10);
    const view = new DataView(bytes.buffer);
    // Column by column: [[1, 2, 3], [4, 5, 6]].
    [1, 4, 2, 5, 3, -6].forEach((value, i) => {
      view.setInt16(10 + header.length + 2 * i, value);
    });
    expect(decodeNpy(bytes, 'x')).toEqual({
      shape: [2, 3],
      data: Float64Array.of(1, 2, 3, 4, 5, -6),
    });
  });

  it('refuses what is no array of numbers', () => {
    expect(() => decodeNpy(new Uint8Array(20), 'x.npy')).toThrow('no .npy array');
    expect(() => decodeNpy(encodeNpy([6], matrix).subarray(0, 150), 'x.npy')).toThrow(
      'ends before',
    );
    expect(() => decodeNpz(new Uint8Array(20), 'x.npz')).toThrow('cannot be read as .npz');
  });
});

describe('.npz', () => {
  it('reads back what it wrote, the same bytes for the same arrays', () => {
    const arrays = {
      a: { shape: [2, 3], data: matrix },
      'b/c': { shape: [0], data: new Float64Array() },
    };
    const bytes = encodeNpz(arrays);
    expect(decodeNpz(bytes, 'x')).toEqual(arrays);
    expect(encodeNpz(arrays)).toEqual(bytes);
  });

  it('refuses a shape that does not fit', () => {
    expect(() => encodeNpz({ a: { shape: [2, 2], data: matrix } })).toThrow('array a');
  });

  const python = process.env.MESOSCOPE_PYTHON ?? 'python3';
  const numpy = spawnSync(python, ['-c', 'import numpy']).status === 0;
  it.skipIf(!numpy)(`is loaded by NumPy (skipped where ${python} has no NumPy)`, () => {
    const path = join(mkdtempSync(join(tmpdir(), 'npz-')), 'arrays.npz');
    writeFileSync(path, encodeNpz({ a: { shape: [2, 3], data: matrix } }));
    const script = `import numpy; a = numpy.load(${JSON.stringify(path)})["a"]; print(a.dtype, a.shape, a.tolist())`;
    expect(spawnSync(python, ['-c', script], { encoding: 'utf8' }).stdout.trim()).toBe(
      'float64 (2, 3) [[1.0, -2.5, 3.141592653589793], [1e+300, 5e-324, 0.0]]',
    );
  });
});
