import type { Mark } from 'mesoscope/claims';
import type { Extent } from './axis.ts';

/** What is said of bounds that lie far above the frame: how far. */
export function farBoundWords(far: Iterable<Mark>, [, top]: Extent): string[] {
  return [...far].flatMap((mark) => {
    if (mark.kind !== 'line') return [];
    const least = Array.from(mark.y)
      .filter((value) => value > 0)
      .reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const decades = Math.floor(Math.log10(least / top));
    return [`↑ ${mark.series}: ${decades} or more decades above`];
  });
}
