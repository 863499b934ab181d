import { MesoscopeError } from '../errors.ts';

/**
 * Refuses what does not meet a condition.
 *
 * @param expected - a phrase that continues "expected …"
 * @throws MesoscopeError `invalid-value`
 */
export function requireThat(
  condition: boolean,
  path: string,
  received: unknown,
  expected: string,
  wayOut?: string,
): asserts condition {
  if (!condition) refuse(path, received, expected, wayOut);
}

/**
 * Refuses a value.
 *
 * @param expected - a phrase that continues "expected …"
 * @throws MesoscopeError `invalid-value`
 */
export function refuse(path: string, received: unknown, expected: string, wayOut?: string): never {
  throw new MesoscopeError({ code: 'invalid-value', path, received, expected, wayOut });
}

/**
 * Refuses an array that holds NaN or an infinity.
 *
 * @throws MesoscopeError `not-finite`, naming the first such entry
 */
export function requireFinite(path: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new MesoscopeError({ code: 'not-finite', path, index: i, received: values[i] });
    }
  }
}

/**
 * Refuses another number of entries, rows or columns than expected; where words stand in place of a number, any.
 *
 * @throws MesoscopeError `shape-mismatch`
 */
export function requireShape(
  path: string,
  received: readonly number[],
  expected: readonly (number | string)[],
): void {
  const fits =
    received.length === expected.length &&
    expected.every((size, axis) => typeof size === 'string' || size === received[axis]);
  if (!fits) throw shapeMismatch(path, received, expected);
}

/** Refuses what is not a finite number > 0. */
export function requirePositive(path: string, received: number): void {
  const fits = received > 0 && received < Number.POSITIVE_INFINITY;
  requireThat(fits, path, received, 'a finite number > 0');
}

/** Refuses what is not a whole number of at least `least`. */
export function requireCount(path: string, received: number, least = 1): void {
  const fits = Number.isInteger(received) && received >= least;
  requireThat(fits, path, received, `a whole number ≥ ${least}`);
}

/** The error for a wrong number of entries, rows or columns. */
export function shapeMismatch(
  path: string,
  received: readonly number[],
  expected: readonly (number | string)[],
): MesoscopeError {
  return new MesoscopeError({ code: 'shape-mismatch', path, received, expected });
}
