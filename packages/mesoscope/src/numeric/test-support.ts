import { expect } from 'vitest';
import { type Spectrum, singularValueDecomposition } from './decompositions.ts';
import {
  add,
  frobeniusNorm,
  fromRows,
  type Matrix,
  multiply,
  subtract,
  transpose,
} from './matrix.ts';
import type { ComplexMatrix } from './schur.ts';
import { spectrumDistance } from './spectrum.ts';

/** Compares what a function gives with the value of a row. */
export type Judge = (given: readonly unknown[], value: unknown) => unknown;

export const epsilon = 2 ** -52;

/** Numbers below 2⁻¹⁰²² have fewer digits. */
export function near(found: number, exact: number, error: number): void {
  if (found === exact) return;
  expect(Math.abs(found - exact), `${found} for ${exact}`).toBeLessThanOrEqual(error + 5e-324);
}

export const relative = (found: number, exact: number, share = 1e-12) =>
  near(found, exact, share * Math.abs(exact));

/** Entries, to the given share of the largest one. */
export function nearAll(found: ArrayLike<number>, exact: readonly number[], share: number): void {
  expect(found.length).toBe(exact.length);
  const size = Math.max(...exact.map(Math.abs));
  exact.forEach((entry, i) => {
    near(found[i], entry, share * size);
  });
}

export const matrix = (rows: unknown): Matrix => fromRows(rows as number[][]);
export const rowsOf = (value: unknown) => value as number[][];
export const numbers = (value: unknown) => value as number[];
export const nearMatrix = (found: Matrix, value: unknown, share: number) => {
  nearAll(found.data, rowsOf(value).flat(), share);
};

/** A function of numbers, to 1e-12. */
export const scalar =
  (f: (...x: number[]) => number, share?: number): Judge =>
  (given, value) =>
    relative(f(...(given as number[])), value as number, share);

/** A function of matrices (those of the arguments that are lists of lists) whose value is one, to a share of its largest entry. */
export const ofMatrices =
  (f: (...x: never[]) => Matrix, share: (...x: never[]) => number = () => 10 * epsilon): Judge =>
  (given, value) => {
    const known = given.map((x) => (Array.isArray(x) && Array.isArray(x[0]) ? matrix(x) : x));
    nearMatrix(f(...(known as never[])), value, share(...(known as never[])));
  };

/** `20 κ₂ 2⁻⁵²`, κ from the singular values, to a digit. */
export const byCondition = (a: Matrix) => {
  const { values } = singularValueDecomposition(a);
  return (20 * epsilon * values[0]) / Math.max(values[values.length - 1], epsilon * values[0]);
};

/** `{ lower, upper }`: the smaller one to 1e-12, the other to rounding. */
export const parts =
  (f: (...x: number[]) => { lower: number; upper: number }): Judge =>
  (given, value) => {
    const found = f(...(given as number[]));
    const exact = value as typeof found;
    relative(found.lower, exact.lower);
    relative(found.upper, exact.upper);
  };

/** Ends of an interval, to 1e-11 of the larger one. */
export function nearInterval(
  found: readonly number[] | null,
  exact: readonly number[] | null,
): void {
  if (found === null || exact === null) expect(found).toBe(exact);
  else nearAll(found, exact, 1e-11);
}

export function nearSpectrum(found: Spectrum, value: unknown, a: Matrix): void {
  const exact = value as Spectrum & { readonly condition: number };
  const list = {
    real: Float64Array.from(exact.real),
    imaginary: Float64Array.from(exact.imaginary),
  };
  const bound = 20 * a.rows * epsilon * frobeniusNorm(a) * exact.condition;
  expect(spectrumDistance(list, found)).toBeLessThan(bound);
}

/** `|A − QTQᴴ|`, in size of A. */
export function schurResidual({ Q, T }: { Q: ComplexMatrix; T: ComplexMatrix }, a: Matrix): number {
  const n = a.rows;
  const part = (data: Float64Array): Matrix => ({ rows: n, columns: n, data });
  const [qr, qi, tr, ti] = [Q.real, Q.imaginary, T.real, T.imaginary].map(part);
  const [real, imaginary] = [
    subtract(multiply(qr, tr), multiply(qi, ti)),
    add(multiply(qr, ti), multiply(qi, tr)),
  ];
  const back = add(multiply(real, transpose(qr)), multiply(imaginary, transpose(qi)));
  return frobeniusNorm(subtract(back, a)) / frobeniusNorm(a);
}
