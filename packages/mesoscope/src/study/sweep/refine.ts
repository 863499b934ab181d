import { requireThat } from '../../numeric/checks.ts';
import { isRange, type Sweep, type SweepRange } from './definition.ts';
import {
  axisRows,
  type CellValues,
  meetsConditions,
  rangeValue,
  seedRows,
  sweepColumns,
} from './grid.ts';

/** What the compared column holds in a cell; undefined where the cell has none yet, null where it never will. */
export type Judged = (values: CellValues) => unknown;

/** A place on the finest grid, one number for each refined axis. */
type Place = readonly number[];

/**
 * The cells that a refined sweep needs next: of every box of the grid whose corners or edges do not agree, the places of the
 * two times finer grid, down to the last round. Values along the other axes are refined each for themselves; seeds together, so
 * that every place has all of them. Of a boundary of length 1 in a unit square it takes about 2^r places after r rounds, where
 * the whole grid takes 4^r.
 *
 * @returns an empty list once nothing is missing
 */
export function refinedCells(sweep: Sweep, judged: Judged, defaults: unknown): CellValues[] {
  const { refine } = sweep;
  if (refine === undefined) return [];
  const columns = sweepColumns(sweep);
  const ranges = refine.along.map((path) => rangeOf(sweep, path));
  const finest = 2 ** refine.rounds;
  const others = sweep.axes.filter((axis) => !(ranges as readonly unknown[]).includes(axis));
  const seeds = seedRows(sweep);
  const needed: CellValues[] = [];

  for (const fibre of product(others.map((axis) => axisRows(axis)))) {
    const cellsAt = (place: Place): CellValues[] => {
      const own = new Map(
        fibre.flatMap((row, i) => pathsOf(others[i]).map((path, j) => [path, row[j]] as const)),
      );
      ranges.forEach((range, i) => {
        own.set(range.path, rangeValue(range, place[i], (range.count - 1) * finest));
      });
      const values = columns
        .filter((column) => column !== 'seed' || own.has(column))
        .map((column) => own.get(column));
      return seeds
        .map((seed) => [...values, ...seed])
        .filter((cell) => meetsConditions(sweep, cell, defaults));
    };
    refineFibre(ranges, finest, cellsAt, judged, refine.threshold, needed);
  }
  return needed;
}

function pathsOf(axis: Sweep['axes'][number]): string[] {
  return 'zip' in axis ? axis.zip.map(({ path }) => path) : [axis.path];
}

function rangeOf({ axes }: Sweep, path: string): SweepRange {
  const axis = axes.find((one): one is SweepRange => isRange(one) && one.path === path);
  requireThat(
    axis !== undefined,
    'refine.along',
    path,
    'the path of an axis with from, to and count',
  );
  requireThat(!axis.integer, `axes: ${path}`, 'integer', 'a range without rounding, to be refined');
  return axis;
}

/** The boxes of one fibre, each as deep as its values differ; what is missing is added to `needed`. */
function refineFibre(
  ranges: readonly SweepRange[],
  finest: number,
  cellsAt: (place: Place) => CellValues[],
  judged: Judged,
  threshold: number | undefined,
  needed: CellValues[],
): void {
  const known = new Map<string, readonly unknown[] | undefined>();
  const asked = new Set<string>();
  const at = (place: Place) => {
    const key = place.join();
    if (!known.has(key)) {
      const values = cellsAt(place).map(judged);
      known.set(key, values.includes(undefined) ? undefined : values);
    }
    return known.get(key);
  };
  const ask = (place: Place) => {
    const key = place.join();
    if (at(place) !== undefined || asked.has(key)) return;
    asked.add(key);
    needed.push(...cellsAt(place).filter((cell) => judged(cell) === undefined));
  };
  const visit = (corner: Place, size: number): void => {
    const seen = border(corner, size)
      .map(at)
      .filter((values) => values !== undefined);
    if (size === 1 || !seen.some((values) => differ(values, seen[0], threshold))) return;
    const half = size / 2;
    for (const place of lattice(corner, half, 3)) ask(place);
    for (const place of lattice(corner, half, 2)) visit(place, half);
  };
  for (const box of product(ranges.map(({ count }) => steps(count - 1)))) {
    visit(
      box.map((i) => i * finest),
      finest,
    );
  }
}

/** Whether two places differ at some seed. What a cell can never have differs from nothing. */
function differ(
  one: readonly unknown[],
  other: readonly unknown[],
  threshold: number | undefined,
): boolean {
  return one.some((value, seed) => {
    const beside = other[seed];
    if (value === null || beside === null || beside === undefined) return false;
    return threshold === undefined
      ? !Object.is(value, beside)
      : Number(value) < threshold !== Number(beside) < threshold;
  });
}

function steps(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** The places of a box that lie `step` apart, `count` along each axis. */
function lattice(corner: Place, step: number, count: number): Place[] {
  return product(corner.map((from) => steps(count).map((i) => from + i * step)));
}

/** All places on the edges of a box: a neighbour may be finer than the box itself. */
function border(corner: Place, size: number): Place[] {
  if (corner.length === 1) return [corner, [corner[0] + size]];
  const [x, y] = corner;
  return steps(size + 1).flatMap((i) => [
    [x + i, y],
    [x + i, y + size],
    [x, y + i],
    [x + size, y + i],
  ]);
}

function product<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>(
    (all, list) => all.flatMap((before) => list.map((one) => [...before, one])),
    [[]],
  );
}
