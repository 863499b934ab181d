import { hostname } from 'node:os';
import { version } from 'mesoscope';
import { errorData, errorOf, preview } from 'mesoscope/configuration';
import { cellTask, sweepColumns } from 'mesoscope/study';
import type { CellThreads } from '../host/cell-threads.ts';
import type { CellAnswer } from '../host/cell-worker.ts';
import type { SweepFolder, SweepRecord } from './folder.ts';
import type { PlannedCell } from './plan.ts';

/** How cells are computed. */
export interface ComputeOptions {
  readonly workers: number;
  /** Seconds that one cell may take; a longer one is ended and kept as failed. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** {@link sweepDefaults}. */
  readonly defaults: unknown;
  startCells(workers: number): CellThreads;
}

/** How one cell ended. */
export type CellEnd = 'done' | 'differs' | 'failed' | 'stopped';

/** Computes cells of one sweep and keeps them in its folder. */
export interface CellKeeper {
  compute(cell: PlannedCell): Promise<CellEnd>;
  dispose(): Promise<void>;
}

/** Starts threads for the cells of a sweep. A cell is whole on one thread, so that its result does not depend on their number. */
export function startKeeper(
  folder: SweepFolder,
  { sweep, kernels, modules, directory }: SweepRecord,
  { workers, limit, signal, defaults, startCells }: ComputeOptions,
): CellKeeper {
  const threads = startCells(workers);
  const execution = { ...kernels, workers: 1 };
  return {
    async compute(cell) {
      const task = { ...cellTask(sweep, cell.values, defaults), execution, directory, modules };
      const answer = await withinLimit(limit, signal, (end) => threads.run(task, end));
      if (answer === undefined) return 'stopped';
      const host = hostname();
      if ('outcome' in answer) {
        return folder.keep({ ...cell, version, host, ...answer }) ? 'done' : 'differs';
      }
      const attempts = folder.hasFailed(cell.id) ? folder.failure(cell.id).attempts + 1 : 1;
      const reason = errorOf(answer.error).message;
      folder.keepFailure({ ...cell, reason, attempts, host });
      return 'failed';
    },
    dispose: () => threads.dispose(),
  };
}

/** Computes within a time; undefined after an abort. Leaves no timer and no listener behind: there may be many cells. */
async function withinLimit(
  limit: number,
  signal: AbortSignal,
  compute: (end: AbortSignal) => Promise<CellAnswer>,
): Promise<CellAnswer | undefined> {
  const end = new AbortController();
  let isOverdue = false;
  const stop = () => end.abort();
  const timer = setTimeout(() => {
    isOverdue = true;
    stop();
  }, limit * 1000);
  signal.addEventListener('abort', stop);
  try {
    if (signal.aborted) return undefined;
    return await compute(end.signal);
  } catch (cause) {
    if (signal.aborted) return undefined;
    return { error: isOverdue ? errorData(`it took longer than ${limit} s`) : errorData(cause) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** How many cells of a list ended in which way. */
export type Counts = Record<CellEnd, number>;

/**
 * Computes cells, as many at once as there are threads; memory does not grow with their number. What is there already, perhaps
 * since another process has computed it meanwhile, is passed over.
 */
export async function computeCells(
  folder: SweepFolder,
  record: SweepRecord,
  cells: readonly PlannedCell[],
  options: ComputeOptions & { ended(done: number, label: string): void },
): Promise<Counts> {
  const counts: Counts = { done: 0, differs: 0, failed: 0, stopped: 0 };
  if (cells.length === 0) return counts;
  const columns = sweepColumns(record.sweep);
  const keeper = startKeeper(folder, record, options);
  let next = 0;
  let done = 0;
  const work = async () => {
    while (next < cells.length && !options.signal.aborted) {
      const cell = cells[next++];
      if (!folder.has(cell.id)) counts[await keeper.compute(cell)]++;
      options.ended(++done, labelOf(columns, cell));
    }
  };
  try {
    const workers = Math.min(options.workers, cells.length);
    await Promise.all(Array.from({ length: workers }, work));
    return counts;
  } finally {
    await keeper.dispose();
  }
}

/** `beta = 2, seed = 1`. */
export function labelOf(columns: readonly string[], { values }: PlannedCell): string {
  return columns.map((column, i) => `${column} = ${preview(values[i])}`).join(', ');
}
