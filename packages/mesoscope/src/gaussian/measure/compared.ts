/** Two computations of one thing: their difference, what rounding and step errors can make of it, and its size. */
export interface Compared {
  readonly difference: number;
  readonly uncertainty: number;
  readonly scale: number;
}

/** The largest difference, relative to the size of what is compared; 0 for none. */
export function largestDifference(all: readonly Compared[]): number {
  return Math.max(0, ...all.map(({ difference, scale }) => difference / scale));
}
