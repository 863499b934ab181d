import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { systemReason } from '../input/configuration-file.ts';
import { writeFlushed } from './atomic.ts';
import { readRecord, recordName, studyOfRecord } from './record.ts';

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
 * The folders of an interrupted run, named with or without `.partial`. A partial folder that a crash left beside its own
 * complete bundle is removed.
 *
 * @throws MesoscopeError `file` if there is none, or if the run is complete
 */
export function interruptedRun(path: string, shown: string): RunFolder {
  const folder = runFolder(path.replace(/\.partial\/?$/, ''));
  const done = existsSync(folder.bundle);
  if (existsSync(folder.partial)) {
    if (!statSync(folder.partial).isDirectory()) throw notARun(shown, 'this is a file');
    if (!done || !sameRun(folder)) return folder;
    rmSync(folder.partial, { recursive: true, force: true });
  }
  throw done
    ? new MesoscopeError({
        code: 'file',
        path: shown,
        reason: 'this run is complete: there is nothing to resume',
        wayOut: 'Start a new run without --resume.',
      })
    : notARun(shown, 'there is no such run');
}

function notARun(path: string, reason: string): MesoscopeError {
  return new MesoscopeError({
    code: 'file',
    path,
    reason,
    wayOut: 'Name the folder of an interrupted run.',
  });
}

/** Whether bundle and partial folder are of one run. */
function sameRun({ bundle, partial }: RunFolder): boolean {
  return existsSync(join(bundle, recordName)) && readRecord(bundle).id === readRecord(partial).id;
}

/** What stands at a path, links not followed; undefined if nothing does, or a file stands in the way. */
function linkStatus(path: string) {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** True: a run of this study is there. False: nothing is. @throws MesoscopeError `file`: something else is */
function holdsRunOf(path: string, study: string): boolean {
  const found = linkStatus(path);
  if (found === undefined) return false;
  if (found.isSymbolicLink())
    throw refused(path, 'this is a symbolic link, which a bundle cannot replace');
  if (!found.isDirectory()) throw refused(path, 'this is a file');
  if (existsSync(join(path, recordName))) {
    const other = studyOfRecord(path);
    if (other === study) return true;
    throw refused(
      path,
      `it holds a run of another study, ${other ?? 'which its record does not name'}`,
    );
  }
  // A partial folder without a record belongs to a run that is just starting, or that was killed while it did.
  if (path.endsWith('.partial')) return true;
  if (readdirSync(path).length > 0) throw refused(path, 'it is not empty and holds no run');
  return false;
}

function refused(path: string, reason: string): MesoscopeError {
  const wayOut = 'Choose another folder with --out; nothing was written.';
  return new MesoscopeError({ code: 'file', path, reason, wayOut });
}

/** `.<bundle>.<process>.tmp`, beside the bundle. */
function temporaryOf(bundle: string, process: number): string {
  return join(dirname(bundle), `.${basename(bundle)}.${process}.tmp`);
}

/** Removes what crashed processes left of a bundle that they were writing. */
export function sweepTemporaries({ bundle }: RunFolder): void {
  const [before, after] = basename(temporaryOf(bundle, 0)).split('0.tmp');
  for (const name of readdirSync(dirname(bundle))) {
    const number = Number(name.slice(before.length, -'.tmp'.length));
    const ours = name.startsWith(before) && name.endsWith('.tmp') && Number.isInteger(number);
    if (ours && after === '' && !isAlive(number)) {
      rmSync(join(dirname(bundle), name), { recursive: true, force: true });
    }
  }
}

function isAlive(number: number): boolean {
  try {
    process.kill(number, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Writes a bundle under a temporary name in the same parent folder, flushes it and renames it, then drops the
 * partial folder: a crash never leaves a bundle that looks whole.
 *
 * @throws MesoscopeError `file`; the partial folder stays
 */
export function publishBundle(folder: RunFolder, files: BundleFiles): void {
  const temporary = temporaryOf(folder.bundle, process.pid);
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
      wayOut: `All that was computed is kept in ${folder.partial}: make room, then use --resume.`,
    });
  }
  rmSync(folder.partial, { recursive: true, force: true });
}
