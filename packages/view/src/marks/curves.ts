import * as Plot from '@observablehq/plot';
import type { Mark } from 'mesoscope/claims';
import { gapped } from '../axis.ts';
import { valueColours, valueExtent } from './cells.ts';
import type { MarkContext } from './context.ts';

type Of<K extends Mark['kind']> = Extract<Mark, { kind: K }>;

/** Connected points; a value that cannot be drawn leaves a gap. */
export function lineMark(mark: Of<'line'>, context: MarkContext): Plot.Markish[] {
  const points = Array.from(mark.x, (x, i) => ({
    x: gapped(x, context.x),
    y: gapped(mark.y[i], context.y),
  }));
  const { colour: stroke, dash: strokeDasharray } = context.style(mark.series);
  const strokeWidth = context.theme.lineWidth;
  return [Plot.line(points, { x: 'x', y: 'y', stroke, strokeWidth, strokeDasharray, clip: true })];
}

/** Separate points, each with its interval. */
export function dotsMark(mark: Of<'dots'>, context: MarkContext): Plot.Markish[] {
  const { colour, symbol } = context.style(mark.series);
  const points = Array.from(mark.x, (x, i) => ({
    x: gapped(x, context.x),
    y: gapped(mark.y[i], context.y),
    low: gapped(mark.low?.[i] ?? Number.NaN, context.y),
    high: gapped(mark.high?.[i] ?? Number.NaN, context.y),
  })).filter(({ x, y }) => !Number.isNaN(x) && !Number.isNaN(y));
  const withInterval = points.filter(({ low, high }) => !Number.isNaN(low) && !Number.isNaN(high));
  const crowded = points.length > 200;
  return [
    Plot.ruleX(withInterval, { x: 'x', y1: 'low', y2: 'high', stroke: colour, clip: true }),
    Plot.dot(points, {
      x: 'x',
      y: 'y',
      symbol,
      fill: colour,
      fillOpacity: crowded ? 0.5 : 1,
      r: crowded ? 1.5 : context.theme.dotRadius,
      clip: true,
    }),
  ];
}

/** Separate points coloured by their values. */
export function pointsMark(mark: Of<'points'>, context: MarkContext): Plot.Markish[] {
  const extent = valueExtent(mark);
  if (extent === undefined) return [];
  const colours = valueColours(mark, extent);
  const points = Array.from(mark.x, (x, i) => ({
    x: gapped(x, context.x),
    y: gapped(mark.y[i], context.y),
    fill: colours[i] ?? 'none',
  })).filter(({ x, y }) => !Number.isNaN(x) && !Number.isNaN(y));
  const r = points.length > 200 ? 2 : context.theme.dotRadius;
  return [Plot.dot(points, { x: 'x', y: 'y', fill: 'fill', fillOpacity: 0.85, r, clip: true })];
}

/** A shaded interval around a curve. */
export function bandMark(mark: Of<'band'>, context: MarkContext): Plot.Markish[] {
  const points = Array.from(mark.x, (x, i) => ({
    x: gapped(x, context.x),
    low: gapped(mark.low[i], context.y),
    high: gapped(mark.high[i], context.y),
  }));
  const fill = context.style(mark.series).colour;
  return [
    Plot.areaY(points, { x: 'x', y1: 'low', y2: 'high', fill, fillOpacity: 0.18, clip: true }),
  ];
}

/** Bars from zero. */
export function barsMark(mark: Of<'bars'>, context: MarkContext): Plot.Markish[] {
  // A logarithmic axis has no zero: bars start at its lower end.
  const floor = context.y.scale === 'log' ? context.extent.y[0] : 0;
  const bars = Array.from(mark.x0, (x0, i) => ({
    x0: gapped(x0, context.x),
    x1: gapped(mark.x1[i], context.x),
    y0: floor,
    y: gapped(mark.y[i], context.y),
  })).filter(({ x0, x1, y }) => ![x0, x1, y].some(Number.isNaN));
  const fill = context.style(mark.series).colour;
  return [
    Plot.rect(bars, {
      x1: 'x0',
      x2: 'x1',
      y1: 'y0',
      y2: 'y',
      fill,
      fillOpacity: 0.65,
      stroke: 'white',
      strokeWidth: 0.5,
      clip: true,
    }),
  ];
}
