import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { MesoscopeError } from 'mesoscope';
import { systemReason } from '../input/configuration-file.ts';

/** Does something to a file; what the system says against it becomes a fault. @throws MesoscopeError `file` */
export function onDisk<T>(path: string, wayOut: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new MesoscopeError({ code: 'file', path, reason: systemReason(cause), wayOut });
  }
}

/**
 * Replaces a file so that a crash or a full disk leaves either the old content or the new one: writes beside it,
 * flushes, renames.
 *
 * @throws MesoscopeError `file`; the old content is untouched
 */
export function writeAtomically(path: string, content: Uint8Array | string): void {
  const temporary = `${path}.tmp`;
  onDisk(path, 'What was there before is untouched: make room, then try again.', () => {
    try {
      writeFlushed(temporary, content);
      renameSync(temporary, path);
    } finally {
      rmSync(temporary, { force: true });
    }
  });
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
