import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import type { Folder, RandomAccess } from 'mesoscope/checkpoint';
import { systemReason } from './configuration-file.ts';

/** Files and levels that are looked at. */
const mostFiles = 20_000;
const mostLevels = 8;

/** What a person named: a folder, and the checkpoint in it if it was a file. */
export interface NamedCheckpoint {
  readonly folder: Folder;
  /** For `openCheckpoint`. */
  readonly at: string | undefined;
}

/**
 * The files of a folder, or those beside a file, opened only when read. Folders that begin with a dot, `node_modules`
 * and linked folders are left out.
 *
 * @param shown - the path as it was typed
 * @throws MesoscopeError `file`, `too-large`
 */
export function checkpointFolder(shown: string, directory: string): NamedCheckpoint {
  const path = resolve(directory, shown);
  const isFolder = attempt(shown, () => statSync(path).isDirectory());
  if (isFolder) return { folder: { name: shown, files: filesBelow(path, shown) }, at: undefined };
  const parent = dirname(path);
  const files = attempt(shown, () => filesOf(parent, readdirSync(parent)));
  return { folder: { name: dirname(shown), files }, at: basename(path) };
}

function filesBelow(root: string, shown: string): Map<string, RandomAccess> {
  const files = new Map<string, RandomAccess>();
  const visit = (folder: string, level: number) => {
    const entries = readdirSync(join(root, folder), { withFileTypes: true });
    for (const entry of entries) {
      const below = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        const skipped = entry.name.startsWith('.') || entry.name === 'node_modules';
        if (!skipped && level < mostLevels) visit(below, level + 1);
      } else {
        const file = fileAt(join(root, below), below);
        if (file !== undefined) files.set(below, file);
      }
    }
    if (files.size > mostFiles) {
      const reason = `more than ${mostFiles} files lie below it`;
      const wayOut = 'Name the folder of the checkpoint itself.';
      throw new MesoscopeError({ code: 'file', path: shown, reason, wayOut });
    }
  };
  attempt(shown, () => visit('', 0));
  return files;
}

function filesOf(folder: string, names: readonly string[]): Map<string, RandomAccess> {
  return new Map(
    names.flatMap((name) => {
      const file = fileAt(join(folder, name), name);
      return file === undefined ? [] : [[name, file] as const];
    }),
  );
}

/** A file, also behind a link, as caches have them; undefined for anything else. */
function fileAt(path: string, shown: string): RandomAccess | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined || !status.isFile()) return undefined;
  return {
    path: shown,
    size: status.size,
    read: async (from, to) => attempt(shown, () => readRange(path, from, to)),
  };
}

function readRange(path: string, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from);
  const descriptor = openSync(path, 'r');
  try {
    for (let filled = 0; filled < bytes.length; ) {
      const count = readSync(descriptor, bytes, filled, bytes.length - filled, from + filled);
      if (count === 0) throw new Error('it became shorter while it was read');
      filled += count;
    }
  } finally {
    closeSync(descriptor);
  }
  return bytes;
}

function attempt<T>(shown: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof MesoscopeError) throw cause;
    throw new MesoscopeError({
      code: 'file',
      path: shown,
      reason: systemReason(cause),
      wayOut: 'Check the name, and that you may read it.',
    });
  }
}
