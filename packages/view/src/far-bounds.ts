import type { Mark } from 'mesoscope/claims';
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
        : `up to ${Math.max(1, decadesOf(most))} decades above`;
    return [`↑ ${mark.series}: ${words}`];
  });
}
