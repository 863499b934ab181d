import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { systemReason } from '../input/configuration-file.ts';
import { writeFlushed } from './atomic.ts';
import { readRecord, recordName } from './record.ts';

/** Where a run stands while it works and when it is done. */
export interface RunFolder {
  /** The bundle, once it is whole. */
  readonly bundle: string;
  /** `<bundle>.partial`: the record and the last checkpoint of the run under way. */
  readonly partial: string;
}

/** Files of a bundle, by path inside it. */
export type BundleFiles = Readonly<Record<string, Uint8Array | string>>;

/** The folders of a bundle path. */
export function runFolder(bundle: string): RunFolder {
  return { bundle, partial: `${bundle}.partial` };
}

/**
 * Reserves a folder for a run before any work, by making its partial folder. Where a run of the same study stands
 * already, finished or not, the new one goes to `<wanted>-2`, `-3` …; nothing is ever written over.
 *
 * @throws MesoscopeError `file` if something else stands there or the place cannot be written
 */
export function reserveFolder(wanted: string, study: string): RunFolder {
  for (let attempt = 1; ; attempt++) {
    const folder = runFolder(attempt === 1 ? wanted : `${wanted}-${attempt}`);
    const taken = [folder.bundle, folder.partial].map((path) => holdsRunOf(path, study));
    if (taken.includes(true)) continue;
    try {
      mkdirSync(dirname(folder.bundle), { recursive: true });
      mkdirSync(folder.partial);
      return folder;
    } catch (cause) {
      // Another process was faster.
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST' && existsSync(folder.partial))
        continue;
      throw refused(folder.bundle, `it cannot be written: ${systemReason(cause)}`);
    }
  }
}

/**
 * The folders of an interrupted run, named with or without `.partial`.
 *
 * @throws MesoscopeError `file` if there is none, or if the run is complete
 */
export function interruptedRun(path: string, shown: string): RunFolder {
  const folder = runFolder(path.replace(/\.partial\/?$/, ''));
  if (existsSync(folder.partial)) return folder;
  const done = existsSync(folder.bundle);
  throw new MesoscopeError({
    code: 'file',
    path: shown,
    reason: done ? 'this run is complete: there is nothing to resume' : 'there is no such run',
    wayOut: done ? 'Start a new run without --resume.' : 'Name the folder of an interrupted run.',
  });
}

/** True: a run of this study is there. False: nothing is. @throws MesoscopeError `file`: something else is */
function holdsRunOf(path: string, study: string): boolean {
  if (!existsSync(path)) return false;
  if (!statSync(path).isDirectory()) throw refused(path, 'this is a file');
  if (existsSync(join(path, recordName))) {
    const other = readRecord(path).study;
    if (other === study) return true;
    throw refused(path, `it holds a run of another study, ${other}`);
  }
  if (readdirSync(path).length > 0) throw refused(path, 'it is not empty and holds no run');
  // An empty partial folder belongs to a run that is just starting.
  return path.endsWith('.partial');
}

function refused(path: string, reason: string): MesoscopeError {
  const wayOut = 'Choose another folder with --out; nothing was written.';
  return new MesoscopeError({ code: 'file', path, reason, wayOut });
}

/**
 * Writes a bundle under a temporary name in the same parent folder, flushes it and renames it, then drops the
 * partial folder: a crash never leaves a bundle that looks whole.
 *
 * @throws MesoscopeError `file`; the partial folder stays
 */
export function publishBundle(folder: RunFolder, files: BundleFiles): void {
  const temporary = join(dirname(folder.bundle), `.${basename(folder.bundle)}.${process.pid}.tmp`);
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(temporary, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFlushed(path, content);
    }
    renameSync(temporary, folder.bundle);
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    throw new MesoscopeError({
      code: 'file',
      path: folder.bundle,
      reason: `the bundle cannot be written: ${systemReason(cause)}`,
      wayOut: `The run is kept in ${folder.partial}: make room, then use --resume.`,
    });
  }
  rmSync(folder.partial, { recursive: true, force: true });
}
