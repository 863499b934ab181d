import type { Axis, Mark } from 'mesoscope/claims';
import type { Extent } from './axis.ts';

/** What is said of bounds that lie far above the frame, or leave it: how far. */
export function farBoundWords(far: Iterable<Mark>, [, top]: Extent): string[] {
  return [...far].flatMap((mark) => {
    if (mark.kind !== 'line') return [];
    const values = Array.from(mark.y).filter((value) => value > 0);
    const decadesOf = (value: number) => Math.floor(Math.log10(value / top));
    const least = values.reduce((a, b) => Math.min(a, b));
    const most = values.reduce((a, b) => Math.max(a, b));
    const words =
      least > top
        ? `${decadesOf(least)} or more decades above`
        : `up to ${counted(Math.max(1, decadesOf(most)))} above`;
    return [`↑ ${mark.series}: ${words}`];
  });
}

const counted = (decades: number) => (decades === 1 ? '1 decade' : `${decades} decades`);

/** The upper corner for these words: away from where such bounds are within the frame. */
export function farBoundCorner(
  far: Iterable<Mark>,
  axis: Axis,
  { x: [left, right], y: [, top] }: { readonly x: Extent; readonly y: Extent },
): 'top-left' | 'top-right' {
  const place = (x: number) => (axis.scale === 'log' ? Math.log(x) : x);
  const seen = [...far].flatMap((mark) =>
    mark.kind === 'line' ? Array.from(mark.x).filter((_, i) => mark.y[i] <= top) : [],
  );
  const middle = seen.reduce((sum, x) => sum + place(x), 0) / seen.length;
  return middle > (place(left) + place(right)) / 2 ? 'top-left' : 'top-right';
}
