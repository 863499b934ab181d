import type { Axis, Mark } from 'mesoscope/claims';
import type { Extent } from '../axis.ts';
import type { SeriesStyle } from '../palette.ts';
import type { Theme } from '../theme.ts';

/** The axes of a figure and what they span. */
export interface Frame {
  readonly x: Axis;
  readonly y: Axis;
  readonly extent: { readonly x: Extent; readonly y: Extent };
}

/** Where words stand beside their point, in pixels to the right and down. */
export interface WordShift {
  readonly dx: number;
  readonly dy: number;
}

/** What a mark must know of its figure. */
export interface MarkContext extends Frame {
  readonly theme: Theme;
  /** Of the frame. */
  readonly size: { readonly width: number; readonly height: number };
  /** Everything that is drawn. */
  readonly marks: readonly Mark[];
  style(series: string): SeriesStyle;
  /** Where the words of each reference stand. */
  readonly wordShifts: ReadonlyMap<Mark, WordShift>;
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
