import * as Plot from '@observablehq/plot';
import type { Mark } from 'mesoscope';
import { drawable, gapped } from '../axis.ts';
import { referenceGrey } from '../palette.ts';
import { type MarkContext, type Point, shareAlong } from './context.ts';

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
  const shift = context.labelShifts.get(mark) ?? 0;
  const label = Plot.text([end], {
    ...{ x: 'x', y: 'y', text: () => mark.label },
    ...words,
    textAnchor: 'start',
    dx: 7,
    dy: shift,
  });
  return [line, label];
}

/** The drawable point of a reference that lies furthest right. */
export function referenceEnd(
  mark: Of<'reference'>,
  context: Pick<MarkContext, 'x' | 'y'>,
): Point | undefined {
  const drawn = Array.from(mark.x, (x, i) => ({ x, y: mark.y[i] })).filter(
    ({ x, y }) => drawable(x, context.x) && drawable(y, context.y),
  );
  return drawn.length === 0 ? undefined : drawn.reduce((a, b) => (b.x > a.x ? b : a));
}

/**
 * How far down (in pixels) the words of each reference move so that no two lie on each other in a plot of this
 * height.
 */
export function labelShifts(
  references: readonly Of<'reference'>[],
  context: Pick<MarkContext, 'x' | 'y' | 'extent'>,
  height: number,
): Map<Of<'reference'>, number> {
  const spacing = 15;
  const places = references
    .flatMap((mark) => {
      const end = referenceEnd(mark, context);
      if (end === undefined) return [];
      return [{ mark, at: (1 - shareAlong(end.y, context.y, context.extent.y)) * height }];
    })
    .sort((a, b) => a.at - b.at);
  let free = Number.NEGATIVE_INFINITY;
  return new Map(
    places.map(({ mark, at }) => {
      const placed = Math.max(at, free);
      free = placed + spacing;
      return [mark, placed - at];
    }),
  );
}

/** A dashed line across the whole figure, with its words. */
export function ruleMark(mark: Of<'rule'>, context: MarkContext): Plot.Markish[] {
  const axis = context[mark.axis];
  if (!drawable(mark.at, axis)) return [];
  const text = () => mark.label;
  if (mark.axis === 'y') {
    const low = shareAlong(mark.at, axis, context.extent.y) < 0.1;
    return [
      Plot.ruleY([mark.at], dashed),
      Plot.text([mark.at], {
        ...{ y: (at: number) => at, frameAnchor: 'right', textAnchor: 'end', text },
        ...words,
        dx: -6,
        dy: low ? -9 : 11,
      }),
    ];
  }
  const onTheRight = shareAlong(mark.at, axis, context.extent.x) > 0.6;
  return [
    Plot.ruleX([mark.at], dashed),
    Plot.text([mark.at], {
      ...{ x: (at: number) => at, frameAnchor: 'top', text },
      ...words,
      textAnchor: onTheRight ? 'end' : 'start',
      dx: onTheRight ? -6 : 6,
      dy: 10,
    }),
  ];
}
