import type { Matrix } from '../numeric/matrix.ts';
import { zeros } from '../numeric/matrix.ts';

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

/** The extreme singular values of an upper triangular matrix. */
export interface ExtremeSingularValues {
  readonly smallest: number;
  readonly largest: number;
  /** Unit right singular vector of the smallest. */
  readonly vector: Float64Array;
}

/**
 * The largest singular value of R by power iteration, the smallest by inverse iteration on RᵀR (two triangular solves a
 * turn, at most 200). A diagonal entry below rounding is treated as rounding, so that singular matrices have their null
 * vector found. `smallest` is |Rx| of the vector found: never below the true value.
 */
export function extremeSingularValues(R: Matrix): ExtremeSingularValues {
  const n = R.rows;
  let x: Float64Array = new Float64Array(n).map((_, i) => 1 + (i % 7) / 7);
  let largest = 0;
  for (let turn = 0; turn < 60; turn++) {
    const y = product(R, normalised(x));
    largest = norm(y);
    x = transposedProduct(R, y);
  }
  const floor = largest * 2 ** -52;
  const diagonal = Float64Array.from({ length: n }, (_, i) => {
    const entry = R.data[i * n + i];
    return Math.abs(entry) > floor ? entry : entry < 0 ? -floor : floor;
  });
  let vector: Float64Array = normalised(new Float64Array(n).map((_, i) => 1 + ((i * 5) % 11) / 11));
  let smallest = norm(product(R, vector));
  for (let turn = 0; turn < 200; turn++) {
    vector = normalised(backward(R, diagonal, forward(R, diagonal, vector)));
    const next = norm(product(R, vector));
    const settled = Math.abs(next - smallest) <= 1e-10 * next;
    smallest = next;
    if (settled && turn > 2) break;
  }
  return { smallest, largest, vector };
}

/** Solves Rᵀ z = y. */
function forward(R: Matrix, diagonal: Float64Array, y: Float64Array): Float64Array {
  const n = R.rows;
  const z = y.slice();
  for (let i = 0; i < n; i++) {
    z[i] /= diagonal[i];
    for (let k = i + 1; k < n; k++) z[k] -= R.data[i * n + k] * z[i];
  }
  return z;
}

/** Solves R x = z. */
function backward(R: Matrix, diagonal: Float64Array, z: Float64Array): Float64Array {
  const n = R.rows;
  const x = z.slice();
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= R.data[i * n + k] * x[k];
    x[i] /= diagonal[i];
  }
  return x;
}

function product(R: Matrix, x: Float64Array): Float64Array {
  const n = R.rows;
  return x.map((_, i) => {
    let sum = 0;
    for (let k = i; k < n; k++) sum += R.data[i * n + k] * x[k];
    return sum;
  });
}

function transposedProduct(R: Matrix, y: Float64Array): Float64Array {
  const n = R.rows;
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let k = i; k < n; k++) out[k] += R.data[i * n + k] * y[i];
  }
  return out;
}

function norm(x: Float64Array): number {
  return Math.sqrt(x.reduce((sum, entry) => sum + entry * entry, 0));
}

function normalised(x: Float64Array): Float64Array {
  const length = norm(x);
  return x.map((entry) => entry / length);
}
