import { resolve } from 'node:path';
import { MesoscopeError, version } from 'mesoscope';
import { parseConfiguration, requireNamedFields } from 'mesoscope/configuration';
import { cellBudget, gridCells, type Sweep, sweepColumns, sweepSchema } from 'mesoscope/study';
import { formatDuration, formatNumber } from 'mesoscope-view';
import type { Environment } from '../../environment.ts';
import type { Catalogue } from '../../host/catalogue.ts';
import { computeCells } from '../../sweep/compute.ts';
import { SweepFolder, type SweepRecord } from '../../sweep/folder.ts';
import { identify, type PlannedCell, sweepDefaults, sweptStudy } from '../../sweep/plan.ts';
import { shown } from '../conduct.ts';
import { isModule, moduleAddress } from '../modules.ts';
import {
  assigned,
  exitCode,
  type RunOptions,
  readExecution,
  readFiles,
  readInteger,
} from '../options.ts';

export type PlanOptions = RunOptions & {
  readonly mostCells?: string;
  /** False after `--no-estimate`. */
  readonly estimate?: boolean;
};

/** Seconds that an estimate may take for each of its cells. */
const estimateLimit = 30;

/** `mesoscope sweep plan <file> --out <folder>`: cells, hashes, and what they will cost. */
export async function planCommand(
  file: string,
  options: PlanOptions,
  environment: Environment,
): Promise<number> {
  const { directory, stdout } = environment;
  const { sweep, modules, catalogue } = await readSweep(file, options, environment);
  const study = sweptStudy(sweep, catalogue);
  const path = resolve(directory, options.out ?? `sweeps/${study.name.replaceAll('/', '-')}`);
  const folder = new SweepFolder(path);
  if (!folder.isFree) {
    throw new MesoscopeError({
      code: 'file',
      path: shown(path, directory),
      reason: folder.exists ? 'a sweep stands there already' : 'something stands there already',
      wayOut: 'Choose another folder with --out, or add cells with `mesoscope sweep extend`.',
    });
  }
  // Cells go to other machines, which may have no native kernels, or others.
  const { backend, precision, workers } = readExecution({ backend: 'wasm', ...options });
  const kernels = { backend, precision };
  const cells = identify(sweep, plannedGrid(sweep, catalogue, options), kernels, catalogue);
  const record = { format: 1, sweep, kernels, modules, directory, version } as const;
  folder.write(record, cells, []);
  const cost =
    options.estimate === false
      ? undefined
      : await costOf(folder, cells, workers, catalogue, environment);
  const where = shown(path, directory);
  stdout.write(
    options.json
      ? `${JSON.stringify({ folder: where, cells: cells.length, columns: sweepColumns(sweep), ...(cost ?? unknownCost), workers }, null, 2)}\n`
      : `${planText(cells.length, sweep, cost, workers)}Run it: mesoscope sweep run ${where}\n`,
  );
  return exitCode.done;
}

/** A sweep from its file, with `--set` laid over it; an own study or claim is named by its module (`./my-study.js`). */
export async function readSweep(
  file: string,
  options: RunOptions,
  environment: Environment,
): Promise<{
  readonly sweep: Sweep;
  readonly modules: readonly string[];
  readonly catalogue: Catalogue;
}> {
  const { directory } = environment;
  const read = readFiles({ ...options, config: [file, ...(options.config ?? [])] }, directory);
  requireNamedFields(read.configuration, file);
  const sweep = parseConfiguration(sweepSchema, assigned(options, read.configuration, {}));
  const { study = '', claim = '' } = sweep;
  const modules = [study, claim].filter(isModule).map((path) => moduleAddress(path, directory));
  const catalogue = await environment.catalogue(modules);
  const { own } = catalogue;
  const named = {
    ...sweep,
    ...(isModule(study)
      ? {
          study: onlyOne(
            study,
            own.studies.map(({ name }) => name),
          ),
        }
      : {}),
    ...(isModule(claim)
      ? {
          claim: onlyOne(
            claim,
            own.claims.map(({ id }) => id),
          ),
        }
      : {}),
  };
  return { sweep: named, modules, catalogue };
}

function onlyOne(module: string, names: readonly string[]): string {
  if (names.length === 1) return names[0];
  throw new MesoscopeError({
    code: 'file',
    path: module,
    reason: `it exports ${names.length} of what is to be swept (${names.join(', ')})`,
    wayOut: 'Give each study and claim a module of its own.',
  });
}

/** The cells of a grid within the budget. */
export function plannedGrid(sweep: Sweep, catalogue: Catalogue, options: PlanOptions) {
  const budget = readInteger('--most-cells', options.mostCells, 1) ?? cellBudget;
  const cells = gridCells(sweep, sweepDefaults(sweep, catalogue), budget);
  if (cells.length > 0) return cells;
  throw new MesoscopeError({
    code: 'invalid-value',
    path: 'conditions',
    received: sweep.conditions,
    expected: 'conditions that some cell meets',
  });
}

/** What all cells will cost. */
interface Cost {
  /** Of one thread. */
  readonly seconds: number | null;
  /** On the disk. */
  readonly bytes: number | null;
}

const unknownCost: Cost = { seconds: null, bytes: null };

/** The least that a small file takes on most disks. */
const blockBytes = 4096;

/** What all cells will cost, from the first, the middle and the last, whose results stay. */
async function costOf(
  folder: SweepFolder,
  cells: readonly PlannedCell[],
  workers: number,
  catalogue: Catalogue,
  { onInterrupt, startCells }: Environment,
): Promise<Cost> {
  const record: SweepRecord = folder.read();
  const few = [...new Set([0, cells.length >> 1, cells.length - 1])].map((i) => cells[i]);
  const abort = new AbortController();
  const stopListening = onInterrupt(() => abort.abort());
  try {
    const options = {
      workers,
      limit: estimateLimit,
      signal: abort.signal,
      defaults: sweepDefaults(record.sweep, catalogue),
      startCells,
      ended: () => {},
    };
    await computeCells(folder, record, few, options);
  } finally {
    stopListening();
  }
  const ended = few.filter(({ id }) => folder.has(id)).map(({ id }) => folder.cell(id));
  if (ended.length === 0) return unknownCost;
  const times = ended.reduce((sum, { seconds }) => sum + seconds, 0) / ended.length;
  const bytes = Math.max(blockBytes, ...ended.map((cell) => JSON.stringify(cell).length));
  return { seconds: cells.length * times, bytes: cells.length * bytes };
}

function planText(
  count: number,
  sweep: Sweep,
  { seconds, bytes }: Cost = unknownCost,
  workers: number,
): string {
  const cost =
    seconds === null || bytes === null
      ? 'what they cost is not known'
      : `about ${formatDuration(seconds)} of one thread, ${formatDuration(seconds / workers)} on ${workers}, and ${formatNumber(bytes / 2 ** 20, 2)} MiB`;
  const rounds =
    sweep.refine === undefined ? '' : `, before up to ${sweep.refine.rounds} rounds of refinement`;
  return `${count} cells over ${sweepColumns(sweep).join(', ')}${rounds}; ${cost}.\n`;
}
