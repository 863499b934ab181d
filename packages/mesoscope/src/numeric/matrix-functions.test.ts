import { describe, expect, it } from 'vitest';
import { eigenvalues, inverse } from './decompositions.ts';
import {
  add,
  diagonal,
  fromRows,
  identity,
  largestEntry,
  type Matrix,
  multiply,
  scale,
  subtract,
  transpose,
} from './matrix.ts';
import { solveLyapunov, solveSylvester } from './matrix-equations.ts';
import {
  exponentialIntegral,
  matrixExponential,
  symmetricLogarithm,
  symmetricSquareRoot,
} from './matrix-functions.ts';
import {
  logarithmCondition,
  principalLogarithm,
  principalSquareRoot,
  squareRootCondition,
} from './principal-logarithm.ts';
import { randomStream } from './random.ts';
import { schurForm } from './schur.ts';

function randomMatrix(rows: number, columns: number, index: number): Matrix {
  const data = randomStream(6, 'matrix', index).normals(new Float64Array(rows * columns));
  return { rows, columns, data };
}

function distance(a: Matrix, b: Matrix): number {
  return largestEntry(subtract(a, b));
}

describe('matrixExponential', () => {
  it('agrees with 30-digit arithmetic', () => {
    const a = scale(
      0.2,
      fromRows([
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 10],
      ]),
    );
    const exact = fromRows([
      [3.7243430903656787, 3.4793417560856055, 4.47190145056254],
      [6.460609389793967, 8.93976717421653, 9.93995114587957],
      [10.766486132897423, 13.08724348704701, 17.47209685697146],
    ]);
    expect(distance(matrixExponential(a), exact)).toBeLessThan(1e-14 * 17.5);
  });

  it.each([1e-9, 0.3, 3, 100])('turns a rotation generator of size %s into a rotation', (angle) => {
    const rotation = matrixExponential(
      fromRows([
        [0, -angle],
        [angle, 0],
      ]),
    );
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    expect(
      distance(
        rotation,
        fromRows([
          [c, -s],
          [s, c],
        ]),
      ),
    ).toBeLessThan(1e-15 * (1 + angle));
  });

  it('knows nilpotent, diagonal and zero matrices', () => {
    const nilpotent = fromRows([
      [0, 1, 0],
      [0, 0, 1],
      [0, 0, 0],
    ]);
    expect(
      distance(
        matrixExponential(nilpotent),
        fromRows([
          [1, 1, 0.5],
          [0, 1, 1],
          [0, 0, 1],
        ]),
      ),
    ).toBeLessThan(1e-15);
    expect(matrixExponential(diagonal([0, 0]))).toEqual(identity(2));
    const entries = matrixExponential(diagonal([-40, 3])).data;
    expect(entries[0] / Math.exp(-40)).toBeCloseTo(1, 12);
    expect(entries[3] / Math.exp(3)).toBeCloseTo(1, 12);
  });

  it('reports overflow instead of returning infinities', () => {
    expect(() => matrixExponential(diagonal([1000]))).toThrow(/must be finite/);
  });
});

describe('square roots and logarithms', () => {
  it.each([1, 2, 5, 20])('symmetric, size %s', (n) => {
    const a = randomMatrix(n, n + 2, n);
    const s = multiply(a, transpose(a));
    const root = symmetricSquareRoot(s);
    expect(distance(multiply(root, root), s)).toBeLessThan(1e-13 * largestEntry(s));
    expect(distance(matrixExponential(symmetricLogarithm(s)), s)).toBeLessThan(
      1e-12 * largestEntry(s),
    );
  });

  it('root of a degenerate matrix; indefinite ones refused with the eigenvalue', () => {
    expect(Array.from(symmetricSquareRoot(diagonal([4, 0])).data)).toEqual([2, 0, 0, 0]);
    expect(() => symmetricSquareRoot(diagonal([4, -1]), 'Σ')).toThrow(/Σ: received -1/);
    expect(() => symmetricLogarithm(diagonal([4, 0]))).toThrow(/positive definite/);
  });

  it.each([1, 2, 5, 12])('principal, size %s', (n) => {
    // e^X with |Im λ(X)| < π has the principal logarithm X.
    const x = scale(1 / (1 + Math.sqrt(n)), randomMatrix(n, n, 10 + n));
    const a = matrixExponential(x);
    expect(distance(principalLogarithm(a), x)).toBeLessThan(1e-12);
    expect(distance(principalSquareRoot(a), matrixExponential(scale(0.5, x)))).toBeLessThan(1e-12);
  });

  it('logarithm of a rotation, a large matrix and a Jordan block', () => {
    const angle = 3;
    const rotation = fromRows([
      [Math.cos(angle), -Math.sin(angle)],
      [Math.sin(angle), Math.cos(angle)],
    ]);
    expect(
      distance(
        principalLogarithm(rotation),
        fromRows([
          [0, -angle],
          [angle, 0],
        ]),
      ),
    ).toBeLessThan(1e-13);
    const large = principalLogarithm(diagonal([1e12, 1e-12]));
    expect(large.data[0]).toBeCloseTo(12 * Math.log(10), 12);
    const jordan = principalLogarithm(
      fromRows([
        [2, 1],
        [0, 2],
      ]),
    );
    expect(
      distance(
        jordan,
        fromRows([
          [Math.log(2), 0.5],
          [0, Math.log(2)],
        ]),
      ),
    ).toBeLessThan(1e-14);
  });

  it('refuse eigenvalues on the negative half-line', () => {
    expect(() => principalLogarithm(diagonal([1, -1]))).toThrow(/\(−∞, 0\]/);
    expect(() => principalSquareRoot(diagonal([1, 0]))).toThrow(/\(−∞, 0\]/);
  });
});

describe('schurForm', () => {
  it.each([1, 2, 6, 25, 60])('has the eigenvalues of a random matrix of size %s', (n) => {
    const a = randomMatrix(n, n, 30 + n);
    const { T } = schurForm(a);
    const ours = Array.from({ length: n }, (_, i) => [T.real[i * n + i], T.imaginary[i * n + i]]);
    const theirs = eigenvalues(a);
    for (let i = 0; i < n; i++) {
      const gap = Math.min(
        ...ours.map(([re, im]) => Math.hypot(re - theirs.real[i], im - theirs.imaginary[i])),
      );
      expect(gap).toBeLessThan(1e-11);
    }
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) {
        expect(Math.hypot(T.real[i * n + j], T.imaginary[i * n + j])).toBe(0);
      }
    }
  });

  it('converges on matrices that stall unshifted iterations', () => {
    const cycle = fromRows([
      [0, 0, 0, 1],
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
    ]);
    const { T } = schurForm(cycle);
    for (let i = 0; i < 4; i++) {
      expect(Math.hypot(T.real[5 * i], T.imaginary[5 * i])).toBeCloseTo(1, 13);
    }
  });
});

describe('Sylvester and Lyapunov equations', () => {
  it.each([
    [1, 1],
    [3, 5],
    [20, 8],
  ])('A of size %s, B of size %s', (n, m) => {
    const [a, b, x] = [randomMatrix(n, n, 50), randomMatrix(m, m, 51), randomMatrix(n, m, 52)];
    const c = add(multiply(a, x), multiply(x, b));
    expect(distance(solveSylvester(a, b, c), x)).toBeLessThan(1e-10);
  });

  it('a scalar by hand, and a stable matrix gives a positive definite solution', () => {
    expect(solveLyapunov(fromRows([[-2]]), fromRows([[8]])).data[0]).toBeCloseTo(2, 14);
    const n = 10;
    const a = subtract(randomMatrix(n, n, 60), scale(8, identity(n)));
    const x = solveLyapunov(a, identity(n));
    const residual = add(add(multiply(a, x), multiply(x, transpose(a))), identity(n));
    expect(largestEntry(residual)).toBeLessThan(1e-13);
    expect(distance(x, transpose(x))).toBe(0);
    expect(eigenvalues(x).real[n - 1]).toBeGreaterThan(0);
  });

  it('refuses equations without a unique solution', () => {
    expect(() => solveLyapunov(diagonal([1, -1]), identity(2))).toThrow(/eigenvalue/);
    // Rates whose squares vanish, or overflow.
    for (const rate of [1e-200, 1e-160, 1e160, 1e300]) {
      const [value] = solveLyapunov(fromRows([[-rate]]), fromRows([[rate]])).data;
      expect(value).toBeCloseTo(0.5, 14);
    }
  });
});

describe('exponentialIntegral', () => {
  it('is (e^{2wt} − 1)/2w for scalars, t for W = 0, and exact on long intervals', () => {
    for (const [w, t] of [
      [0.3, 2],
      [-4, 50],
      [1e-9, 1],
      [2, -1],
    ]) {
      const value = exponentialIntegral(fromRows([[w]]), fromRows([[1]]), t).data[0];
      expect(value / (Math.expm1(2 * w * t) / (2 * w))).toBeCloseTo(1, 12);
    }
    expect(exponentialIntegral(diagonal([0, 0]), identity(2), 3)).toEqual(scale(3, identity(2)));
  });

  it('solves its differential equation: WᵀG + GW + M = e^{Wᵀt}Me^{Wt}', () => {
    const [w, root] = [randomMatrix(5, 5, 70), randomMatrix(5, 5, 71)];
    const m = multiply(root, transpose(root));
    const t = 1.3;
    const g = exponentialIntegral(w, m, t);
    const transition = matrixExponential(scale(t, w));
    const right = multiply(transpose(transition), m, transition);
    const left = add(add(multiply(transpose(w), g), multiply(g, w)), m);
    expect(distance(left, right)).toBeLessThan(1e-12 * largestEntry(right));
  });

  it('tends to the Lyapunov solution for stable W', () => {
    const w = subtract(randomMatrix(4, 4, 80), scale(5, identity(4)));
    const limit = solveLyapunov(transpose(w), identity(4));
    expect(distance(exponentialIntegral(w, identity(4), 100), limit)).toBeLessThan(1e-14);
  });
});

describe('roots and logarithms of matrices that are singular or nearly so', () => {
  // Q [[λ, 1], [0, λ]] Qᵀ, Q a rotation by 0.3: defective.
  const defective = (eigenvalue: number) => {
    const [c, s] = [Math.cos(0.3), Math.sin(0.3)];
    return fromRows([
      [eigenvalue - c * s, c * c],
      [-s * s, eigenvalue + c * s],
    ]);
  };

  it.each([
    [
      'a singular matrix',
      fromRows([
        [1, 2],
        [2, 4],
      ]),
    ],
    [
      'one that rounding hides',
      fromRows([
        [0.1, 0.3],
        [0.2, 0.6],
      ]),
    ],
    ['a nilpotent one', defective(0)],
    ['a defective one at 1e-10', defective(1e-10)],
  ])('refuse %s', (_, matrix) => {
    expect(() => principalSquareRoot(matrix)).toThrow(/no eigenvalue on/);
    expect(() => principalLogarithm(matrix)).toThrow(/no eigenvalue on/);
    expect(() => inverse(matrix)).toThrow(/regular/);
  });

  it('refuse a positive matrix whose least eigenvalue is rounding', () => {
    const matrix = fromRows([
      [1, 1],
      [1, 1 + 4e-16],
    ]);
    expect(() => symmetricLogarithm(matrix)).toThrow(/positive definite/);
    expect(symmetricLogarithm(diagonal([1, 1e-12])).data[3]).toBeCloseTo(Math.log(1e-12), 12);
  });

  it('come with a condition that says how many digits are lost', () => {
    for (const eigenvalue of [1, 1e-2, 1e-4]) {
      const matrix = defective(eigenvalue);
      const root = principalSquareRoot(matrix);
      const back = multiply(root, root);
      const error = Math.max(...back.data.map((x, i) => Math.abs(x - matrix.data[i])));
      // The root is backward stable; its own error is that times the condition.
      expect(error).toBeLessThan(
        1e-13 *
          Math.max(
            1,
            root.data.reduce((m, x) => Math.max(m, x * x), 0),
          ),
      );
      const half = 1 / (2 * Math.sqrt(eigenvalue));
      const [c, s] = [Math.cos(0.3), Math.sin(0.3)];
      const exact = Math.sqrt(eigenvalue) - c * s * half;
      const condition = squareRootCondition(matrix);
      const size = Math.hypot(...root.data);
      expect(Math.abs(root.data[0] - exact) / size).toBeLessThan(10 * condition * 2 ** -52);
      // Of [[λ, 1], [0, λ]] it is about 1/(2√λ)³ · 1/(2√λ)^{-1}.
      expect(condition).toBeGreaterThan(0.05 / eigenvalue);
    }
    expect(squareRootCondition(identity(3))).toBeCloseTo(0.5, 6);
    expect(logarithmCondition(diagonal([1, 1e-6]))).toBeGreaterThan(1e4);
  });
});
