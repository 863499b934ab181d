import type { Figure, Mark } from '../../claims/figure.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { isRange, type Sweep } from './definition.ts';
import { sweepColumns } from './grid.ts';
import { type EndedCell, type SweepColumn, sweepTable } from './table.ts';

/** Figures of one sweep at most; the table holds all columns. */
const mostFigures = 24;

/** Panels of one column at most: values of the axes that a figure does not span. */
const mostPanels = 6;

/** A place of a sweep: all seeds of one setting. */
interface Spot {
  readonly x: number;
  readonly y: number;
  /** Settings of the other axes, in words. */
  readonly panel: string;
  /** Rows of the table. */
  readonly rows: number[];
}

/**
 * The figures of a sweep: for each measured column a map over the first two axes with numbers, or curves with intervals over
 * seeds where there is one; the other axes make small multiples.
 */
export function sweepFigures(sweep: Sweep, cells: readonly EndedCell[]): Figure[] {
  const columns = sweepColumns(sweep);
  const table = sweepTable(columns, cells);
  const axes = table.slice(0, columns.length).filter(({ name }) => name !== 'seed');
  const plane = axes
    .filter((axis) => axis.kind === 'numbers' && new Set(axis.values).size > 1)
    .slice(0, 2);
  if (plane.length === 0) return [];
  const spots = spotsOf(
    plane,
    axes.filter((axis) => !plane.includes(axis)),
    cells.length,
  );
  const panels = [...new Set(spots.map(({ panel }) => panel))].slice(0, mostPanels);
  const measured = table.slice(columns.length).filter(hasSeveralValues);
  return measured
    .flatMap((column) =>
      panels.map((panel) => {
        const own = spots.filter((spot) => spot.panel === panel);
        return plane.length === 2
          ? mapFigure(sweep, plane, column, own, panel)
          : curveFigure(sweep, plane[0].name, column, own, panel);
      }),
    )
    .filter((figure) => figure.marks.length > 0)
    .slice(0, mostFigures);
}

function hasSeveralValues({ values }: SweepColumn): boolean {
  return new Set<unknown>(values).size > 1;
}

function spotsOf(
  plane: readonly SweepColumn[],
  others: readonly SweepColumn[],
  count: number,
): Spot[] {
  const [first, second] = plane as readonly (SweepColumn & { kind: 'numbers' })[];
  const spots = new Map<string, Spot>();
  for (let row = 0; row < count; row++) {
    const x = first.values[row];
    const y = second?.values[row] ?? 0;
    const panel = others.map(({ name, values }) => `${name} = ${values[row]}`).join(', ');
    const key = JSON.stringify([x, y, panel]);
    const spot = spots.get(key) ?? { x, y, panel, rows: [] };
    spot.rows.push(row);
    spots.set(key, spot);
  }
  return [...spots.values()];
}

function scaleOf({ axes }: Sweep, path: string): 'linear' | 'log' {
  const axis = axes.find((one) => isRange(one) && one.path === path);
  return axis !== undefined && isRange(axis) ? axis.scale : 'linear';
}

/** `A.euler-order measured`: letters and digits, so that it is a file name. */
function figureId(column: string, panel: string): string {
  return `${column}${panel === '' ? '' : ` ${panel}`}`
    .replace(/[^\p{L}\d]+/gu, '-')
    .replace(/^-|-$/g, '');
}

function titleOf(column: string, panel: string): string {
  return panel === '' ? column : `${column}, ${panel}`;
}

/** The finite numbers of a spot. */
function numbersAt({ rows }: Spot, column: SweepColumn & { readonly kind: 'numbers' }): number[] {
  return rows.map((row) => column.values[row]).filter(Number.isFinite);
}

/** The word on which all seeds agree, or `seeds differ`. */
function wordAt({ rows }: Spot, { values }: SweepColumn): string {
  const words = new Set(rows.map((row) => String(values[row])));
  return words.size === 1 ? [...words][0] : 'seeds differ';
}

function mapFigure(
  sweep: Sweep,
  [first, second]: readonly SweepColumn[],
  column: SweepColumn,
  spots: readonly Spot[],
  panel: string,
): Figure {
  const seeds = Math.max(...spots.map(({ rows }) => rows.length));
  const over =
    seeds > 1
      ? `, ${column.kind === 'numbers' ? 'mean' : 'agreement'} of up to ${seeds} seeds`
      : '';
  return {
    id: figureId(column.name, panel),
    title: titleOf(column.name, panel),
    caption: `${spots.length} places of ${first.name} and ${second.name}${over}.`,
    x: { label: first.name, scale: scaleOf(sweep, first.name) },
    y: { label: second.name, scale: scaleOf(sweep, second.name) },
    marks: mapMarks(column, spots),
  };
}

/** A filled grid where every place was computed; points where the grid is refined, or has holes. */
function mapMarks(column: SweepColumn, spots: readonly Spot[]): Mark[] {
  const x = [...new Set(spots.map((spot) => spot.x))].sort((a, b) => a - b);
  const y = [...new Set(spots.map((spot) => spot.y))].sort((a, b) => a - b);
  const isFull = x.length * y.length === spots.length && y.length > 1;
  if (column.kind === 'numbers') {
    const mean = (spot: Spot) => averageOf(numbersAt(spot, column));
    if (isFull) {
      return [{ kind: 'heatmap', x, y, values: ordered(spots).map(mean), valueLabel: column.name }];
    }
    const shown = spots.filter((spot) => Number.isFinite(mean(spot)));
    return shown.length === 0
      ? []
      : [{ kind: 'points', ...placesOf(shown), values: shown.map(mean), valueLabel: column.name }];
  }
  const words = (spot: Spot) => wordAt(spot, column);
  if (isFull) return [{ kind: 'regions', x, y, categories: ordered(spots).map(words) }];
  return [...new Set(spots.map(words))].map((word) => ({
    kind: 'dots',
    series: word,
    ...placesOf(spots.filter((spot) => words(spot) === word)),
  }));
}

function averageOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Row after row, from low y to high y. */
function ordered(spots: readonly Spot[]): Spot[] {
  return [...spots].sort((a, b) => a.y - b.y || a.x - b.x);
}

function placesOf(spots: readonly Spot[]): { readonly x: number[]; readonly y: number[] } {
  return { x: spots.map((spot) => spot.x), y: spots.map((spot) => spot.y) };
}

function curveFigure(
  sweep: Sweep,
  axis: string,
  column: SweepColumn,
  spots: readonly Spot[],
  panel: string,
): Figure {
  const along = [...spots].sort((a, b) => a.x - b.x);
  const seeds = Math.max(...spots.map(({ rows }) => rows.length));
  const about = { id: figureId(column.name, panel), title: titleOf(column.name, panel) };
  const x = { label: axis, scale: scaleOf(sweep, axis) };
  if (column.kind === 'numbers') {
    const shown = along.filter((spot) => numbersAt(spot, column).length > 0);
    const means = shown.map((spot) => meanInterval(numbersAt(spot, column)));
    const places = shown.map((spot) => spot.x);
    const band: Mark[] = means.some(({ interval }) => interval !== null)
      ? [
          {
            kind: 'band',
            series: column.name,
            x: places,
            low: means.map(({ mean, interval }) => interval?.[0] ?? mean),
            high: means.map(({ mean, interval }) => interval?.[1] ?? mean),
          },
        ]
      : [];
    const y = means.map(({ mean }) => mean);
    return {
      ...about,
      caption:
        seeds > 1
          ? `Mean of ${seeds} seeds with its 95 % interval (Student).`
          : `One run at each of ${shown.length} values.`,
      x,
      y: { label: column.name },
      marks: [
        ...band,
        { kind: 'line', series: column.name, x: places, y },
        { kind: 'dots', series: column.name, x: places, y },
      ],
    };
  }
  const words = [
    ...new Set(along.flatMap(({ rows }) => rows.map((row) => String(column.values[row])))),
  ];
  const share = (spot: Spot, word: string) =>
    spot.rows.filter((row) => column.values[row] === word).length / spot.rows.length;
  return {
    ...about,
    caption: `Share of ${seeds > 1 ? `${seeds} seeds` : 'the one run'} at each value.`,
    x,
    y: { label: `share with this ${column.name}`, domain: [0, 1] },
    marks: words.flatMap((word): Mark[] => {
      const curve = {
        series: word,
        x: along.map((spot) => spot.x),
        y: along.map((spot) => share(spot, word)),
      };
      return [
        { kind: 'line', ...curve },
        { kind: 'dots', ...curve },
      ];
    }),
  };
}
