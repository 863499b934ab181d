import {
  CholeskyDecomposition,
  EigenvalueDecomposition,
  LuDecomposition,
  Matrix as MlMatrix,
  QrDecomposition,
  SingularValueDecomposition,
} from 'ml-matrix';
import { requireFinite, requireShape, requireThat, shapeMismatch } from './checks.ts';
import {
  diagonal,
  largestEntry,
  type Matrix,
  multiply,
  requireSquare,
  requireSymmetric,
  scale,
  symmetricPart,
  transpose,
} from './matrix.ts';
import { exactUnit } from './power.ts';

/** `A = Σ_i values_i v_i v_iᵀ`: eigenvalues in increasing order, orthonormal eigenvectors in the columns. */
export interface SymmetricEigen {
  readonly values: Float64Array;
  readonly vectors: Matrix;
}

/**
 * Eigenvalues and eigenvectors of a symmetric matrix (Householder tridiagonalisation, implicit QL).
 *
 * @throws MesoscopeError `shape-mismatch`, `invalid-value` if not symmetric, `not-finite`
 */
export function symmetricEigen(a: Matrix, path = 'matrix'): SymmetricEigen {
  requireFinite(path, a.data);
  requireSymmetric(a, path);
  const result = new EigenvalueDecomposition(toLibrary(symmetricPart(a)), {
    assumeSymmetric: true,
  });
  return {
    values: Float64Array.from(result.realEigenvalues),
    vectors: fromLibrary(result.eigenvectorMatrix),
  };
}

/** `V diag(f(λ)) Vᵀ`: a function of a symmetric matrix, from its eigenvalues and eigenvectors. */
export function spectralFunction(
  { values, vectors }: SymmetricEigen,
  f: (eigenvalue: number) => number,
): Matrix {
  return multiply(vectors, diagonal(values.map(f)), transpose(vectors));
}

/** Eigenvalues of a real square matrix: real and imaginary parts. */
export interface Spectrum {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

/**
 * Eigenvalues of a real square matrix, ordered by decreasing real part; conjugate pairs stand together.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`
 */
export function eigenvalues(a: Matrix): Spectrum {
  requireFinite('matrix', a.data);
  requireSquare(a);
  const unit = exactUnit(largestEntry(a));
  const result = new EigenvalueDecomposition(toLibrary(scale(1 / unit, a)));
  const pairs = result.realEigenvalues.map(
    (real, i) => [unit * real, unit * result.imaginaryEigenvalues[i]] as const,
  );
  pairs.sort((p, q) => q[0] - p[0] || Math.abs(p[1]) - Math.abs(q[1]) || q[1] - p[1]);
  return {
    real: Float64Array.from(pairs, (pair) => pair[0]),
    imaginary: Float64Array.from(pairs, (pair) => pair[1]),
  };
}

/** `A = left diag(values) rightᵀ`, thin: r = min(rows, columns) orthonormal columns on both sides. */
export interface SingularValues {
  readonly left: Matrix;
  /** In decreasing order. */
  readonly values: Float64Array;
  readonly right: Matrix;
}

/**
 * Singular value decomposition.
 *
 * @throws MesoscopeError `not-finite`
 */
export function singularValueDecomposition(a: Matrix): SingularValues {
  requireFinite('matrix', a.data);
  const result = new SingularValueDecomposition(toLibrary(a), { autoTranspose: true });
  return {
    left: fromLibrary(result.leftSingularVectors),
    values: Float64Array.from(result.diagonal),
    right: fromLibrary(result.rightSingularVectors),
  };
}

/** `max |Ax|/|x|`: the largest singular value. */
export function spectralNorm(a: Matrix): number {
  return singularValueDecomposition(a).values[0];
}

/** Singular values below `tolerance · largest` count as zero. */
export interface RankOptions {
  /** Default `max(rows, columns) · 2⁻⁵²`. */
  readonly tolerance?: number;
}

/**
 * Number of singular values above the tolerance.
 *
 * @throws MesoscopeError `not-finite`
 */
export function numericalRank(
  a: Matrix,
  { tolerance = Math.max(a.rows, a.columns) * 2 ** -52 }: RankOptions = {},
): number {
  const { values } = singularValueDecomposition(a);
  return values.filter((value) => value > tolerance * values[0]).length;
}

/**
 * Moore–Penrose pseudo-inverse `A⁺`; singular values below the tolerance count as zero.
 *
 * @throws MesoscopeError `not-finite`
 */
export function pseudoInverse(
  a: Matrix,
  { tolerance = Math.max(a.rows, a.columns) * 2 ** -52 }: RankOptions = {},
): Matrix {
  const { left, values, right } = singularValueDecomposition(a);
  const inverted = values.map((value) => (value > tolerance * values[0] ? 1 / value : 0));
  return multiply(right, diagonal(inverted), transpose(left));
}

/**
 * `A = Q R` for rows ≥ columns: Q with orthonormal columns, R square and upper triangular with diagonal ≥ 0.
 *
 * @throws MesoscopeError `not-finite`, `shape-mismatch` if rows < columns
 */
export function qrDecomposition(a: Matrix): { readonly Q: Matrix; readonly R: Matrix } {
  requireFinite('matrix', a.data);
  if (a.rows < a.columns) {
    const expected = ['at least as many rows as columns', a.columns];
    throw shapeMismatch('matrix', [a.rows, a.columns], expected);
  }
  const result = new QrDecomposition(toLibrary(a));
  const Q = fromLibrary(result.orthogonalMatrix);
  const R = fromLibrary(result.upperTriangularMatrix);
  const signs = Float64Array.from({ length: a.columns }, (_, i) =>
    R.data[i * a.columns + i] < 0 ? -1 : 1,
  );
  return { Q: multiply(Q, diagonal(signs)), R: multiply(diagonal(signs), R) };
}

/**
 * `A = L Lᵀ`, L lower triangular, of a symmetric positive definite matrix.
 *
 * @throws MesoscopeError `invalid-value` if not symmetric or not positive definite, with the smallest eigenvalue
 */
export function cholesky(a: Matrix, path = 'matrix'): Matrix {
  requireFinite(path, a.data);
  requireSymmetric(a, path);
  const result = new CholeskyDecomposition(toLibrary(symmetricPart(a)));
  requireThat(
    result.isPositiveDefinite(),
    path,
    result.isPositiveDefinite() || symmetricEigen(a).values[0],
    'a positive definite matrix, all eigenvalues > 0 (received: the smallest)',
  );
  return fromLibrary(result.lowerTriangularMatrix);
}

/** Solves `A x = b` for many b, one after the other (LU with partial pivoting); undefined where a pivot is 0. */
export function luFactors(a: Matrix): ((b: Float64Array) => Float64Array) | undefined {
  const factors = new LuDecomposition(toLibrary(a));
  if (factors.isSingular()) return undefined;
  return (b) => Float64Array.from(factors.solve(MlMatrix.columnVector(b)).to1DArray());
}

/**
 * The solution of `A X = B` for a square regular A (LU with partial pivoting).
 *
 * @throws MesoscopeError `not-finite`, `shape-mismatch`, `invalid-value` if A is singular
 */
export function solve(a: Matrix, b: Matrix): Matrix {
  requireFinite('matrix', a.data);
  requireSquare(a);
  requireShape('right-hand side', [b.rows, b.columns], [a.rows, b.columns]);
  const factors = new LuDecomposition(toLibrary(a));
  requireThat(
    !factors.isSingular() && !isSingularToRounding(a),
    'matrix',
    `a singular matrix with largest entry ${largestEntry(a)}`,
    'a regular matrix',
  );
  return fromLibrary(factors.solve(toLibrary(b)));
}

/**
 * Whether a pivot of A is rounding once rows and columns have been scaled to largest entries near 1: then some matrix whose
 * entries differ from those of A by rounding is singular.
 */
export function isSingularToRounding(a: Matrix): boolean {
  const n = a.rows;
  const scaled = a.data.slice();
  for (const [across, along] of [
    [n, 1],
    [1, n],
  ]) {
    for (let i = 0; i < n; i++) {
      let largest = 0;
      for (let j = 0; j < n; j++)
        largest = Math.max(largest, Math.abs(scaled[i * across + j * along]));
      const unit = 2 ** -Math.round(Math.log2(largest));
      for (let j = 0; j < n; j++) scaled[i * across + j * along] *= unit;
    }
  }
  const { upperTriangularMatrix: U } = new LuDecomposition(
    toLibrary({ rows: n, columns: n, data: scaled }),
  );
  for (let i = 0; i < n; i++) if (!(Math.abs(U.get(i, i)) > n * 2 ** -53)) return true;
  return false;
}

/**
 * `A⁻¹`.
 *
 * @throws MesoscopeError `shape-mismatch`, `invalid-value` if A is singular
 */
export function inverse(a: Matrix): Matrix {
  requireSquare(a);
  return solve(a, diagonal(new Float64Array(a.rows).fill(1)));
}

function toLibrary({ rows, columns, data }: Matrix): MlMatrix {
  const result = new MlMatrix(rows, columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result.set(i, j, data[i * columns + j]);
  }
  return result;
}

function fromLibrary(matrix: MlMatrix): Matrix {
  return {
    rows: matrix.rows,
    columns: matrix.columns,
    data: Float64Array.from(matrix.to1DArray()),
  };
}
