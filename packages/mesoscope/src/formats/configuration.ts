import { setAtPath } from '../configuration/assign.ts';
import { isObject } from '../configuration/tree.ts';
import { MesoscopeError } from '../errors.ts';
import { describeArray, nestedLists, type ReadOptions, type StoredArray } from './arrays.ts';
import { parseJson } from './json.ts';
import { isNpy, readNpy } from './npy.ts';
import { readNpz } from './npz.ts';
import { settleRounding } from './rounding.ts';
import { decodeSafetensors } from './safetensors.ts';

/** What a configuration file says. */
export interface FileConfiguration {
  readonly configuration: unknown;
  /** What was changed in it, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Reads a configuration: JSON, or arrays (.npz, .safetensors) whose names are the paths where they stand in it, such as
 * `h0` or `heads.0.Q`. What a file is, is told by how it begins, and by its name for .safetensors. Comments of JSON
 * files (keys that begin with `//`, and `$schema` at the root) are left out.
 *
 * @param path - the file's name, for messages
 * @throws MesoscopeError `file`, `too-large`
 */
export function readConfigurationBytes(
  bytes: Uint8Array,
  path: string,
  options: ReadOptions = {},
): FileConfiguration {
  if (isNpy(bytes)) throw withoutNames(readNpy(bytes, path, options), path);
  if (/\.safetensors$/i.test(path))
    return fromArrays(decodeSafetensors(bytes, path, options), path);
  const zipped = bytes[0] === 0x50 && bytes[1] === 0x4b;
  if (zipped || /\.npz$/i.test(path)) return fromArrays(readNpz(bytes, path, options), path);
  return { configuration: uncommented(parseJson(bytes, path, options)), notes: [] };
}

/** An array alone does not say which field it is. */
function withoutNames(array: StoredArray, path: string): MesoscopeError {
  const archive = path.replace(/\.npy$/i, '.npz');
  return new MesoscopeError({
    code: 'file',
    path,
    reason: `it holds one array (${describeArray(array)}) and does not say which field that is`,
    wayOut: `A configuration needs names: numpy.savez("${archive}", h0=array).`,
  });
}

/** @throws MesoscopeError `file` for names that NumPy made up */
function fromArrays(
  stored: Readonly<Record<string, StoredArray>>,
  path: string,
): FileConfiguration {
  const unnamed = Object.keys(stored).find((name) => /^arr_\d+$/.test(name));
  if (unnamed !== undefined) {
    throw new MesoscopeError({
      code: 'file',
      path,
      reason: `"${unnamed}" (${describeArray(stored[unnamed])}) was saved without a name`,
      wayOut: 'A configuration needs names: numpy.savez(file, h0=array).',
    });
  }
  const { arrays, notes } = settleRounding(stored);
  const names = Object.keys(arrays).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const configuration = names.reduce<unknown>(
    (made, name) => setAtPath(made, name, nestedLists(arrays[name])),
    {},
  );
  return { configuration, notes };
}

function uncommented(value: unknown, root = true): unknown {
  if (Array.isArray(value)) {
    return value.some((entry) => typeof entry === 'object')
      ? value.map((entry) => uncommented(entry, false))
      : value;
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !key.startsWith('//') && !(root && key === '$schema'))
      .map(([key, entry]) => [key, uncommented(entry, false)]),
  );
}
