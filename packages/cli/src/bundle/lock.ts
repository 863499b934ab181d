import { existsSync, linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { systemReason } from '../input/configuration-file.ts';

/** Who works in a partial folder. */
interface Owner {
  readonly process: number;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
}

const pattern = /^lock\.(\d+)$/;

/** The right of this process to work in a partial folder. */
export interface Lock {
  /** Whether no other process has taken the folder over, or ended the run in it. */
  isHeld(): boolean;
  /** @throws MesoscopeError `file` if it is no longer held */
  require(): void;
}

/**
 * Takes a partial folder for this process, so that no two work in it. Locks are numbered: the highest is in force, and
 * taking over from a process that has ended makes the next one, which only one of several can do. A lock of a living process,
 * or of another machine, is respected unless `takeOver` says otherwise.
 *
 * @throws MesoscopeError `file` with owner, host and age
 */
export function lockFolder(partial: string, takeOver: boolean): Lock {
  const current = highestLock(partial);
  const owner = current === 0 ? undefined : readOwner(join(partial, `lock.${current}`));
  if (owner !== undefined && !takeOver && !hasEnded(owner)) throw held(partial, owner);
  const me: Owner = { process: process.pid, host: hostname(), since: new Date().toISOString() };
  const written = join(partial, `lock-${process.pid}.tmp`);
  try {
    writeFileSync(written, JSON.stringify(me));
    // A link appears whole, and only where there is none.
    linkSync(written, join(partial, `lock.${current + 1}`));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw held(partial, undefined);
    throw new MesoscopeError({
      code: 'file',
      path: partial,
      reason: `it cannot be locked: ${systemReason(cause)}`,
      wayOut: 'Make room or the folder writable, then try again.',
    });
  } finally {
    rmSync(written, { force: true });
  }
  const isHeld = () => existsSync(partial) && highestLock(partial) === current + 1;
  return {
    isHeld,
    require() {
      if (!isHeld()) throw takenOver(partial);
    },
  };
}

/** The number of the lock in force; 0 for none. */
function highestLock(partial: string): number {
  const numbers = readdirSync(partial).map((name) => Number(pattern.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}

function takenOver(partial: string): MesoscopeError {
  return new MesoscopeError({
    code: 'file',
    path: partial,
    reason: 'another process has taken this run over',
    wayOut: 'It goes on there with all that was kept; this one has stopped.',
  });
}

function readOwner(path: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as Partial<Owner> | null;
    const { process: number, host, since } = owner ?? {};
    return typeof number === 'number' && typeof host === 'string' && typeof since === 'string'
      ? { process: number, host, since }
      : undefined;
  } catch {
    // Cut short by a crash: nobody holds it.
    return undefined;
  }
}

/** Whether the owner is known to have ended; of another machine nothing is known. */
function hasEnded(owner: Owner): boolean {
  if (owner.host !== hostname()) return false;
  if (owner.process === process.pid) return true;
  try {
    process.kill(owner.process, 0);
    return false;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function held(partial: string, owner: Owner | undefined): MesoscopeError {
  const minutes = owner && Math.round((Date.now() - Date.parse(owner.since)) / 60_000);
  const who =
    owner === undefined
      ? 'another process has just begun to work in it'
      : `process ${owner.process} on ${owner.host} works in it, since ${minutes} min`;
  return new MesoscopeError({
    code: 'file',
    path: partial,
    reason: who,
    wayOut:
      'Wait until it ends. If it has ended without a word (another machine, a crash), add --take-over.',
  });
}
