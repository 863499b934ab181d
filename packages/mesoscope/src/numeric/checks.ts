import { MesoscopeError } from '../errors.ts';

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

/** The error for a wrong number of entries, rows or columns. */
export function shapeMismatch(
  path: string,
  received: readonly number[],
  expected: readonly (number | string)[],
): MesoscopeError {
  return new MesoscopeError({ code: 'shape-mismatch', path, received, expected });
}
