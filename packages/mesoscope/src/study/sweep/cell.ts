import type { Sweep } from './definition.ts';
import { type CellValues, cellConfiguration, sweepColumns } from './grid.ts';

/** What a cell runs. */
export interface CellTask {
  readonly study: string;
  /** As a person would give it: without defaults. */
  readonly configuration: unknown;
}

/**
 * The task of one cell. A claim runs as the study `verify` of that one claim, where the seed is the study's and everything else
 * a field of the instance.
 *
 * @param defaults - of the study, or of the claim's instance
 */
export function cellTask(sweep: Sweep, values: CellValues, defaults: unknown): CellTask {
  const { study = '', claim, setting } = sweep;
  const columns = sweepColumns(sweep);
  if (claim === undefined) {
    return { study, configuration: cellConfiguration(sweep, columns, values, defaults) };
  }
  const isField = (_: unknown, i: number) => columns[i] !== 'seed';
  const instance = cellConfiguration(
    sweep,
    columns.filter(isField),
    values.filter(isField),
    defaults,
  );
  const seed = columns.includes('seed') ? values[columns.indexOf('seed')] : 1;
  return { study: 'verify', configuration: { seed, setting, claims: [{ id: claim, instance }] } };
}
