import type * as Plot from '@observablehq/plot';
import type { Axis, Mark } from 'mesoscope/claims';
import { cellEdges, type Extent } from '../axis.ts';
import { heatColour } from '../heat-colour.ts';
import type { Theme } from '../theme.ts';
import type { MarkContext } from './context.ts';

type Of<K extends Mark['kind']> = Extract<Mark, { kind: K }>;

/** Colours of a heat map: enough that the eye sees no step. */
const levels = 96;

/** A mark with values that are drawn as colours. */
export type Valued = Of<'heatmap'> | Of<'points'>;

/** What the colours of a mark span: its domain, or the extent of the values that can be drawn. */
export function valueExtent(mark: Valued): Extent | undefined {
  if (mark.kind === 'points' && mark.valueDomain !== undefined) return mark.valueDomain;
  const drawn = Array.from(mark.values).filter((value) => isDrawn(value, mark));
  if (drawn.length === 0) return undefined;
  const low = drawn.reduce((a, b) => Math.min(a, b));
  const high = drawn.reduce((a, b) => Math.max(a, b));
  return [low, high];
}

function isDrawn(value: number, mark: Valued): boolean {
  return Number.isFinite(value) && (!isLogarithmic(mark) || value > 0);
}

/** Whether colours follow the logarithm of the values. */
export function isLogarithmic(mark: Valued): boolean {
  return mark.kind === 'heatmap' && mark.scale === 'log';
}

/** The colour of each value; undefined where it cannot be drawn. */
export function valueColours(mark: Valued, extent: Extent): (string | undefined)[] {
  const scale = (value: number) => (isLogarithmic(mark) ? Math.log(value) : value);
  const [low, high] = extent.map(scale);
  return Array.from(mark.values, (value) => {
    if (!isDrawn(value, mark)) return undefined;
    const share = high > low ? (scale(value) - low) / (high - low) : 0.5;
    const inside = Math.max(0, Math.min(1, share));
    return heatColour(Math.round(inside * (levels - 1)) / (levels - 1));
  });
}

/** Values on a grid; a cell without a drawable value stays white. */
export function heatmapMark(mark: Of<'heatmap'>, context: MarkContext): Plot.Markish[] {
  const extent = valueExtent(mark);
  if (extent === undefined) return [];
  return [cells(mark, valueColours(mark, extent), context)];
}

/** The categories of a grid of regions, in order of first appearance, with their colours. */
export function regionColours(
  mark: Of<'regions'>,
  theme: Pick<Theme, 'region'>,
): ReadonlyMap<string, string> {
  const names = [...new Set(mark.categories)];
  return new Map(names.map((name, i) => [name, theme.region(i, names.length)]));
}

/** Regions named by category. */
export function regionsMark(mark: Of<'regions'>, context: MarkContext): Plot.Markish[] {
  const colours = regionColours(mark, context.theme);
  const filled = mark.categories.map((category) => colours.get(category));
  return [cells(mark, filled, context)];
}

/** A rectangle of one colour, between edges of cells. */
export interface CellRun {
  readonly colour: string;
  readonly x: Extent;
  readonly y: Extent;
}

/** The cells of a grid, equal neighbours in a row joined: a diagram of 200 × 200 cells stays some hundred kilobytes. */
export function cellRuns(
  { x, y }: { readonly x: ArrayLike<number>; readonly y: ArrayLike<number> },
  colours: readonly (string | undefined)[],
  axes: { readonly x: Axis; readonly y: Axis },
): CellRun[] {
  const xEdges = cellEdges(x, axes.x);
  const yEdges = cellEdges(y, axes.y);
  const runs: CellRun[] = [];
  for (let row = 0; row < y.length; row++) {
    for (let from = 0; from < x.length; ) {
      const colour = colours[row * x.length + from];
      let to = from + 1;
      while (to < x.length && colours[row * x.length + to] === colour) to++;
      if (colour !== undefined) {
        runs.push({ colour, x: [xEdges[from], xEdges[to]], y: [yEdges[row], yEdges[row + 1]] });
      }
      from = to;
    }
  }
  return runs;
}

/** One path a colour. */
function cells(
  grid: { readonly x: ArrayLike<number>; readonly y: ArrayLike<number> },
  colours: readonly (string | undefined)[],
  context: MarkContext,
): Plot.RenderFunction {
  return (_index, { x: toX, y: toY }, _values, _dimensions, { document }) => {
    const group = document.createElementNS('http://www.w3.org/2000/svg', 'g');
    group.setAttribute('shape-rendering', 'crispEdges');
    if (toX === undefined || toY === undefined) return group as SVGElement;
    const place = (scale: (value: number) => unknown, value: number) =>
      Math.round((scale(value) as number) * 100) / 100;
    const paths = new Map<string, string>();
    for (const { colour, x, y } of cellRuns(grid, colours, context)) {
      const [left, right] = x.map((value) => place(toX, value));
      const [bottom, top] = y.map((value) => place(toY, value));
      const box = `M${left},${bottom}H${right}V${top}H${left}Z`;
      paths.set(colour, (paths.get(colour) ?? '') + box);
    }
    for (const [colour, d] of paths) {
      const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
      path.setAttribute('fill', colour);
      path.setAttribute('d', d);
      group.appendChild(path);
    }
    return group as SVGElement;
  };
}
