import type { Interval } from '../../numeric/fit.ts';
import { fitOrder, type OrderFit } from '../convergence-order.ts';

/** A fitted order beside the expected one. */
export interface OrderCheck extends OrderFit {
  readonly name: string;
  readonly expected: number;
  /** The interval contains the expected order. */
  readonly agrees: boolean;
  /** The interval excludes the neighbouring orders, `expected ± 1/2`: so wide an interval could not have failed. */
  readonly resolved: boolean;
}

/**
 * Fits an order by {@link fitOrder} and compares it with the one expected. Quantities `C x^order (1 + c/x + …)` have local
 * slopes `order − c/x`, so that the finer half of the scales lies closer to the order: this is what an expansion in 1/N or in η says
 * of every quantity fitted here, whatever the noise. Noise is answered by more draws, not by coarser scales.
 *
 * @param rows - one row over x for each independent group of draws
 */
export function checkOrder(
  name: string,
  expected: number,
  x: readonly number[],
  rows: readonly (readonly number[])[],
): OrderCheck {
  const fit = fitOrder({ x, y: rows });
  return {
    ...fit,
    name,
    expected,
    agrees: contains(fit.interval, expected),
    resolved: !contains(fit.interval, expected - 0.5) && !contains(fit.interval, expected + 0.5),
  };
}

/** Whether an interval contains a value. */
export function contains([low, high]: Interval, value: number): boolean {
  return low <= value && value <= high;
}

/** Whether a logarithm can be taken of all values. */
export function arePositive(rows: readonly (readonly number[])[]): boolean {
  return rows.flat().every((value) => value > 0 && Number.isFinite(value));
}
