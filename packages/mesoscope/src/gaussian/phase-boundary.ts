import { MesoscopeError } from '../errors.ts';
import { eigenvalues, symmetricEigen } from '../numeric/decompositions.ts';
import { predictBlowUp } from './blow-up.ts';
import { factored } from './moments.ts';
import type { LayerFamily, PhaseGrid } from './phase.ts';
import { type RiccatiForm, riccatiForm } from './riccati.ts';

/** What changes across a boundary that is known without following a flow. */
export type BoundaryKind = 'blow-up' | 'definiteness' | 'drift';

export const boundaryKinds: readonly BoundaryKind[] = ['blow-up', 'definiteness', 'drift'];

/** A whole number that is constant between two boundaries of a kind. */
const labels: Readonly<
  Record<BoundaryKind, (form: RiccatiForm, point: ReturnType<LayerFamily>) => number>
> = {
  'blow-up': (form, { law }) => (predictBlowUp(form, factored(law).factor).time === null ? 0 : 1),
  definiteness: ({ M }) => symmetricEigen(M).values.filter((value) => value > 0).length,
  drift: ({ W }) => eigenvalues(W).real.filter((re) => re > 0).length,
};

/** Where a boundary crosses one line of a grid: between points `after` and `after + 1`, at `value`. */
export interface Crossing {
  readonly after: number;
  readonly value: number;
}

/** The crossings on one line, for each kind. */
export type LineCrossings = Readonly<Record<BoundaryKind, readonly Crossing[]>>;

/**
 * Part of a cell to which a crossing is bisected. Eigenvalues of matrices of size 1 tell hardly more; whether a flow blows up takes the
 * longer to tell the nearer the boundary, and a thousandth of a cell is finer than a figure shows.
 */
const resolution: Readonly<Record<BoundaryKind, number>> = {
  'blow-up': 1e-3,
  definiteness: 1e-13,
  drift: 1e-13,
};

/**
 * Where the boundaries that have a closed form cross one line of a grid, row `index` (y constant) or column `index` (x constant), for
 * families with `V_h = v_hI`:
 * - `blow-up`: where `predictBlowUp` changes its mind;
 * - `definiteness`: where an eigenvalue of `M = Σ_h v_h(B_h + B_hᵀ)` changes its sign: with none above 0 no law blows up,
 *   whatever W;
 * - `drift`: where an eigenvalue of W crosses the imaginary axis.
 *
 * Bisected between neighbouring grid points that differ: to the accuracy of the eigenvalues that decide, and `blow-up` to a
 * thousandth of a cell. No flow is integrated.
 *
 * @throws MesoscopeError `unsupported` for a layer without a Riccati form
 */
export function boundaryCrossings(
  family: LayerFamily,
  { x, y }: PhaseGrid,
  { line, index }: { readonly line: 'row' | 'column'; readonly index: number },
): LineCrossings {
  const [grid, at] =
    line === 'row'
      ? [x, (s: number) => family(s, y[index])]
      : [y, (s: number) => family(x[index], s)];
  const found = boundaryKinds.map((kind) => {
    const label = (s: number) => {
      const point = at(s);
      return labels[kind](requireRiccati(riccatiForm(point.layer)), point);
    };
    return [kind, changes(label, grid, resolution[kind])] as const;
  });
  return Object.fromEntries(found) as unknown as LineCrossings;
}

function requireRiccati(form: RiccatiForm | null): RiccatiForm {
  if (form !== null) return form;
  throw new MesoscopeError({
    code: 'unsupported',
    what: 'layers other than softmax with values that are multiples of the identity',
    by: 'The closed-form boundary',
    wayOut: 'Classify the grid without it.',
  });
}

function changes(
  label: (s: number) => number,
  grid: readonly number[],
  resolution: number,
): Crossing[] {
  const seen = grid.map(label);
  return seen.slice(1).flatMap((next, after) => {
    if (next === seen[after]) return [];
    let [low, high] = [grid[after], grid[after + 1]];
    const width = resolution * (high - low);
    while (high - low > width) {
      const middle = (low + high) / 2;
      if (middle <= low || middle >= high) break;
      if (label(middle) === seen[after]) low = middle;
      else high = middle;
    }
    return [{ after, value: (low + high) / 2 }];
  });
}

/** Points of a curve in pieces; NaN between two pieces. */
export interface BoundaryCurve {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

type Point = readonly [x: number, y: number];

/**
 * The curve through the crossings of all rows and columns: in a cell that it enters and leaves once the two crossings are joined, and
 * joints that cells share are chained (marching squares). Cells with other numbers of crossings stay open.
 *
 * @param rows - crossings of each row of the grid, in order
 * @param columns - of each column
 */
export function boundaryCurve(
  { x, y }: PhaseGrid,
  rows: readonly (readonly Crossing[])[],
  columns: readonly (readonly Crossing[])[],
): BoundaryCurve {
  const horizontal = rows.map(
    (row, j) => new Map(row.map(({ after, value }) => [after, [value, y[j]] as Point])),
  );
  const vertical = columns.map(
    (column, i) => new Map(column.map(({ after, value }) => [after, [x[i], value] as Point])),
  );
  const joined = new Map<Point, Point[]>();
  for (let j = 0; j + 1 < y.length; j++) {
    for (let i = 0; i + 1 < x.length; i++) {
      const ends = [
        horizontal[j].get(i),
        horizontal[j + 1].get(i),
        vertical[i].get(j),
        vertical[i + 1].get(j),
      ].filter((end) => end !== undefined);
      if (ends.length !== 2) continue;
      const [a, b] = ends;
      joined.set(a, [...(joined.get(a) ?? []), b]);
      joined.set(b, [...(joined.get(b) ?? []), a]);
    }
  }
  const points: Point[] = [];
  // Open pieces begin at one of their ends; what is left after them are closed loops.
  const starts = [...joined.keys()].sort(
    (a, b) => (joined.get(a)?.length ?? 0) - (joined.get(b)?.length ?? 0),
  );
  const used = new Set<Point>();
  for (const start of starts) {
    if (used.has(start)) continue;
    if (points.length > 0) points.push([Number.NaN, Number.NaN]);
    let previous: Point | undefined;
    let at: Point | undefined = start;
    while (at !== undefined) {
      points.push(at);
      if (used.has(at)) break;
      used.add(at);
      const next: Point | undefined = joined.get(at)?.find((other) => other !== previous);
      previous = at;
      at = next;
    }
  }
  return { x: points.map((point) => point[0]), y: points.map((point) => point[1]) };
}
