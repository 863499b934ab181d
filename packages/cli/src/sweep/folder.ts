import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import type { CellOutcome, Sweep } from 'mesoscope/study';
import { onDisk, writeAtomically, writeFlushed } from '../bundle/atomic.ts';
import { hashOf } from '../input/hash.ts';
import type { CellClass, PlannedCell } from './plan.ts';

/** What `sweep.json` holds. */
export interface SweepRecord {
  readonly format: 1;
  readonly sweep: Sweep;
  readonly kernels: CellClass;
  /** Modules of the user's own studies and claims, as addresses. */
  readonly modules: readonly string[];
  /** Relative paths of data start here. */
  readonly directory: string;
  readonly version: string;
  /** Names of files with planned cells, in the order in which they were planned. */
  readonly plans: readonly string[];
}

/** A cell that has ended, as its file holds it. */
export interface CellRecord extends PlannedCell {
  readonly version: string;
  readonly outcome: CellOutcome;
  /** What differs from run to run stands apart. */
  readonly seconds: number;
  readonly host: string;
}

/** A cell that came to no end. */
export interface FailureRecord extends PlannedCell {
  readonly reason: string;
  readonly attempts: number;
  readonly host: string;
}

const recordName = 'sweep.json';
const again = 'Make room or the folder writable; what was computed before is kept.';

/** The folder of a sweep. Every file in it is written beside and linked or renamed, so that it is whole or absent. */
export class SweepFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get exists(): boolean {
    return existsSync(join(this.path, recordName));
  }

  /** Whether nothing stands here, or only what a plan that was interrupted has left. */
  get isFree(): boolean {
    const names = this.#names();
    return !this.exists && names.every((name) => name === 'tmp' || name.startsWith('plan-'));
  }

  /** @throws MesoscopeError `file` if there is none, or if it was changed by hand */
  read(): SweepRecord {
    if (!this.exists) {
      throw new MesoscopeError({
        code: 'file',
        path: this.path,
        reason: `there is no ${recordName} in it, so it holds no sweep`,
        wayOut: 'Plan one: mesoscope sweep plan sweep.json --out <folder>.',
      });
    }
    const parsed = this.#parse(recordName) as { seal?: unknown; format?: unknown } | null;
    const { seal, ...record } = parsed ?? {};
    if (record.format !== 1 || seal !== hashOf(record, 16)) throw this.#edited(recordName);
    return record as unknown as SweepRecord;
  }

  /** Writes the plan's new cells, then the record that names them. */
  write(
    record: Omit<SweepRecord, 'plans'>,
    cells: readonly PlannedCell[],
    before: readonly string[],
  ): void {
    const lines = cells.map((cell) => JSON.stringify(cell)).join('\n');
    const name = `plan-${hashOf(lines, 16)}.jsonl`;
    onDisk(this.path, again, () => mkdirSync(join(this.path, 'tmp'), { recursive: true }));
    if (cells.length > 0) writeAtomically(join(this.path, name), `${lines}\n`);
    const plans = cells.length > 0 && !before.includes(name) ? [...before, name] : before;
    const whole = { ...record, plans };
    writeAtomically(
      join(this.path, recordName),
      `${JSON.stringify({ ...whole, seal: hashOf(whole, 16) }, null, 2)}\n`,
    );
  }

  /** All planned cells, in order, each once. @throws MesoscopeError `file` if a plan was changed by hand */
  cells({ plans }: Pick<SweepRecord, 'plans'>): PlannedCell[] {
    const cells = new Map<string, PlannedCell>();
    for (const name of plans) {
      const path = join(this.path, name);
      const text = onDisk(path, 'Copy the whole folder of the sweep.', () =>
        readFileSync(path, 'utf8'),
      ).trimEnd();
      if (name !== `plan-${hashOf(text, 16)}.jsonl`) throw this.#edited(name);
      for (const line of text.split('\n')) {
        const cell = JSON.parse(line) as PlannedCell;
        if (!cells.has(cell.id)) cells.set(cell.id, cell);
      }
    }
    return [...cells.values()];
  }

  /** The ids of the cells that have ended. */
  ended(): Set<string> {
    return new Set(this.#names('cells').flatMap((part) => this.#names('cells', part).map(idOf)));
  }

  has(id: string): boolean {
    return existsSync(join(this.path, 'cells', id.slice(0, 2), `${id}.json`));
  }

  hasFailed(id: string): boolean {
    return existsSync(join(this.path, 'failed', `${id}.json`));
  }

  failed(): Set<string> {
    return new Set(this.#names('failed').map(idOf));
  }

  /** Files of cells for which two runs gave different results. */
  conflicts(): string[] {
    return this.#names('conflicts');
  }

  cell(id: string): CellRecord {
    return this.#parse(join('cells', id.slice(0, 2), `${id}.json`)) as CellRecord;
  }

  failure(id: string): FailureRecord {
    return this.#parse(join('failed', `${id}.json`)) as FailureRecord;
  }

  conflict(name: string): CellRecord {
    return this.#parse(join('conflicts', name)) as CellRecord;
  }

  /**
   * Keeps a cell that has ended. If it is there already, the two outcomes are compared: a different one is kept apart.
   *
   * @returns whether the outcome agrees with what was there
   */
  keep(record: CellRecord): boolean {
    const path = join(this.path, 'cells', record.id.slice(0, 2), `${record.id}.json`);
    const isNew = this.#place(path, record);
    const agrees = isNew || hashOf(this.cell(record.id).outcome, 16) === hashOf(record.outcome, 16);
    if (!agrees) {
      const name = `${record.id}-${hashOf(record.outcome, 8)}.json`;
      this.#place(join(this.path, 'conflicts', name), record);
    }
    rmSync(join(this.path, 'failed', `${record.id}.json`), { force: true });
    return agrees;
  }

  keepFailure(record: FailureRecord): void {
    const path = join(this.path, 'failed', `${record.id}.json`);
    onDisk(path, again, () => {
      mkdirSync(join(this.path, 'failed'), { recursive: true });
      const temporary = this.#temporary(record.id);
      writeFlushed(temporary, `${JSON.stringify(record)}\n`);
      renameSync(temporary, path);
    });
  }

  /** Removes what processes of this machine that have ended left behind. */
  clean(): void {
    for (const name of this.#names('tmp')) {
      const [, host, process] = /^[^@]+@(.+)@(\d+)$/.exec(name) ?? [];
      if (host === hostname() && !isAlive(Number(process)))
        rmSync(join(this.path, 'tmp', name), { force: true });
    }
  }

  /** Puts a file where none is; false if one is there. */
  #place(path: string, content: object): boolean {
    const temporary = this.#temporary(hashOf(path, 16));
    return onDisk(path, again, () => {
      mkdirSync(join(path, '..'), { recursive: true });
      try {
        writeFlushed(temporary, `${JSON.stringify(content)}\n`);
        linkSync(temporary, path);
        return true;
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        if (code === 'EEXIST') return false;
        // A file system without links.
        if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw cause;
        if (existsSync(path)) return false;
        renameSync(temporary, path);
        return true;
      } finally {
        rmSync(temporary, { force: true });
      }
    });
  }

  #temporary(name: string): string {
    return join(this.path, 'tmp', `${name}@${hostname()}@${process.pid}`);
  }

  #names(...folder: readonly string[]): string[] {
    const path = join(this.path, ...folder);
    return existsSync(path) ? readdirSync(path) : [];
  }

  #parse(name: string): unknown {
    const path = join(this.path, name);
    const text = onDisk(path, 'Check that you may read it.', () => readFileSync(path, 'utf8'));
    try {
      return JSON.parse(text);
    } catch {
      if (name === recordName) throw this.#edited(name);
      throw new MesoscopeError({
        code: 'file',
        path,
        reason: 'it is damaged',
        wayOut: 'Remove it and run the sweep again: its cell is computed once more.',
      });
    }
  }

  #edited(name: string): MesoscopeError {
    return new MesoscopeError({
      code: 'file',
      path: join(this.path, name),
      reason: 'it is damaged or was changed by hand',
      wayOut: 'Plan the sweep anew in another folder, or add cells with `mesoscope sweep extend`.',
    });
  }
}

function idOf(name: string): string {
  return name.slice(0, -'.json'.length);
}

function isAlive(number: number): boolean {
  try {
    process.kill(number, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
