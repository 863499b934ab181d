import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { MesoscopeError } from 'mesoscope';
import { systemReason } from '../input/configuration-file.ts';

/**
 * Replaces a file so that a crash or a full disk leaves either the old content or the new one: writes beside it,
 * flushes, renames.
 *
 * @throws MesoscopeError `file`; the old content is untouched
 */
export function writeAtomically(path: string, content: Uint8Array | string): void {
  const temporary = `${path}.tmp`;
  try {
    writeFlushed(temporary, content);
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new MesoscopeError({
      code: 'file',
      path,
      reason: systemReason(cause),
      wayOut: 'What was there before is untouched. Free some space or choose another --out.',
    });
  }
}

/** Writes a file and waits until it is on the disk. */
export function writeFlushed(path: string, content: Uint8Array | string): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const file = openSync(path, 'w');
  try {
    let written = 0;
    while (written < bytes.length) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
