import { describe, expect, it } from 'vitest';
import {
  cholesky,
  eigenvalues,
  inverse,
  numericalRank,
  pseudoInverse,
  qrDecomposition,
  singularValueDecomposition,
  solve,
  spectralFunction,
  spectralNorm,
  symmetricEigen,
} from './decompositions.ts';
import {
  diagonal,
  fromRows,
  identity,
  largestEntry,
  type Matrix,
  multiply,
  subtract,
  transpose,
} from './matrix.ts';
import { randomStream } from './random.ts';

function randomMatrix(rows: number, columns: number, index = 0): Matrix {
  const data = randomStream(5, 'matrix', index).normals(new Float64Array(rows * columns));
  return { rows, columns, data };
}

function distance(a: Matrix, b: Matrix): number {
  return largestEntry(subtract(a, b));
}

describe('symmetricEigen', () => {
  it.each([1, 2, 7, 64, 200])('reconstructs a random matrix of size %s', (n) => {
    const a = randomMatrix(n, n);
    const s = multiply(a, transpose(a));
    const eigen = symmetricEigen(s);
    const size = eigen.values[n - 1];
    expect(
      distance(
        spectralFunction(eigen, (x) => x),
        s,
      ),
    ).toBeLessThan(1e-13 * size);
    expect(distance(multiply(transpose(eigen.vectors), eigen.vectors), identity(n))).toBeLessThan(
      1e-13,
    );
    expect([...eigen.values]).toEqual([...eigen.values].sort((x, y) => x - y));
  });

  it('knows the second-difference matrix: 2 − 2cos(kπ/(n+1))', () => {
    const n = 100;
    const rows = Array.from({ length: n }, (_, i) =>
      Array.from({ length: n }, (_, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0)),
    );
    symmetricEigen(fromRows(rows)).values.forEach((value, k) => {
      expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 13);
    });
  });

  it('handles degenerate and zero matrices, refuses asymmetric ones', () => {
    expect(Array.from(symmetricEigen(identity(5)).values)).toEqual([1, 1, 1, 1, 1]);
    expect(Array.from(symmetricEigen(diagonal([0, 0])).values)).toEqual([0, 0]);
    expect(() =>
      symmetricEigen(
        fromRows([
          [1, 2],
          [0, 1],
        ]),
      ),
    ).toThrow(/symmetric/);
  });
});

describe('eigenvalues', () => {
  it('finds a rotation and a companion matrix', () => {
    const rotation = eigenvalues(
      fromRows([
        [0, -2],
        [2, 0],
      ]),
    );
    expect(Array.from(rotation.real)).toEqual([0, 0]);
    expect(Array.from(rotation.imaginary)).toEqual([2, -2]);
    // (x − 1)(x − 2)(x − 3)
    const companion = eigenvalues(
      fromRows([
        [6, -11, 6],
        [1, 0, 0],
        [0, 1, 0],
      ]),
    );
    [3, 2, 1].forEach((root, i) => {
      expect(companion.real[i]).toBeCloseTo(root, 11);
    });
  });
});

describe('singular values', () => {
  it.each([
    [5, 5],
    [8, 3],
    [3, 8],
    [1, 4],
    [60, 40],
  ])('reconstruct a random %s × %s matrix', (rows, columns) => {
    const a = randomMatrix(rows, columns, 1);
    const { left, values, right } = singularValueDecomposition(a);
    const r = Math.min(rows, columns);
    expect([left.columns, values.length, right.columns]).toEqual([r, r, r]);
    expect(distance(multiply(left, diagonal(values), transpose(right)), a)).toBeLessThan(
      1e-13 * values[0],
    );
    expect(distance(multiply(transpose(left), left), identity(r))).toBeLessThan(1e-13);
    expect(distance(multiply(transpose(right), right), identity(r))).toBeLessThan(1e-13);
    expect(spectralNorm(a)).toBe(values[0]);
  });

  it('count the rank and invert what can be inverted', () => {
    const factor = randomMatrix(20, 6, 2);
    const a = multiply(factor, transpose(factor));
    expect(numericalRank(a, { tolerance: 1e-10 })).toBe(6);
    expect(numericalRank(diagonal([0, 0]))).toBe(0);
    const plus = pseudoInverse(a, { tolerance: 1e-10 });
    expect(distance(multiply(a, plus, a), a)).toBeLessThan(1e-12 * largestEntry(a));
    expect(distance(multiply(plus, a, plus), plus)).toBeLessThan(1e-11 * largestEntry(plus));
    expect(distance(transpose(multiply(a, plus)), multiply(a, plus))).toBeLessThan(1e-11);
    expect(Array.from(pseudoInverse(diagonal([2, 0])).data)).toEqual([0.5, 0, 0, 0]);
  });
});

describe('factorisations and solutions', () => {
  it.each([
    [4, 4],
    [9, 5],
  ])('QR of %s × %s', (rows, columns) => {
    const a = randomMatrix(rows, columns, 3);
    const { Q, R } = qrDecomposition(a);
    expect(distance(multiply(Q, R), a)).toBeLessThan(1e-13);
    expect(distance(multiply(transpose(Q), Q), identity(columns))).toBeLessThan(1e-14 * 10);
    for (let i = 0; i < columns; i++) {
      expect(R.data[i * columns + i]).toBeGreaterThanOrEqual(0);
      for (let j = 0; j < i; j++) expect(R.data[i * columns + j]).toBeCloseTo(0, 13);
    }
  });

  it.each([1, 3, 200])('Cholesky, size %s', (n) => {
    const a = randomMatrix(n, n + 3, 4);
    const s = multiply(a, transpose(a));
    const L = cholesky(s);
    expect(distance(multiply(L, transpose(L)), s)).toBeLessThan(1e-13 * largestEntry(s) * 10);
    expect(L.data.every((entry, index) => index % n <= Math.floor(index / n) || entry === 0)).toBe(
      true,
    );
  });

  it('names the eigenvalue that makes a matrix indefinite', () => {
    expect(() => cholesky(diagonal([1, -2]), 'Σ')).toThrow(/Σ: received -2/);
  });

  it('solves and inverts, refuses singular matrices', () => {
    const a = randomMatrix(30, 30, 5);
    const x = randomMatrix(30, 2, 6);
    expect(distance(solve(a, multiply(a, x)), x)).toBeLessThan(1e-11);
    expect(distance(multiply(a, inverse(a)), identity(30))).toBeLessThan(1e-11);
    expect(() => inverse(diagonal([1, 0]))).toThrow(/regular/);
  });
});
