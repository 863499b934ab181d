import { setAtPath } from '../../configuration/assign.ts';
import { pathSteps, valueAt } from '../../configuration/tree.ts';
import { requireThat } from '../../numeric/checks.ts';
import {
  isRange,
  type Sweep,
  type SweepAxis,
  type SweepCondition,
  type SweepRange,
} from './definition.ts';

/** The values of one cell's columns, in the order of {@link sweepColumns}. */
export type CellValues = readonly unknown[];

/** Cells that one plan may have, unless told otherwise. */
export const cellBudget = 200_000;

/** The paths that differ between cells; the seed is the last. */
export function sweepColumns({ axes, seeds }: Sweep): string[] {
  const paths = axes.flatMap((axis) =>
    'zip' in axis ? axis.zip.map((one) => one.path) : [axis.path],
  );
  const columns = seeds === undefined ? paths : [...paths, 'seed'];
  const twice = columns.find((column, i) => columns.indexOf(column) !== i);
  requireThat(twice === undefined, 'axes', twice, 'every path once');
  for (const column of columns) pathSteps(column);
  return columns;
}

/**
 * The value of a range at the place i of n: `from + (to − from) i / n`, or the same of the logarithms, to twelve digits, so that
 * it is the same on every machine. A place keeps its value on a grid twice as fine.
 */
export function rangeValue({ from, to, scale, integer }: SweepRange, i: number, n: number): number {
  if (i === 0) return from;
  if (i === n) return to;
  const share = i / n;
  const value = scale === 'log' ? from * (to / from) ** share : from + (to - from) * share;
  return integer ? Math.round(value) : Number(value.toPrecision(12));
}

/** The values of an axis: one row of values for each of its places. */
export function axisRows(axis: SweepAxis): CellValues[] {
  if (isRange(axis)) {
    requireRange(axis);
    const values = Array.from({ length: axis.count }, (_, i) =>
      rangeValue(axis, i, axis.count - 1),
    );
    return [...new Set(values)].map((value) => [value]);
  }
  if ('zip' in axis) {
    const [{ values }] = axis.zip;
    const other = axis.zip.find((one) => one.values.length !== values.length);
    const paths = axis.zip.map((one) => one.path).join(', ');
    const lengths = axis.zip.map((one) => one.values.length);
    requireThat(other === undefined, `axes: zip of ${paths}`, lengths, 'lists of one length');
    return values.map((_, i) => axis.zip.map((one) => one.values[i]));
  }
  return axis.values.map((value) => [value]);
}

function requireRange(axis: SweepRange): void {
  const { path, from, to, scale } = axis;
  const positive = scale === 'linear' || (from > 0 && to > 0);
  requireThat(positive, `axes: ${path}`, [from, to], 'ends above 0 on a logarithmic scale');
  requireThat(from !== to, `axes: ${path}`, to, 'two different ends');
}

/** The seeds of a sweep as its last axis; none where it names none. */
export function seedRows({ seeds }: Sweep): CellValues[] {
  if (seeds === undefined) return [[]];
  const list = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds;
  return [...new Set(list)].map((seed) => [seed]);
}

/**
 * The cells of a sweep's grid, the last axis fastest.
 *
 * @throws MesoscopeError `invalid-value` for an axis that is none, or more cells than the budget
 */
export function gridCells(sweep: Sweep, defaults: unknown, budget = cellBudget): CellValues[] {
  sweepColumns(sweep);
  const rows = [...sweep.axes.map(axisRows), seedRows(sweep)];
  const count = rows.reduce((product, { length }) => product * length, 1);
  const wayOut = 'Take fewer values, refine where something changes, or raise --most-cells.';
  requireThat(count <= budget, 'axes', `${count} cells`, `at most ${budget}`, wayOut);
  const cells = rows.reduce<CellValues[]>(
    (all, axis) => all.flatMap((before) => axis.map((row) => [...before, ...row])),
    [[]],
  );
  return cells.filter((cell) => meetsConditions(sweep, cell, defaults));
}

/**
 * What a cell's configuration is, its own values over the fields that all cells share.
 *
 * @param defaults - what runs where nothing is set, so that one field of a default object can differ alone
 */
export function cellConfiguration(
  sweep: Sweep,
  columns: readonly string[],
  values: CellValues,
  defaults: unknown,
): unknown {
  return columns.reduce<unknown>(
    (configuration, column, i) => setAtPath(configuration, column, values[i], defaults),
    sweep.configuration,
  );
}

/** Whether a cell is one of the sweep's. */
export function meetsConditions(sweep: Sweep, values: CellValues, defaults: unknown): boolean {
  if (sweep.conditions.length === 0) return true;
  const configuration = cellConfiguration(sweep, sweepColumns(sweep), values, defaults);
  return sweep.conditions.every((condition) => isMet(condition, [configuration, defaults]));
}

function isMet({ left, is, right }: SweepCondition, places: readonly unknown[]): boolean {
  const at = (path: string) => {
    const values = places.map((place) => valueAt(place, pathSteps(path)));
    const value = values.find((one) => one !== undefined);
    requireThat(value !== undefined, 'conditions', path, 'the path of a field');
    return value;
  };
  const one = at(left);
  const other = typeof right === 'string' ? at(right) : right;
  if (is === '=') return Object.is(one, other);
  if (is === '≠' || is === '!=') return !Object.is(one, other);
  const [a, b] = [Number(one), Number(other)];
  if (is === '<') return a < b;
  if (is === '>') return a > b;
  return is === '≤' || is === '<=' ? a <= b : a >= b;
}
