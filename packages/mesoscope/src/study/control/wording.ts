import type { Interval } from '../../numeric/fit.ts';

/** `x [low, high]`. */
export function withInterval(
  x: number,
  interval: Interval | null,
  show: (x: number) => string,
): string {
  return interval === null ? show(x) : `${show(x)} [${show(interval[0])}, ${show(interval[1])}]`;
}

export const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
export const nats = (x: number) => x.toFixed(3);
export const times = (x: number) => `${x.toFixed(2)}×`;
export const short = (x: number) => x.toExponential(2);
