import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { onDisk, writeFlushed } from './atomic.ts';

const name = 'reserve';

/** Bytes: most bundles are smaller than one MiB. */
const size = 4 * 2 ** 20;

/**
 * Sets space aside in a partial folder before any work, so that a disk that is full later costs nothing that was computed.
 *
 * @throws MesoscopeError `file` if there is no room for it
 */
export function setSpaceAside(partial: string): void {
  const path = join(partial, name);
  if (existsSync(path)) return;
  const wayOut = `A run needs ${size / 2 ** 20} MiB for what it leaves: make room, or choose another folder; nothing was started.`;
  onDisk(path, wayOut, () => {
    try {
      // Random, since a file system may keep no room for zeros.
      writeFlushed(path, randomBytes(size));
    } catch (cause) {
      rmSync(path, { force: true });
      throw cause;
    }
  });
}

/** Gives the space back, where there is some. */
export function giveSpaceBack(partial: string): boolean {
  const path = join(partial, name);
  const there = existsSync(path);
  rmSync(path, { force: true });
  return there;
}
