import { readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { setAtPath } from 'mesoscope/configuration';
import type { DenseArray } from '../bundle/npy.ts';
import { decodeNpz } from '../bundle/npz.ts';
import { decodeSafetensors } from './safetensors.ts';

/**
 * Reads a `--config` file: JSON, or arrays (.npz, .safetensors) whose names are the paths where they stand in the
 * configuration, such as `h0` or `heads.0.Q`.
 *
 * @throws MesoscopeError `file`
 */
export function readConfigurationFile(file: string, directory: string): unknown {
  const bytes = readFile(resolve(directory, file), file);
  switch (extname(file).toLowerCase()) {
    case '.npz':
      return nest(decodeNpz(bytes, file));
    case '.safetensors':
      return nest(decodeSafetensors(bytes, file));
    default:
      return parseJson(new TextDecoder().decode(bytes), file);
  }
}

/** Reads a whole file. @throws MesoscopeError `file` */
export function readFile(path: string, shown: string = path): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new MesoscopeError({
      code: 'file',
      path: shown,
      reason: systemReason(cause),
      wayOut: 'Check the name, and that you may read it.',
    });
  }
}

/** @throws MesoscopeError `file` */
export function parseJson(text: string, shown: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MesoscopeError({
      code: 'file',
      path: shown,
      reason: `it is no valid JSON (${cause instanceof Error ? cause.message : cause})`,
      wayOut: 'A configuration file is JSON, .npz or .safetensors.',
    });
  }
}

/** What the operating system said, in words. */
export function systemReason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file or folder';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOTDIR':
      return 'a part of the path is no folder';
    case 'EISDIR':
      return 'this is a folder';
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return 'no space is left on the disk';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

function nest(arrays: Readonly<Record<string, DenseArray>>): unknown {
  const names = Object.keys(arrays).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return names.reduce<unknown>(
    (configuration, name) => setAtPath(configuration, name, nestedLists(arrays[name])),
    {},
  );
}

/** Row-major entries as nested lists; a single number for shape []. */
function nestedLists({ shape, data }: DenseArray): unknown {
  const build = (axis: number, offset: number, size: number): unknown => {
    if (axis === shape.length) return data[offset];
    const step = size / shape[axis];
    return Array.from({ length: shape[axis] }, (_, i) => build(axis + 1, offset + i * step, step));
  };
  return build(0, 0, data.length);
}
