import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inverse, symmetricEigen } from './decompositions.ts';
import {
  betaQuantile,
  chiSquareUpperTail,
  normalQuantile,
  normalUpperTail,
  studentQuantile,
  studentUpperTail,
} from './distributions.ts';
import { fitLine, meanInterval } from './fit.ts';
import { fromRows, type Matrix, oneNorm } from './matrix.ts';
import { solveLyapunov } from './matrix-equations.ts';
import { matrixExponential } from './matrix-functions.ts';
import {
  logarithmCondition,
  principalLogarithm,
  principalSquareRoot,
  squareRootCondition,
} from './principal-logarithm.ts';
import { norm } from './vector.ts';

interface ScalarRow {
  readonly arguments: readonly (number | 'inf')[];
  readonly value: number;
}
interface MatrixRow {
  readonly matrix: number[][];
  readonly value: number[][];
}

/** Made by `bench/peers/extremes.py` in 60 digits. */
const oracle = JSON.parse(
  readFileSync(new URL('./extremes.oracle.json', import.meta.url), 'utf8'),
) as Record<string, (ScalarRow | MatrixRow)[]>;
const scalars = (name: string) => oracle[name] as ScalarRow[];
const matrices = (name: string) => oracle[name] as MatrixRow[];

const functions: Record<string, (...x: number[]) => number> = {
  normalUpperTail,
  chiSquareUpperTail,
  studentUpperTail,
  studentQuantile,
  betaQuantile,
};

describe.each(Object.entries(functions))('%s', (name, f) => {
  it.each(scalars(name).map((row) => [row.arguments, row.value] as const))(
    'at %j is %f to 1e-12',
    (given, value) => {
      const found = f(...given.map((x) => (x === 'inf' ? Number.POSITIVE_INFINITY : x)));
      // Numbers below 2⁻¹⁰²² have fewer digits.
      expect(Math.abs(found - value)).toBeLessThanOrEqual(1e-12 * Math.abs(value) + 5e-324);
    },
  );
});

/** Largest error of an entry, relative to the largest entry. */
function relativeError(found: Matrix, exact: number[][]): number {
  const flat = exact.flat();
  const size = Math.max(...flat.map(Math.abs));
  return Math.max(...flat.map((x, i) => Math.abs(found.data[i] - x))) / size;
}

describe('matrices', () => {
  const cases = (name: string) =>
    matrices(name).map((row) => [fromRows(row.matrix), row.value] as const);

  it.each(cases('matrixExponential'))('exponential %#', (a, value) => {
    // Squaring e^{A/2^s} s times multiplies its relative error by 2^s ~ |A|.
    const bound = 2 ** -52 * Math.max(100, oneNorm(a));
    expect(relativeError(matrixExponential(a), value)).toBeLessThan(bound);
  });

  it.each(cases('inverse'))('inverse %#', (a, value) => {
    const condition = norm(a.data) * norm(value.flat());
    expect(relativeError(inverse(a), value)).toBeLessThan(10 * condition * 2 ** -52);
  });

  it('eigenvalues of symmetric matrices, to rounding of the largest', () => {
    for (const row of oracle.symmetricEigen as unknown as {
      matrix: number[][];
      value: number[];
    }[]) {
      const { values } = symmetricEigen(fromRows(row.matrix));
      row.value.forEach((x, i) => {
        expect(Math.abs(values[i] - x)).toBeLessThan(20 * 2 ** -52 * norm(row.matrix.flat()));
      });
    }
  });

  it.each(cases('solveLyapunov'))('Lyapunov’s equation %#', (a, value) => {
    const identity = fromRows([
      [1, 0],
      [0, 1],
    ]);
    expect(relativeError(solveLyapunov(a, identity), value)).toBeLessThan(1e-10);
  });

  it.each(cases('principalLogarithm'))('logarithm %#, within its condition', (a, value) => {
    const bound = 10 * logarithmCondition(a) * 2 ** -52;
    expect(relativeError(principalLogarithm(a), value)).toBeLessThan(Math.max(bound, 1e-14));
  });

  it.each(cases('principalSquareRoot'))('square root %#, within its condition', (a, value) => {
    const bound = 10 * squareRootCondition(a) * 2 ** -52;
    expect(relativeError(principalSquareRoot(a), value)).toBeLessThan(Math.max(bound, 1e-14));
  });
});

describe('edges', () => {
  it('the normal quantile is Student’s at infinitely many degrees', () => {
    expect(studentQuantile(0.975, Number.POSITIVE_INFINITY)).toBe(normalQuantile(0.975));
  });

  it('arguments that make no sense are refused', () => {
    expect(() => normalUpperTail(Number.NaN)).toThrow(/z/);
    expect(() => chiSquareUpperTail(1, Number.POSITIVE_INFINITY)).toThrow(/degrees/);
    expect(() => studentUpperTail(1, 0)).toThrow(/degrees/);
    expect(() => betaQuantile(0.5, 0, 1)).toThrow(/a/);
  });

  it('fits on data without spread are refused, and those with little are right', () => {
    const equal = Array(1000).fill(0.0125);
    expect(() => fitLine(equal, equal)).toThrow(/at least two different values/);
    expect(meanInterval(equal)).toEqual({ mean: 0.0125, deviation: 0, interval: [0.0125, 0.0125] });
    const x = Array.from({ length: 100 }, (_, i) => 1e15 + i);
    const fit = fitLine(
      x,
      x.map((_, i) => 3 * i),
    );
    expect(fit.slope).toBeCloseTo(3, 12);
    for (const unit of [1e-200, 1e200]) {
      const { slope, residualDeviation } = fitLine([0, unit, 2 * unit, 3 * unit], [0, 1, 1, 2]);
      expect(slope * unit).toBeCloseTo(0.6, 14);
      expect(residualDeviation).toBeCloseTo(Math.sqrt(0.1), 14);
      expect(meanInterval([unit, 3 * unit]).deviation / unit).toBeCloseTo(Math.SQRT2, 14);
    }
  });

  it('norms neither overflow nor vanish', () => {
    expect(norm([3e200, 4e200]) / 5e200).toBeCloseTo(1, 15);
    expect(norm([3e-200, 4e-200]) / 5e-200).toBeCloseTo(1, 15);
    expect(norm([])).toBe(0);
    expect(norm([1, Number.POSITIVE_INFINITY])).toBe(Number.POSITIVE_INFINITY);
    expect(norm([1, Number.NaN])).toBeNaN();
  });
});
