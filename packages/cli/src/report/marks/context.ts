import type { Axis, Mark } from 'mesoscope';
import type { Extent } from '../axis.ts';
import type { SeriesStyle } from '../palette.ts';

/** What a mark must know of its figure. */
export interface MarkContext {
  readonly x: Axis;
  readonly y: Axis;
  readonly extent: { readonly x: Extent; readonly y: Extent };
  style(series: string): SeriesStyle;
  /** Pixels by which the words of a reference move down to be clear of others. */
  readonly labelShifts: ReadonlyMap<Mark, number>;
}

/** One drawn point. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The share of the way along an axis at which a value lies. */
export function shareAlong(value: number, axis: Axis, [low, high]: Extent): number {
  return axis.scale === 'log'
    ? Math.log(value / low) / Math.log(high / low)
    : (value - low) / (high - low);
}
