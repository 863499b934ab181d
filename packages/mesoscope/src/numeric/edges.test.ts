import { describe, expect, it } from 'vitest';
import {
  cholesky,
  eigenvalues,
  inverse,
  luFactors,
  qrDecomposition,
  singularValueDecomposition,
  solve,
  symmetricEigen,
} from './decompositions.ts';
import {
  betaQuantile,
  chiSquareUpperTail,
  normalQuantile,
  normalUpperTail,
  studentQuantile,
  studentUpperTail,
} from './distributions.ts';
import { binomialInterval, fitLine, fitRate, meanInterval } from './fit.ts';
import { frobeniusNorm, fromRows, identity, type Matrix, zeros } from './matrix.ts';
import { exponentialIntegral, matrixExponential } from './matrix-functions.ts';
import { principalLogarithm, principalSquareRoot } from './principal-logarithm.ts';
import { schurForm } from './schur.ts';
import { norm } from './vector.ts';

const withNaN: Matrix = { rows: 2, columns: 2, data: Float64Array.of(1, Number.NaN, 0, 1) };

it('the normal quantile is Student’s at infinitely many degrees', () => {
  expect(studentQuantile(0.975, Number.POSITIVE_INFINITY)).toBe(normalQuantile(0.975));
});

it('arguments that make no sense are refused', () => {
  expect(() => normalUpperTail(Number.NaN)).toThrow(/z/);
  expect(() => chiSquareUpperTail(1, Number.POSITIVE_INFINITY)).toThrow(/degrees/);
  expect(() => studentUpperTail(1, 0)).toThrow(/degrees/);
  expect(() => betaQuantile(0.5, 0, 1)).toThrow(/a/);
  for (const outside of [0, 1, -1, Number.NaN]) {
    expect(() => normalQuantile(outside)).toThrow(/probability/);
    expect(() => studentQuantile(outside, 3)).toThrow(/probability/);
  }
  expect(() => binomialInterval(4, 3)).toThrow(/successes/);
});

describe('matrices with a NaN are refused', () => {
  it.each<[string, (a: Matrix) => unknown]>([
    ['symmetricEigen', symmetricEigen],
    ['eigenvalues', eigenvalues],
    ['singularValueDecomposition', singularValueDecomposition],
    ['qrDecomposition', qrDecomposition],
    ['cholesky', cholesky],
    ['solve', (a) => solve(a, identity(2))],
    ['inverse', inverse],
    ['schurForm', schurForm],
    ['matrixExponential', matrixExponential],
    ['exponentialIntegral', (a) => exponentialIntegral(a, identity(2), 1)],
    ['principalLogarithm', principalLogarithm],
    ['principalSquareRoot', principalSquareRoot],
  ])('%s', (_, f) => {
    expect(() => f(withNaN)).toThrow(/entry 1 is NaN; every number must be finite/);
  });
});

it('singular matrices are refused, or answered with nothing', () => {
  const singular = fromRows([
    [1, 2],
    [2, 4],
  ]);
  for (const a of [singular, zeros(2, 2)]) {
    expect(() => solve(a, identity(2))).toThrow(/regular/);
    expect(luFactors(a)).toBeUndefined();
    expect(() => cholesky(a)).toThrow(/positive definite/);
    expect(() => principalLogarithm(a)).toThrow(/no eigenvalue on/);
  }
});

it('fits on data without spread are refused, and those with little are right', () => {
  const equal = Array(1000).fill(0.0125);
  expect(() => fitLine(equal, equal)).toThrow(/at least two different values/);
  expect(() => fitRate({ x: [8, 8, 8], y: [[1, 2, 3]] })).toThrow(/at least two different values/);
  expect(meanInterval(equal)).toEqual({ mean: 0.0125, deviation: 0, interval: [0.0125, 0.0125] });
  const x = Array.from({ length: 100 }, (_, i) => 1e15 + i);
  const fit = fitLine(
    x,
    x.map((_, i) => 3 * i),
  );
  expect(fit.slope).toBeCloseTo(3, 12);
});

it('norms neither overflow nor vanish', () => {
  expect(norm([3e200, 4e200]) / 5e200).toBeCloseTo(1, 15);
  expect(norm([3e-200, 4e-200]) / 5e-200).toBeCloseTo(1, 15);
  expect(norm([])).toBe(0);
  for (const [entry, size] of [
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [Number.NaN, Number.NaN],
  ]) {
    expect(norm([1, entry])).toBe(size);
    expect(frobeniusNorm({ rows: 1, columns: 2, data: Float64Array.of(1, entry) })).toBe(size);
  }
});
