import { MesoscopeError } from '../errors.ts';
import { refuse } from '../numeric/checks.ts';

/** Refuses `value` unless it is an integer ≥ 1. @throws MesoscopeError `invalid-value` */
export function requireCount(path: string, value: number | undefined): asserts value is number {
  if (value === undefined || !Number.isInteger(value) || value < 1) {
    refuse(path, value, 'an integer ≥ 1');
  }
}

/** Refuses `value` unless it is finite and > 0. @throws MesoscopeError `invalid-value` */
export function requirePositive(path: string, received: number): void {
  if (received > 0 && Number.isFinite(received)) return;
  const expected = 'a finite number > 0';
  refuse(path, received, expected);
}

/** Refuses a name outside the list, with the nearest one in it. @throws MesoscopeError `unknown-name` */
export function requireName(kind: string, received: string, known: readonly string[]): void {
  if (!known.includes(received)) {
    throw new MesoscopeError({ code: 'unknown-name', kind, received, known });
  }
}
