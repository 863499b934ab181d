import type { Axis, Figure, Mark } from 'mesoscope/claims';

/** The extent of an axis. */
export type Extent = readonly [low: number, high: number];

/** Whether a number can stand on an axis. */
export function drawable(value: number, axis: Axis): boolean {
  return Number.isFinite(value) && (axis.scale !== 'log' || value > 0);
}

/** A number that can stand on the axis, or NaN, which leaves a gap. */
export function gapped(value: number, axis: Axis): number {
  return drawable(value, axis) ? value : Number.NaN;
}

/** The extent given for the axis, or that of everything drawn along it with a margin. */
export function axisExtent(figure: Figure, direction: 'x' | 'y'): Extent {
  const axis = figure[direction];
  if (axis.domain !== undefined) return axis.domain;
  const limit = direction === 'y' ? boundLimit(figure) : Number.POSITIVE_INFINITY;
  const values = figure.marks.flatMap((mark) =>
    coordinates(mark, direction, figure).flatMap((list) =>
      Array.from(list).filter(
        (value) => drawable(value, axis) && (!isBound(mark) || value <= limit),
      ),
    ),
  );
  const log = axis.scale === 'log';
  if (values.length === 0) return log ? [0.1, 10] : [0, 1];
  let low = values.reduce((a, b) => Math.min(a, b));
  let high = values.reduce((a, b) => Math.max(a, b));
  const tiled = figure.marks.some((mark) => mark.kind === 'heatmap' || mark.kind === 'regions');
  const margin = tiled ? 0 : direction === 'x' ? 0.03 : 0.07;
  if (log) {
    const room = high > low ? (high / low) ** margin : 2;
    return [low / room, high * room];
  }
  if (high === low) return [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const onBars = direction === 'y' && figure.marks.some((mark) => mark.kind === 'bars');
  const room = margin * (high - low);
  low -= onBars && low === 0 ? 0 : room;
  high += room;
  return [low, high];
}

/** Whether nothing but whole numbers is drawn along an axis: rounds, layers, numbers of heads. */
export function isWhole(figure: Figure, direction: 'x' | 'y'): boolean {
  return figure.marks.every((mark) =>
    coordinates(mark, direction, figure).every((list) => Array.from(list).every(Number.isInteger)),
  );
}

/** About how many ticks a linear axis has: at most `most`, and on whole numbers none in between. */
export function tickCount([low, high]: Extent, most: number, whole: boolean): number {
  return whole ? Math.max(1, Math.min(most, Math.floor(high - low))) : most;
}

/** A bound further away than this factor gets no room. */
const farFactor = 1e3;

function isBound(mark: Mark): boolean {
  return mark.kind === 'line' && mark.bound === true;
}

/** Above this, bounds get no room: on a logarithmic axis they would squash everything else. */
function boundLimit(figure: Figure): number {
  if (figure.y.scale !== 'log') return Number.POSITIVE_INFINITY;
  const high = figure.marks
    .filter((mark) => !isBound(mark))
    .flatMap((mark) => coordinates(mark, 'y', figure))
    .flatMap((list) => Array.from(list).filter((value) => drawable(value, figure.y)))
    .reduce((a, b) => Math.max(a, b), 0);
  return high === 0 ? Number.POSITIVE_INFINITY : farFactor * high;
}

/** The bounds that lie above their limit, all of them or with a part. */
export function farBounds(figure: Figure): ReadonlySet<Mark> {
  const limit = boundLimit(figure);
  const isFar = (mark: Mark) =>
    isBound(mark) &&
    coordinates(mark, 'y', figure).some((list) => Array.from(list).some((value) => value > limit));
  return new Set(figure.marks.filter(isFar));
}

/**
 * Extents of which one unit is as long along both axes on a plot of this size: the shorter one is widened about its middle.
 */
export function equalExtents(
  { x, y }: { readonly x: Extent; readonly y: Extent },
  size: { readonly width: number; readonly height: number },
): { readonly x: Extent; readonly y: Extent } {
  const unit = Math.max((x[1] - x[0]) / size.width, (y[1] - y[0]) / size.height);
  const about = ([low, high]: Extent, pixels: number): Extent => {
    const middle = (low + high) / 2;
    return [middle - (unit * pixels) / 2, middle + (unit * pixels) / 2];
  };
  return { x: about(x, size.width), y: about(y, size.height) };
}

function coordinates(mark: Mark, direction: 'x' | 'y', figure: Figure): ArrayLike<number>[] {
  switch (mark.kind) {
    case 'line':
    case 'points':
    case 'reference':
      return [mark[direction]];
    case 'dots':
      return direction === 'x' ? [mark.x] : [mark.y, mark.low ?? [], mark.high ?? []];
    case 'band':
      return direction === 'x' ? [mark.x] : [mark.low, mark.high];
    case 'rule':
      return mark.axis === direction ? [[mark.at]] : [];
    case 'bars':
      return direction === 'x' ? [mark.x0, mark.x1] : [mark.y, [0]];
    case 'heatmap':
    case 'regions':
      return [cellEdges(mark[direction], figure[direction])];
  }
}

/** The n + 1 edges of cells around n centres: halfway between them, on the axis's own scale. */
export function cellEdges(centres: ArrayLike<number>, axis: Axis): number[] {
  const log = axis.scale === 'log';
  const c = Array.from(centres, (value) => (log ? Math.log(value) : value));
  const n = c.length;
  const inner = c.slice(1).map((value, i) => (value + c[i]) / 2);
  const halfFirst = n > 1 ? (c[1] - c[0]) / 2 : 0.5;
  const halfLast = n > 1 ? (c[n - 1] - c[n - 2]) / 2 : 0.5;
  const edges = n === 0 ? [] : [c[0] - halfFirst, ...inner, c[n - 1] + halfLast];
  return log ? edges.map(Math.exp) : edges;
}

/** Ticks of a logarithmic axis: powers of its base, thinned to about eight; 1, 2, 5 where few powers fit, and finer where few of those do. */
export function logTicks([low, high]: Extent, base: number): number[] {
  const from = Math.ceil(Math.log(low) / Math.log(base) - 1e-9);
  const to = Math.floor(Math.log(high) / Math.log(base) + 1e-9);
  const count = to - from + 1;
  if (count >= 3 || base !== 10) {
    const step = Math.max(1, Math.ceil(count / 8));
    const ticks: number[] = [];
    for (let k = Math.ceil(from / step) * step; k <= to; k += step) ticks.push(base ** k);
    return ticks;
  }
  const multiples = (digits: readonly number[]) => {
    const ticks: number[] = [];
    for (let k = from - 1; k <= to; k++) {
      for (const digit of digits) {
        const tick = Number((digit * base ** k).toPrecision(12));
        if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push(tick);
      }
    }
    return ticks;
  };
  const halves = Array.from({ length: 18 }, (_, i) => 1 + i / 2);
  const tenths = Array.from({ length: 90 }, (_, i) => 1 + i / 10);
  const choices = [[1, 2, 5], halves, tenths].map(multiples);
  return choices.find((ticks) => ticks.length >= 2) ?? choices[0];
}

/**
 * How the ticks of a logarithmic axis read: `8, 16, 32`, `0.01, 0.1, 1`, or `10⁻⁴, 10⁻²` where decimals would be
 * long for one of them.
 */
export function logTickText(ticks: readonly number[], base: number): (value: number) => string {
  const fine = base === 10 ? 0.01 : 0.1;
  const decimals = ticks.every((tick) => tick >= fine && tick < 1e5);
  if (decimals || base === 10) return (value) => tickText(value, decimals);
  return (value) => `${plain(base)}${superscript(Math.round(Math.log(value) / Math.log(base)))}`;
}

/** How a tick reads; plain decimals where asked, powers of ten otherwise. */
export function tickText(value: number, decimals: boolean): string {
  if (decimals || value === 0) return plain(value);
  const [digits, exponent] = value.toExponential(6).split('e');
  const mantissa = String(Number(digits)).replace('-', '−');
  const power = `10${superscript(Number(exponent))}`;
  return mantissa === '1' ? power : mantissa === '−1' ? `−${power}` : `${mantissa}×${power}`;
}

/** How the ticks of a linear axis read: decimals unless they would be long. */
export function linearTickText([low, high]: Extent): (value: number) => string {
  const size = Math.max(Math.abs(low), Math.abs(high));
  const decimals = size >= 1e-2 && size < 1e5;
  return (value) => tickText(Math.abs(value) < 1e-12 * size ? 0 : value, decimals);
}

function plain(value: number): string {
  return String(Number(value.toPrecision(6))).replace('-', '−');
}

function superscript(exponent: number): string {
  return [...String(exponent)].map((c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)])).join('');
}
