import { type Zippable, zipSync } from 'fflate';
import { MesoscopeError } from '../errors.ts';
import { shapeMismatch } from '../numeric/checks.ts';
import {
  inputBudget,
  type NumberArray,
  type ReadOptions,
  type StoredArray,
  sizeOf,
} from './arrays.ts';
import {
  encodeNpy,
  entryBytes,
  headerReach,
  isNpy,
  numbersOf,
  readNpyBody,
  readNpyHeader,
  requireBytes,
} from './npy.ts';
import { inflateEntry, peekEntry, readZip } from './zip.ts';

/** An array to be written. */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: Float64Array | Float32Array | Uint8Array;
}

/** The oldest date that a zip can hold: the same arrays give the same bytes. */
const timestamp = '1980-01-01T00:00:00';

/** Arrays as an uncompressed .npz, as `numpy.savez` writes it. @throws MesoscopeError `shape-mismatch` */
export function encodeNpz(arrays: Readonly<Record<string, NamedArray>>): Uint8Array {
  const files: Zippable = {};
  for (const [name, { shape, data }] of Object.entries(arrays)) {
    if (sizeOf(shape) !== data.length) {
      throw shapeMismatch(`array ${name}`, [data.length], shape);
    }
    files[`${name}.npy`] = encodeNpy(shape, data);
  }
  return zipSync(files, { level: 0, mtime: timestamp });
}

/**
 * Reads every array of a .npz, by name, whether the archive names it `h0.npy` or `h0`. All headers are judged before
 * the first array is inflated.
 *
 * @throws MesoscopeError `file`, `too-large`
 */
export function readNpz(
  bytes: Uint8Array,
  path: string,
  options: ReadOptions = {},
): Record<string, StoredArray> {
  const spend = inputBudget(path, options);
  const names = new Set<string>();
  const found = readZip(bytes, path).map((entry) => {
    const where = `${path}/${entry.name}`;
    const name = entry.name.replace(/\.npy$/, '');
    if (names.has(name)) throw refused(path, `it holds "${name}" twice`);
    names.add(name);
    const beginning = peekEntry(entry, headerReach, where);
    if (!isNpy(beginning)) throw refused(path, `"${entry.name}" in it is no array`);
    const header = readNpyHeader(beginning, where);
    requireBytes(entry.size, header, where);
    spend(name, header, entryBytes(header));
    return { name, where, entry, header };
  });
  return Object.fromEntries(
    found.map(({ name, where, entry, header }) => [
      name,
      readNpyBody(inflateEntry(entry, where), header, where),
    ]),
  );
}

/** Reads every array of a .npz of numbers. @throws MesoscopeError as {@link readNpz}; `file` for texts */
export function decodeNpz(
  bytes: Uint8Array,
  path: string,
  options?: ReadOptions,
): Record<string, NumberArray> {
  return Object.fromEntries(
    Object.entries(readNpz(bytes, path, options)).map(([name, array]) => [
      name,
      numbersOf(array, `${path}/${name}`),
    ]),
  );
}

function refused(path: string, reason: string): MesoscopeError {
  const wayOut = 'Write it with numpy.savez: nothing but arrays, each with a name of its own.';
  return new MesoscopeError({ code: 'file', path, reason, wayOut });
}
