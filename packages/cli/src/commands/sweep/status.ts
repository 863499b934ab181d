import { resolve } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { sweepColumns } from 'mesoscope/study';
import type { Environment } from '../../environment.ts';
import { labelOf } from '../../sweep/compute.ts';
import { SweepFolder } from '../../sweep/folder.ts';
import { identify } from '../../sweep/plan.ts';
import { exitCode, type RunOptions } from '../options.ts';
import { type PlanOptions, plannedGrid, readSweep } from './plan.ts';
import { stateOf, stateText } from './run.ts';

/** Failed cells that are listed. */
const mostListed = 10;

/** `mesoscope sweep status <folder>`: how far a sweep is, and why cells failed. */
export function statusCommand(
  path: string,
  options: Pick<RunOptions, 'json'>,
  { stdout, directory }: Environment,
): number {
  const folder = new SweepFolder(resolve(directory, path));
  const record = folder.read();
  const state = stateOf(folder, record);
  const columns = sweepColumns(record.sweep);
  const ended = folder.ended();
  const failures = [...folder.failed()]
    .filter((id) => !ended.has(id))
    .slice(0, mostListed)
    .map((id) => folder.failure(id));
  if (options.json) {
    stdout.write(
      `${JSON.stringify({ ...state, failures, conflicting: folder.conflicts().slice(0, mostListed) }, null, 2)}\n`,
    );
    return exitCode.done;
  }
  stdout.write(stateText(state));
  for (const failure of failures) {
    const times = failure.attempts === 1 ? '' : ` (${failure.attempts} times)`;
    stdout.write(`  ${labelOf(columns, failure)}: ${failure.reason}${times}\n`);
  }
  if (state.failed > failures.length)
    stdout.write(`  … and ${state.failed - failures.length} more\n`);
  if (state.failed > 0) stdout.write(`Try them again: mesoscope sweep retry ${path}\n`);
  return exitCode.done;
}

/** `mesoscope sweep extend <folder> <file>`: the cells of a second file with the same paths, added to a sweep. */
export async function extendCommand(
  path: string,
  file: string,
  options: PlanOptions,
  environment: Environment,
): Promise<number> {
  const folder = new SweepFolder(resolve(environment.directory, path));
  const record = folder.read();
  const { sweep, catalogue } = await readSweep(file, options, environment);
  const heading = ({ study, claim, setting, configuration }: typeof sweep) =>
    JSON.stringify([study, claim, setting, configuration]);
  const [old, wanted] = [sweepColumns(record.sweep), sweepColumns(sweep)];
  if (heading(sweep) !== heading(record.sweep) || old.join() !== wanted.join()) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: file,
      received: { study: sweep.study ?? sweep.claim ?? null, columns: wanted },
      expected: `a sweep of the same study and shared fields over ${old.join(', ')}`,
      wayOut: 'Plan it as a sweep of its own: mesoscope sweep plan.',
    });
  }
  const before = new Set(folder.cells(record).map(({ id }) => id));
  const cells = identify(sweep, plannedGrid(sweep, catalogue, options), record.kernels, catalogue);
  const added = cells.filter(({ id }) => !before.has(id));
  folder.write({ ...record, sweep }, added, record.plans);
  environment.stdout.write(
    options.json
      ? `${JSON.stringify({ added: added.length })}\n`
      : `${added.length} more cells. Run them: mesoscope sweep run ${path}\n`,
  );
  return exitCode.done;
}
