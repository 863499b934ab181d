import * as Plot from '@observablehq/plot';
import type { Mark } from 'mesoscope/claims';
import { drawable, gapped } from '../axis.ts';
import { referenceGrey } from '../palette.ts';
import { textWidth } from '../text.ts';
import { type Frame, type MarkContext, type Point, shareAlong, type WordShift } from './context.ts';

type Of<K extends Mark['kind']> = Extract<Mark, { kind: K }>;

const dashed = { stroke: referenceGrey, strokeDasharray: '6 4', strokeWidth: 1.25 };
const words = { fill: referenceGrey, stroke: 'white', strokeWidth: 4, fontSize: 12 };

/** A dashed grey line with its words beside its end. */
export function referenceMark(mark: Of<'reference'>, context: MarkContext): Plot.Markish[] {
  const points = Array.from(mark.x, (x, i) => ({
    x: gapped(x, context.x),
    y: gapped(mark.y[i], context.y),
  }));
  const line = Plot.line(points, { x: 'x', y: 'y', ...dashed, clip: true });
  const end = referenceEnd(mark, context);
  if (end === undefined) return [line];
  const { dx, dy } = context.wordShifts.get(mark) ?? { dx: 0, dy: 0 };
  const text = () => mark.label;
  return [line, Plot.text([end], { x: 'x', y: 'y', text, ...words, textAnchor: 'start', dx, dy })];
}

/** The drawable point of a reference that lies furthest right. */
export function referenceEnd(
  mark: Of<'reference'>,
  context: Pick<Frame, 'x' | 'y'>,
): Point | undefined {
  const drawn = Array.from(mark.x, (x, i) => ({ x, y: mark.y[i] })).filter(
    ({ x, y }) => drawable(x, context.x) && drawable(y, context.y),
  );
  return drawn.length === 0 ? undefined : drawn.reduce((a, b) => (b.x > a.x ? b : a));
}

/** Pixels that words and a frame keep from each other. */
const gap = 7;

/** References that end this far along the axis have their words outside the frame. */
const outside = 0.85;

/** Room that a figure needs on its right for the words of references that end there. */
export function roomForWords(references: readonly Of<'reference'>[], frame: Frame): number {
  const widths = references
    .filter((mark) => endShare(mark, frame) > outside)
    .map((mark) => textWidth(mark.label, 12) + 2 * gap);
  return Math.max(0, ...widths);
}

function endShare(mark: Of<'reference'>, { x, y, extent }: Frame): number {
  const end = referenceEnd(mark, { x, y });
  return end === undefined ? 0 : shareAlong(end.x, x, extent.x);
}

/**
 * Where the words of each reference stand, in pixels from its end: to its right, outside the frame if it ends near
 * it, and moved down so that no two lie on each other.
 */
export function wordShifts(
  references: readonly Of<'reference'>[],
  frame: Frame,
  size: { readonly width: number; readonly height: number },
): Map<Of<'reference'>, WordShift> {
  const spacing = 15;
  // Words that stand inside do not lie on the frame.
  const clear = 10;
  const places = references
    .flatMap((mark) => {
      const end = referenceEnd(mark, frame);
      if (end === undefined) return [];
      return [{ mark, at: (1 - shareAlong(end.y, frame.y, frame.extent.y)) * size.height }];
    })
    .sort((a, b) => a.at - b.at);
  let free = Number.NEGATIVE_INFINITY;
  return new Map(
    places.map(({ mark, at }) => {
      const placed = Math.max(Math.min(at, size.height - clear), clear, free);
      free = placed + spacing;
      const share = endShare(mark, frame);
      const dx = share > outside ? (1 - share) * size.width + gap : gap;
      return [mark, { dx, dy: placed - at }];
    }),
  );
}

/** A dashed line across the whole figure, with its words. */
export function ruleMark(mark: Of<'rule'>, context: MarkContext): Plot.Markish[] {
  const axis = context[mark.axis];
  if (!drawable(mark.at, axis)) return [];
  const text = () => mark.label;
  if (mark.axis === 'y') {
    const { anchor, dy } = clearPlace(mark, context);
    return [
      Plot.ruleY([mark.at], dashed),
      Plot.text([mark.at], {
        y: (at: number) => at,
        frameAnchor: anchor,
        text,
        ...words,
        textAnchor: anchor === 'left' ? 'start' : 'end',
        dx: anchor === 'left' ? 6 : -6,
        dy,
      }),
    ];
  }
  const onTheRight = shareAlong(mark.at, axis, context.extent.x) > 0.6;
  return [
    Plot.ruleX([mark.at], dashed),
    Plot.text([mark.at], {
      x: (at: number) => at,
      frameAnchor: 'top',
      text,
      ...words,
      textAnchor: onTheRight ? 'end' : 'start',
      dx: onTheRight ? -6 : 6,
      dy: 10,
    }),
  ];
}

/** Where the words of a horizontal rule stand: right or left, below or above it, wherever fewest curves pass. */
function clearPlace(
  mark: Of<'rule'>,
  context: MarkContext,
): { readonly anchor: 'left' | 'right'; readonly dy: number } {
  const { width, height } = context.size;
  const at = (1 - shareAlong(mark.at, context.y, context.extent.y)) * height;
  const wide = textWidth(mark.label, 12) + 12;
  const points = context.marks.flatMap((other) => pixelsAlong(other, context));
  const places = (['right', 'left'] as const).flatMap((anchor) =>
    [11, -9].map((dy) => {
      const middle = at + dy;
      const from = anchor === 'left' ? 0 : width - wide;
      const covered = points.filter(
        ({ x, y }) => x >= from && x <= from + wide && Math.abs(y - middle) < 9,
      ).length;
      const outside = middle < 8 || middle > height - 8;
      return { anchor, dy, cost: covered + (outside ? 1e6 : 0) };
    }),
  );
  return places.reduce((best, place) => (place.cost < best.cost ? place : best));
}

/** Places that a curve passes in the frame, in pixels from its upper left corner. */
function pixelsAlong(mark: Mark, { x, y, extent, size }: MarkContext): Point[] {
  if (mark.kind !== 'line' && mark.kind !== 'dots' && mark.kind !== 'reference') return [];
  const corners = Array.from(mark.x, (value, i) => ({
    x: shareAlong(value, x, extent.x) * size.width,
    y: (1 - shareAlong(mark.y[i], y, extent.y)) * size.height,
  })).filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y));
  const between = mark.kind === 'dots' ? 1 : 24;
  return corners.flatMap((corner, i) => {
    const next = corners[i + 1] ?? corner;
    return Array.from({ length: between }, (_, k) => ({
      x: corner.x + (k / between) * (next.x - corner.x),
      y: corner.y + (k / between) * (next.y - corner.y),
    }));
  });
}
