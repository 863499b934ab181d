import { expect, it } from 'vitest';
import type { NumberType, StoredArray } from './arrays.ts';
import { settleRounding } from './rounding.ts';

function array(type: NumberType, shape: number[], ...values: readonly number[]): StoredArray {
  return { shape, type, data: Float64Array.from(values) };
}

const inSingle = [0.564, 0.126, 0.31].map(Math.fround);

it('divides weights of single precision by their sum, and says so', () => {
  const { arrays, notes } = settleRounding({ 'law.weights': array('float32', [3], ...inSingle) });
  const [a, b, c] = arrays['law.weights'].data as Float64Array;
  expect(Math.abs(a + b + c - 1)).toBeLessThanOrEqual(2 ** -52);
  expect(notes).toHaveLength(1);
  expect(notes[0]).toMatch(
    /^law\.weights \(float32 of shape 3\): the sum 1 [+−] .* was divided out/,
  );
});

it.each([
  ['the same numbers in double precision', array('float64', [3], ...inSingle)],
  ['a sum that rounding does not explain', array('float32', [2], 0.5, 0.5001)],
  ['weights that are exact', array('float32', [2], 0.5, 0.5)],
])('leaves %s as they are', (_, weights) => {
  const before = { weights };
  expect(settleRounding(before)).toEqual({ arrays: before, notes: [] });
});

it('divides the scalar weights of a mixture together', () => {
  const third = Math.fround(1 / 3);
  const given = Object.fromEntries(
    [0, 1, 2].map((k) => [`law.mixture.${k}.weight`, array('float32', [], third)]),
  );
  const { arrays, notes } = settleRounding(given);
  const sum = Object.values(arrays).reduce((total, { data }) => total + Number(data[0]), 0);
  expect(Math.abs(sum - 1)).toBeLessThanOrEqual(2 ** -52);
  expect(notes).toHaveLength(3);
});

it('makes a covariance of rank 1 in single precision positive semi-definite', () => {
  const v = [0.3, -1.7, 0.9];
  const entries = v.flatMap((x) => v.map((y) => Math.fround(x * y)));
  const { arrays, notes } = settleRounding({ covariance: array('float32', [3, 3], ...entries) });
  expect(notes[0]).toContain('least eigenvalue');
  const data = arrays.covariance.data as Float64Array;
  data.forEach((x, i) => {
    expect(Math.abs(x - entries[i])).toBeLessThan(1e-6);
  });
  // All 2 × 2 principal minors are ≥ 0 up to the rounding of f64.
  expect(data[0] * data[4] - data[1] ** 2).toBeGreaterThan(-1e-14);
});

it('leaves a matrix that is indefinite or skew by more than rounding to the law', () => {
  const indefinite = { covariance: array('float32', [2, 2], 1, 0, 0, -1e-3) };
  expect(settleRounding(indefinite).notes).toEqual([]);
  const skew = { covariance: array('float32', [2, 2], 1, 0.1, 0, 1) };
  expect(settleRounding(skew).notes).toEqual([]);
});
