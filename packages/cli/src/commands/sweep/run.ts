import { resolve } from 'node:path';
import { MesoscopeError, version } from 'mesoscope';
import { refinedCells } from 'mesoscope/study';
import type { Environment } from '../../environment.ts';
import { defaultWorkers } from '../../host/describe.ts';
import { type Counts, computeCells } from '../../sweep/compute.ts';
import { SweepFolder, type SweepRecord } from '../../sweep/folder.ts';
import { identify, type PlannedCell, sweepDefaults } from '../../sweep/plan.ts';
import { createProgress } from '../../terminal/progress.ts';
import { shown } from '../conduct.ts';
import { exitCode, type RunOptions, readInteger } from '../options.ts';

export type SweepRunOptions = Pick<RunOptions, 'json' | 'quiet' | 'workers'> & {
  readonly limit?: string;
};

/** Seconds that a cell may take unless told otherwise. */
const defaultLimit = 3600;

/** Which of a plan's cells a process computes. */
type Choice = (cells: readonly PlannedCell[], folder: SweepFolder) => readonly PlannedCell[];

const notFailed: Choice = (cells, folder) => {
  const failed = folder.failed();
  return cells.filter(({ id }) => !failed.has(id));
};

/** `mesoscope sweep run <folder>`: all cells on this machine, and the rounds of a refinement until nothing is missing. */
export async function sweepRunCommand(
  path: string,
  options: SweepRunOptions,
  environment: Environment,
): Promise<number> {
  return runCells(path, options, environment, { rounds: true });
}

/** `mesoscope sweep retry <folder>`: the cells that failed, once more. */
export async function retryCommand(
  path: string,
  options: SweepRunOptions,
  environment: Environment,
): Promise<number> {
  const failedOnes: Choice = (cells, folder) => {
    const failed = folder.failed();
    return cells.filter(({ id }) => failed.has(id));
  };
  return runCells(path, options, environment, { choose: failedOnes });
}

/** `mesoscope sweep shard <folder> --index i --of N`: every Nth cell, beginning with the i-th. */
export async function shardCommand(
  path: string,
  options: SweepRunOptions & { readonly index?: string; readonly of?: string },
  environment: Environment,
): Promise<number> {
  const { index, of } = shardOf(options, process.env);
  const own: Choice = (cells, folder) =>
    notFailed(
      cells.filter((_, i) => i % of === index),
      folder,
    );
  return runCells(path, options, environment, { choose: own });
}

/**
 * Which shard this process is: as it says, or as Slurm (`SLURM_ARRAY_TASK_ID`, `_MIN`, `_COUNT`) or Kubernetes
 * (`JOB_COMPLETION_INDEX`) say.
 *
 * @throws MesoscopeError `invalid-value`
 */
export function shardOf(
  given: { readonly index?: string; readonly of?: string },
  variables: Readonly<Record<string, string | undefined>>,
): { readonly index: number; readonly of: number } {
  const task = variables.SLURM_ARRAY_TASK_ID;
  const first = Number(variables.SLURM_ARRAY_TASK_MIN ?? 0);
  const scheduled =
    task === undefined ? variables.JOB_COMPLETION_INDEX : String(Number(task) - first);
  const index = readInteger('--index', given.index ?? scheduled, 0);
  const of = readInteger('--of', given.of ?? variables.SLURM_ARRAY_TASK_COUNT, 1);
  if (index === undefined || of === undefined || index >= of) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: '--index, --of',
      received: [index ?? null, of ?? null],
      expected:
        'a shard i of N, with 0 ≤ i < N; a job array of Slurm or an indexed job of Kubernetes says i itself',
    });
  }
  return { index, of };
}

/** `mesoscope sweep refine <folder>`: plans the next round where all cells have ended. */
export async function refineCommand(
  path: string,
  options: Pick<RunOptions, 'json'>,
  environment: Environment,
): Promise<number> {
  const folder = new SweepFolder(resolve(environment.directory, path));
  const added = await planRound(folder, folder.read(), environment);
  environment.stdout.write(
    options.json
      ? `${JSON.stringify({ added: added.length })}\n`
      : added.length === 0
        ? 'Nothing is missing: the sweep is as fine as it was to become.\n'
        : `${added.length} more cells. Run them: mesoscope sweep run ${path}\n`,
  );
  return exitCode.done;
}

/** The cells of the next round, planned. @throws MesoscopeError where cells of this round have not ended */
async function planRound(
  folder: SweepFolder,
  record: SweepRecord,
  environment: Environment,
): Promise<PlannedCell[]> {
  const { sweep, kernels, modules } = record;
  if (sweep.refine === undefined) return [];
  const cells = folder.cells(record);
  const [ended, failed] = [folder.ended(), folder.failed()];
  const waiting = cells.filter(({ id }) => !ended.has(id) && !failed.has(id)).length;
  if (waiting > 0) {
    throw new MesoscopeError({
      code: 'file',
      path: folder.path,
      reason: `${waiting} cells have not ended yet`,
      wayOut: 'Run them first; the next round depends on what they are.',
    });
  }
  const { on } = sweep.refine;
  const found = new Map<string, unknown>();
  for (const { id, values } of cells) {
    const { columns = {} } = ended.has(id) ? folder.cell(id).outcome : {};
    found.set(JSON.stringify(values), columns[on] ?? null);
  }
  if (ended.size > 0 && [...found.values()].every((value) => value === null)) {
    const known = Object.keys(folder.cell([...ended][0]).outcome.columns);
    throw new MesoscopeError({
      code: 'unknown-name',
      kind: 'column (refine.on)',
      received: on,
      known,
    });
  }
  const catalogue = await environment.catalogue(modules);
  const needed = refinedCells(
    sweep,
    (values) => found.get(JSON.stringify(values)),
    sweepDefaults(sweep, catalogue),
  );
  const before = new Set(cells.map(({ id }) => id));
  const added = identify(sweep, needed, kernels, catalogue).filter(({ id }) => !before.has(id));
  if (added.length > 0) folder.write(record, added, record.plans);
  return added;
}

/** Which cells a process computes, and how. */
interface Way {
  /** Default: all that have not failed. */
  readonly choose?: Choice;
  /** Whether a refinement goes on until nothing is missing; default no. */
  readonly rounds?: boolean;
  /** Default: on threads of this process. */
  readonly compute?: (
    folder: SweepFolder,
    record: SweepRecord,
    cells: readonly PlannedCell[],
    options: Parameters<typeof computeCells>[3] & { log(line: string): void },
  ) => Promise<Counts>;
}

/** Computes cells of a sweep until none is left, or Ctrl-C. */
export async function runCells(
  path: string,
  options: SweepRunOptions,
  environment: Environment,
  { choose = notFailed, rounds = false, compute = computeCells }: Way,
): Promise<number> {
  const { directory, stdout, stderr } = environment;
  const folder = new SweepFolder(resolve(directory, path));
  const started = folder.read();
  requireVersion(started, path);
  const workers = readInteger('--workers', options.workers, 1) ?? defaultWorkers();
  const limit = readInteger('--limit', options.limit, 1) ?? defaultLimit;
  const catalogue = await environment.catalogue(started.modules);
  const defaults = sweepDefaults(started.sweep, catalogue);
  const progress = createProgress(stderr, options.quiet);
  const abort = new AbortController();
  const stopListening = environment.onInterrupt(() => {
    progress.log('Stopping; what is done is kept (Ctrl-C again stops at once) …');
    abort.abort();
  });
  const total: Counts = { done: 0, differs: 0, failed: 0, stopped: 0 };
  try {
    folder.clean();
    for (;;) {
      const record = folder.read();
      const all = folder.cells(record);
      const ended = folder.ended();
      const cells = choose(all, folder).filter(({ id }) => !ended.has(id));
      const before = all.length - cells.length;
      const counts = await compute(folder, record, cells, {
        workers,
        limit,
        signal: abort.signal,
        defaults,
        startCells: environment.startCells,
        ended: (done, label) => progress.update(before + done, all.length, label),
        log: progress.log,
      });
      for (const end of Object.keys(counts) as (keyof Counts)[]) total[end] += counts[end];
      if (abort.signal.aborted || !rounds) break;
      const added = await planRound(folder, record, environment);
      if (added.length === 0) break;
      progress.log(`${added.length} more cells where neighbours differ`);
    }
  } finally {
    progress.end();
    stopListening();
  }
  const record = folder.read();
  const state = stateOf(folder, record);
  const where = shown(folder.path, directory);
  if (options.json) stdout.write(`${JSON.stringify({ ...state, now: total }, null, 2)}\n`);
  else {
    stdout.write(stateText(state));
    if (abort.signal.aborted) stdout.write(`Continue with: mesoscope sweep run ${where}\n`);
    else if (state.waiting === 0) stdout.write(`Collect: mesoscope sweep collect ${where}\n`);
  }
  if (abort.signal.aborted) return exitCode.interrupted;
  return total.failed + total.differs > 0 ? exitCode.failed : exitCode.done;
}

/** How far a sweep is. */
export interface SweepState {
  readonly cells: number;
  readonly done: number;
  readonly failed: number;
  readonly waiting: number;
  /** Results that differ from an earlier one of the same cell. */
  readonly conflicts: number;
}

/** Counts names of files only: quick for any number of cells. */
export function stateOf(folder: SweepFolder, record: SweepRecord): SweepState {
  const cells = folder.cells(record);
  const [ended, failures] = [folder.ended(), folder.failed()];
  const done = cells.filter(({ id }) => ended.has(id)).length;
  const failed = cells.filter(({ id }) => failures.has(id) && !ended.has(id)).length;
  const waiting = cells.length - done - failed;
  return { cells: cells.length, done, failed, waiting, conflicts: folder.conflicts().length };
}

export function stateText({ cells, done, failed, waiting, conflicts }: SweepState): string {
  const failing = failed === 0 ? '' : `, ${failed} failed`;
  const differing =
    conflicts === 0 ? '' : `; ${conflicts} results differ from an earlier one of the same cell`;
  return `${done} of ${cells} cells are done, ${waiting} wait${failing}${differing}.\n`;
}

/** @throws MesoscopeError `unsupported` for a plan of another version, whose hashes stand for other numbers */
function requireVersion({ version: planned }: SweepRecord, path: string): void {
  if (planned === version) return;
  throw new MesoscopeError({
    code: 'unsupported',
    what: `cells of ${path}, which mesoscope ${planned} has planned`,
    by: `mesoscope ${version}`,
    wayOut: `Use mesoscope ${planned}, or plan the sweep anew.`,
  });
}
