import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { requireNamedFields } from 'mesoscope/configuration';
import {
  defaultInputBudget,
  type FileConfiguration,
  parseJson as parseJsonBytes,
  type ReadOptions,
  readConfigurationBytes,
  requireBudget,
} from 'mesoscope/formats';

/**
 * Reads a `--config` file ({@link readConfigurationBytes}), which must name something.
 *
 * @throws MesoscopeError `file`, `too-large`, `invalid-value`
 */
export function readConfigurationFile(
  file: string,
  directory: string,
  options: ReadOptions = {},
): FileConfiguration {
  const path = resolve(directory, file);
  const { budget = defaultInputBudget } = options;
  const { size = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {};
  requireBudget(file, 'the file', size, budget);
  const read = readConfigurationBytes(readFile(path, file), file, options);
  requireNamedFields(read.configuration, file);
  return read;
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

/** Reads a text as JSON. @throws MesoscopeError `file`, `too-large` */
export function parseJson(text: string, shown: string): unknown {
  return parseJsonBytes(new TextEncoder().encode(text), shown, {
    budget: Number.POSITIVE_INFINITY,
  });
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
