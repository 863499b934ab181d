import type { Matrix } from '../numeric/matrix.ts';
import { zeros } from '../numeric/matrix.ts';
import { norm } from '../numeric/vector.ts';

/** Rows that are taken in at once: a block of this many rows stays in a processor's cache. */
const blockRows = 48;

/** The triangular factor of a tall matrix whose rows come one after the other. */
export interface StreamedTriangle {
  /** Takes in one row; copied. */
  add(row: ArrayLike<number>): void;
  /** R, c × c upper triangular, with `RᵀR = AᵀA` for the rows A so far. */
  finish(): Matrix;
}

/**
 * QR factorisation of a matrix with c columns that is never held: a block of rows is reflected into R at a time
 * (Householder, as in Golub & Van Loan, Matrix Computations, section 5.2). Memory c², time 2c² a row; singular values keep
 * the accuracy that the Gram matrix would square away.
 */
export function streamedTriangle(columns: number): StreamedTriangle {
  const R = zeros(columns, columns);
  const block = new Float64Array(blockRows * columns);
  const sums = new Float64Array(columns);
  let filled = 0;
  let taken = 0;

  function reflect(): void {
    taken += filled;
    // After as many columns as there were rows, what is left of the block is rounding.
    const reached = Math.min(columns, taken);
    for (let j = 0; j < reached; j++) {
      let below = 0;
      for (let i = 0; i < filled; i++) below += block[i * columns + j] ** 2;
      // Smaller squares have lost their digits to underflow.
      if (below < 1e-290) continue;
      const pivot = R.data[j * columns + j];
      const norm = Math.sqrt(pivot * pivot + below);
      const head = pivot > 0 ? pivot + norm : pivot - norm;
      const factor = 2 / (head * head + below);
      const top = j * columns;
      for (let k = j; k < columns; k++) sums[k] = head * R.data[top + k];
      for (let i = 0; i < filled; i++) {
        const v = block[i * columns + j];
        const row = i * columns;
        for (let k = j; k < columns; k++) sums[k] += v * block[row + k];
      }
      for (let k = j; k < columns; k++) {
        sums[k] *= factor;
        R.data[top + k] -= head * sums[k];
      }
      for (let i = 0; i < filled; i++) {
        const row = i * columns;
        const v = block[row + j];
        for (let k = j + 1; k < columns; k++) block[row + k] -= v * sums[k];
        block[row + j] = 0;
      }
    }
    filled = 0;
  }

  return {
    add(row) {
      for (let k = 0; k < columns; k++) block[filled * columns + k] = row[k];
      filled++;
      if (filled === blockRows) reflect();
    },
    finish() {
      reflect();
      return R;
    },
  };
}

/** Solves with an upper triangular R, in place, for several right-hand sides: entry a of row i at `i · count + a`. */
export interface TriangularSolver {
  /** `v ← R⁻ᵀ v`. */
  lower(v: Float64Array, count: number): void;
  /** `v ← R⁻¹ v`. */
  upper(v: Float64Array, count: number): void;
}

/**
 * Solves with R. A diagonal entry below rounding of the largest is treated as rounding, so that null vectors of singular
 * matrices are found by inverse iteration.
 */
export function triangularSolver(R: Matrix): TriangularSolver {
  const n = R.rows;
  let floor = 0;
  for (let i = 0; i < n; i++) floor = Math.max(floor, Math.abs(R.data[i * n + i]) * 2 ** -52);
  const diagonal = Float64Array.from({ length: n }, (_, i) => {
    const entry = R.data[i * n + i];
    return Math.abs(entry) > floor ? entry : entry < 0 ? -floor : floor;
  });
  return {
    lower(v, count) {
      for (let i = 0; i < n; i++) {
        const from = i * count;
        for (let a = 0; a < count; a++) v[from + a] /= diagonal[i];
        for (let k = i + 1; k < n; k++) {
          const entry = R.data[i * n + k];
          for (let a = 0; a < count; a++) v[k * count + a] -= entry * v[from + a];
        }
      }
    },
    upper(v, count) {
      for (let i = n - 1; i >= 0; i--) {
        const into = i * count;
        for (let k = i + 1; k < n; k++) {
          const entry = R.data[i * n + k];
          for (let a = 0; a < count; a++) v[into + a] -= entry * v[k * count + a];
        }
        for (let a = 0; a < count; a++) v[into + a] /= diagonal[i];
      }
    },
  };
}

/**
 * The smallest singular value of an upper triangular matrix by inverse iteration on RᵀR (two triangular solves a turn, at
 * most 200): |Rx| of the vector found, never below the true value.
 */
export function smallestSingularValue(R: Matrix): number {
  const n = R.rows;
  const solver = triangularSolver(R);
  let x: Float64Array = normalised(new Float64Array(n).map((_, i) => 1 + ((i * 5) % 11) / 11));
  let smallest = norm(product(R, x));
  for (let turn = 0; turn < 200; turn++) {
    solver.lower(x, 1);
    solver.upper(x, 1);
    x = normalised(x);
    const next = norm(product(R, x));
    const settled = Math.abs(next - smallest) <= 1e-10 * next;
    smallest = next;
    if (settled && turn > 2) break;
  }
  return smallest;
}

function product(R: Matrix, x: Float64Array): Float64Array {
  const n = R.rows;
  return x.map((_, i) => {
    let sum = 0;
    for (let k = i; k < n; k++) sum += R.data[i * n + k] * x[k];
    return sum;
  });
}

function normalised(x: Float64Array): Float64Array {
  const length = norm(x);
  return x.map((entry) => entry / length);
}
