import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeNpz, encodeNpz, readNpz } from './npz.ts';
import { npyBytes, npyOf, zipOf } from './test-support.ts';

const matrix = Float64Array.of(1, -2.5, Math.PI, 1e300, 5e-324, 0);

const zeros = (length: number) => new Uint8Array(length);

function many(count: number): Record<string, Uint8Array> {
  const bytes = npyBytes({ shape: '(1000, 0)' });
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, bytes]));
}

/** Where an archive of one file says how long it is inflated: before the file, and in the directory. */
function forEachSize(bytes: Uint8Array, change: (view: DataView, at: number) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  change(view, 22);
  const directory = view.getUint32(bytes.length - 6, true);
  change(view, directory + 24);
}

describe('.npz', () => {
  it('reads back what it wrote, the same bytes for the same arrays', () => {
    const arrays = {
      a: { shape: [2, 3], data: matrix },
      'b/c': { shape: [0], data: new Float64Array() },
    };
    const bytes = encodeNpz(arrays);
    const read = decodeNpz(bytes, 'x');
    expect(Object.keys(read)).toEqual(Object.keys(arrays));
    expect(read.a).toEqual({ ...arrays.a, type: 'float64' });
    expect(read['b/c'].shape).toEqual([0]);
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

  it('reads deflated archives, names without .npy, and what macOS adds', () => {
    const bytes = zipOf(
      {
        'h0.npy': npyOf([1, 2]),
        V: npyOf([
          [1, 2],
          [3, 4],
        ]),
        '__MACOSX/._h0.npy': Uint8Array.of(0, 5, 22, 7),
        'folder/': new Uint8Array(),
        '.DS_Store': Uint8Array.of(0),
      },
      9,
    );
    const arrays = readNpz(bytes, 'x');
    expect(Object.keys(arrays)).toEqual(['h0', 'V']);
    expect([...arrays.V.data]).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['no archive', new Uint8Array(40), 'no .zip archive'],
    ['a name twice', zipOf({ a: npyOf(1), 'a.npy': npyOf(2) }), 'holds "a" twice'],
    ['other files', zipOf({ 'a.npy': npyOf(1), 'notes.txt': Uint8Array.of(65) }), '"notes.txt"'],
    [
      'a bomb',
      zipOf({ 'a.npy': npyBytes({ shape: '(10000000,)', data: zeros(80e6) }) }, 9),
      'limit',
    ],
    ['many small ones', zipOf(many(3000)), 'the limit is 64.0 MiB'],
    ['text where numbers belong', zipOf({ 'a.npy': Uint8Array.of(1, 2, 3) }), 'is no array'],
  ])('refuses %s', (_, bytes, sentence) => {
    const before = process.resourceUsage().maxRSS;
    const start = performance.now();
    expect(() => readNpz(bytes, 'x.npz')).toThrow(sentence);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(100 * 1024);
  });

  it('refuses a member that inflates to more than the archive says', () => {
    const bytes = zipOf({ 'a.npy': npyBytes({ shape: '(8,)', data: zeros(4e6) }) }, 9);
    const said = npyBytes({ shape: '(8,)', data: zeros(64) }).length;
    forEachSize(bytes, (view, at) => view.setUint32(at, said, true));
    expect(() => readNpz(bytes, 'x.npz')).toThrow(`not the ${said} bytes`);
  });

  it('notices a damaged number by the checksum', () => {
    const bytes = zipOf({ 'a.npy': npyOf([1, 2, 3]) });
    bytes[30 + 5 + npyOf([1, 2, 3]).length - 2] ^= 1;
    expect(() => readNpz(bytes, 'x.npz')).toThrow('its checksum differs');
  });
});
