import { resolve } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { MesoscopeError, version } from 'mesoscope';
import {
  type EndedCell,
  type StudyResult,
  type SweepColumn,
  sweepColumns,
  sweepFigures,
  sweepTable,
  tableText,
} from 'mesoscope/study';
import { publishBundle, reserveFolder } from '../../bundle/folder.ts';
import type { Environment } from '../../environment.ts';
import { bundleFiles, finishedRecord } from '../../report/bundle-files.ts';
import { labelOf } from '../../sweep/compute.ts';
import {
  type CellRecord,
  type FailureRecord,
  SweepFolder,
  type SweepRecord,
} from '../../sweep/folder.ts';
import type { PlannedCell } from '../../sweep/plan.ts';
import { sweptStudy } from '../../sweep/plan.ts';
import { shown } from '../conduct.ts';
import { exitCode, oneOf, type RunOptions } from '../options.ts';
import { newRecord } from '../record.ts';

type CollectOptions = Pick<RunOptions, 'json' | 'out'> & {
  /** With commas: `gaps`, `failures`, `conflicts`. */
  readonly allow?: string;
};

/** What a table may lack, if told so. */
const allowances = ['gaps', 'failures', 'conflicts'] as const;

/** Failed cells that the report lists. */
const mostListed = 200;

/** What several copies of a sweep hold together. */
interface Collected {
  readonly cells: readonly CellRecord[];
  readonly failures: readonly FailureRecord[];
  readonly gaps: number;
  readonly conflicts: readonly string[];
  /** Seconds of all cells. */
  readonly seconds: number;
}

/** `mesoscope sweep collect <folder…>`: one table, with its figures, as a run bundle. */
export async function collectCommand(
  paths: readonly string[],
  options: CollectOptions,
  environment: Environment,
): Promise<number> {
  const { directory, stdout } = environment;
  const started = new Date();
  const folders = paths.map((path) => new SweepFolder(resolve(directory, path)));
  const records = folders.map((folder) => folder.read());
  const [record] = records;
  requireOneSweep(records, paths);
  const planned = new Map(
    folders.flatMap((folder, i) =>
      folder.cells(records[i]).map((cell) => [cell.id, cell] as const),
    ),
  );
  const collected = gather(folders, [...planned.values()]);
  const allowed = (options.allow ?? '').split(',').filter((word) => word !== '');
  requireWhole(
    collected,
    allowed.map((word) => oneOf('allowance', word, allowances)),
    paths[0],
  );
  const result = resultOf(record, collected);
  const folder = reserveFolder(
    resolve(directory, options.out ?? `${paths[0].replace(/\/+$/, '')}-collected`),
    'sweep',
  );
  const heading = newRecord({
    study: 'sweep',
    title: result.title,
    seed: 0,
    configuration: record.sweep,
    execution: { ...record.kernels, workers: 1 },
    modules: record.modules,
    build: `${record.kernels.backend}, ${record.kernels.precision}`,
    started,
  });
  const { papers = [], references = [] } = sweptStudy(
    record.sweep,
    await environment.catalogue(record.modules),
  );
  const finished = finishedRecord(heading, result, { papers, references }, collected.seconds);
  const table = sweepTable(sweepColumns(record.sweep), endedOf(collected.cells));
  publishBundle(folder, {
    ...bundleFiles(finished, result, ''),
    'table.csv': tableText(table),
    'table.parquet': parquetOf(table),
  });
  const where = shown(folder.bundle, directory);
  stdout.write(
    options.json
      ? `${JSON.stringify({ folder: where, cells: collected.cells.length, failed: collected.failures.length, gaps: collected.gaps, conflicts: collected.conflicts.length }, null, 2)}\n`
      : `${collected.cells.length} cells in ${where}: table.csv, table.parquet, arrays.npz, report.html\n`,
  );
  return exitCode.done;
}

function requireOneSweep(records: readonly SweepRecord[], paths: readonly string[]): void {
  const heading = ({ sweep, kernels, version: planned }: SweepRecord) =>
    JSON.stringify([
      sweep.study,
      sweep.claim,
      sweep.setting,
      sweep.configuration,
      sweepColumns(sweep),
      kernels,
      planned,
    ]);
  const other = records.findIndex((one) => heading(one) !== heading(records[0]));
  if (other > 0) {
    throw new MesoscopeError({
      code: 'file',
      path: paths[other],
      reason: `it is another sweep than ${paths[0]}: another study, other fields, kernels or version`,
      wayOut: 'Collect each by itself.',
    });
  }
}

/** Every cell once; what copies do not agree on is a conflict. */
function gather(folders: readonly SweepFolder[], planned: readonly PlannedCell[]): Collected {
  const failed = folders.map((folder) => folder.failed());
  const cells: CellRecord[] = [];
  const failures: FailureRecord[] = [];
  const conflicts = folders.flatMap((folder) =>
    folder.conflicts().map((name) => name.split('-')[0]),
  );
  let gaps = 0;
  let seconds = 0;
  for (const { id } of planned) {
    const [first, ...others] = folders
      .filter((folder) => folder.has(id))
      .map((folder) => folder.cell(id));
    if (first !== undefined) {
      cells.push(first);
      seconds += first.seconds;
      const isSame = (other: CellRecord) =>
        JSON.stringify(other.outcome) === JSON.stringify(first.outcome);
      if (!others.every(isSame)) conflicts.push(id);
      continue;
    }
    const holder = failed.findIndex((ids) => ids.has(id));
    if (holder >= 0) failures.push(folders[holder].failure(id));
    else gaps++;
  }
  return { cells, failures, gaps, conflicts: [...new Set(conflicts)], seconds };
}

/** @throws MesoscopeError `file` for what is missing or disagrees, unless allowed */
function requireWhole(
  { cells, failures, gaps, conflicts }: Collected,
  allowed: readonly string[],
  path: string,
): void {
  const faults = [
    { what: 'gaps', count: gaps, words: 'have not ended' },
    { what: 'failures', count: failures.length, words: 'failed' },
    { what: 'conflicts', count: conflicts.length, words: 'have two different results' },
  ].filter(({ what, count }) => count > 0 && !allowed.includes(what));
  const foreign = cells.find((cell) => cell.version !== version);
  if (foreign !== undefined) {
    throw new MesoscopeError({
      code: 'file',
      path,
      reason: `cell ${foreign.id} was computed by mesoscope ${foreign.version}, this is ${version}`,
      wayOut: 'Collect with the version that computed them all.',
    });
  }
  if (faults.length === 0) return;
  throw new MesoscopeError({
    code: 'file',
    path,
    reason: faults.map(({ count, words }) => `${count} cells ${words}`).join(', '),
    wayOut: `Run or retry them, or collect what there is with --allow ${faults.map(({ what }) => what).join(',')}.`,
  });
}

function endedOf(cells: readonly CellRecord[]): readonly EndedCell[] {
  return cells.map(({ values, outcome }) => ({ values, outcome }));
}

/** What was collected as the result of a study, so that a report, figures and a notebook can be made of it. */
function resultOf(
  record: SweepRecord,
  collected: Collected,
): StudyResult & { readonly title: string } {
  const { sweep } = record;
  const columns = sweepColumns(sweep);
  const cells = endedOf(collected.cells);
  const table = sweepTable(columns, cells);
  const { failures, gaps, conflicts, seconds } = collected;
  return {
    title: `Sweep of ${sweep.claim ?? sweep.study}`,
    claims: [],
    status: { kind: 'completed', message: 'All cells that were asked for are in the table.' },
    headline: {
      cells: cells.length,
      'seconds of work': seconds,
      ...(failures.length > 0 ? { failed: failures.length } : {}),
      ...(gaps > 0 ? { 'not run': gaps } : {}),
      ...(conflicts.length > 0 ? { 'with two results': conflicts.length } : {}),
    },
    sections: [
      ...sweepFigures(sweep, cells).map((figure) => ({ kind: 'figure' as const, figure })),
      ...countTables(table),
      ...(failures.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              title: 'Failed cells',
              columns: ['cell', 'why', 'attempts'],
              rows: failures
                .slice(0, mostListed)
                .map((failure) => [labelOf(columns, failure), failure.reason, failure.attempts]),
            },
          ]),
    ],
    arrays: Object.fromEntries(
      table.map((column) => {
        const words = [...new Set(column.kind === 'words' ? column.values : [])];
        const data =
          column.kind === 'numbers'
            ? column.values
            : column.values.map((word) => words.indexOf(word));
        return [
          column.name.replaceAll('/', '-'),
          { shape: [data.length], data: Float64Array.from(data) },
        ];
      }),
    ),
  };
}

/** How often each word of a column stands in it; columns of many words are left to the table. */
function countTables(table: readonly SweepColumn[]) {
  return table
    .filter((column) => column.kind === 'words')
    .map(({ name, values }) => ({ name, words: [...new Set(values as readonly string[])], values }))
    .filter(({ words }) => words.length > 1 && words.length <= 12)
    .map(({ name, words, values }) => ({
      kind: 'table' as const,
      title: name,
      columns: [name, 'cells'],
      rows: words.map(
        (word) =>
          [word, (values as readonly string[]).filter((value) => value === word).length] as const,
      ),
    }));
}

function parquetOf(table: readonly SweepColumn[]): Uint8Array {
  const columnData = table.map(({ name, kind, values }) => ({
    name,
    data: [...values],
    type: kind === 'numbers' ? ('DOUBLE' as const) : ('STRING' as const),
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}
