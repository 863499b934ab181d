import type { FloatArray } from '../kernels/backend.ts';
import { refuse, shapeMismatch } from '../numeric/checks.ts';
import { largestMagnitude } from '../numeric/vector.ts';

export interface FiniteDifferenceOptions {
  /** First step, in units of the direction; default `0.05·max(1, |x|_∞)/|direction|_∞`. */
  readonly step?: number;
  /** The most halvings of the step; default 8. */
  readonly halvings?: number;
}

/** A derivative by finite differences and the size of its error as far as the differences can tell. */
export interface FiniteDifference {
  readonly derivative: number;
  readonly error: number;
}

/**
 * `d/dτ value(x + τ·direction)` at τ = 0 by central differences with halved steps, extrapolated to step 0 (Ridders,
 * Adv. Eng. Softw. 4, 1982): stops when rounding overtakes truncation and returns the estimate whose neighbours in
 * the extrapolation table agree best.
 *
 * @param value reads x where it lies; x is changed in place and restored bitwise.
 * @param direction the same length as x, not zero.
 * @throws MesoscopeError `shape-mismatch`, `invalid-value`
 */
export function directionalDerivative(
  value: () => number,
  x: FloatArray,
  direction: ArrayLike<number>,
  options: FiniteDifferenceOptions = {},
): FiniteDifference {
  if (direction.length !== x.length) {
    throw shapeMismatch('direction', [direction.length], [x.length]);
  }
  const length = largestMagnitude(direction);
  if (!(length > 0)) {
    refuse('direction', length, 'a direction that is not zero');
  }
  const saved = x.slice();
  const difference = (step: number): number => {
    const at = (tau: number): number => {
      for (let i = 0; i < x.length; i++) x[i] = saved[i] + tau * direction[i];
      return value();
    };
    return (at(step) - at(-step)) / (2 * step);
  };
  try {
    const first = options.step ?? (0.05 * Math.max(1, largestMagnitude(saved))) / length;
    return extrapolate(difference, first, options.halvings ?? 8);
  } finally {
    x.set(saved);
  }
}

/**
 * The gradient of `value` in every entry of x by {@link directionalDerivative} along the axes: 2·halvings evaluations an
 * entry at most.
 *
 * @param value reads x where it lies; x is changed in place and restored bitwise.
 */
export function finiteDifferenceGradient(
  value: () => number,
  x: FloatArray,
  options: FiniteDifferenceOptions = {},
): Float64Array {
  const axis = new Float64Array(x.length);
  return Float64Array.from({ length: x.length }, (_, i) => {
    axis.fill(0);
    axis[i] = 1;
    return directionalDerivative(value, x, axis, options).derivative;
  });
}

function extrapolate(
  difference: (step: number) => number,
  first: number,
  halvings: number,
): FiniteDifference {
  let row = [difference(first)];
  let best: FiniteDifference = { derivative: row[0], error: Number.POSITIVE_INFINITY };
  for (let i = 1; i <= halvings; i++) {
    const next = [difference(first / 2 ** i)];
    for (let j = 1; j <= i; j++) {
      const factor = 4 ** j;
      next.push((factor * next[j - 1] - row[j - 1]) / (factor - 1));
      const error = Math.max(Math.abs(next[j] - next[j - 1]), Math.abs(next[j] - row[j - 1]));
      if (error <= best.error) best = { derivative: next[j], error };
    }
    // Higher orders have turned worse: from here on rounding grows with every halving.
    if (Math.abs(next[i] - row[i - 1]) >= 2 * best.error) break;
    row = next;
  }
  return best;
}
