import { requireFinite, requireShape, requireThat, shapeMismatch } from './checks.ts';

/** A small dense matrix in double precision: entry (i, j) at `data[i · columns + j]`. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** The zero matrix. */
export function zeros(rows: number, columns: number): Matrix {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

/** The n × n identity. */
export function identity(n: number): Matrix {
  return diagonal(new Float64Array(n).fill(1));
}

/** The square matrix with the given diagonal. */
export function diagonal(entries: ArrayLike<number>): Matrix {
  const result = zeros(entries.length, entries.length);
  for (let i = 0; i < entries.length; i++) result.data[i * entries.length + i] = entries[i];
  return result;
}

/**
 * A matrix from its rows.
 *
 * @param path - how errors name it; default `matrix`
 * @throws MesoscopeError `shape-mismatch` if rows differ in length or there are none, `not-finite`
 */
export function fromRows(rows: readonly ArrayLike<number>[], path = 'matrix'): Matrix {
  const columns = rows[0]?.length ?? 0;
  if (columns === 0) {
    throw shapeMismatch(path, [rows.length, columns], ['at least 1', 'at least 1']);
  }
  const result = zeros(rows.length, columns);
  rows.forEach((row, i) => {
    requireShape(`${path}[${i}]`, [row.length], [columns]);
    result.data.set(row, i * columns);
  });
  requireFinite(path, result.data);
  return result;
}

/** The rows as plain arrays. */
export function toRows({ rows, columns, data }: Matrix): number[][] {
  return Array.from({ length: rows }, (_, i) =>
    Array.from(data.subarray(i * columns, (i + 1) * columns)),
  );
}

/** `Aᵀ`. */
export function transpose(a: Matrix): Matrix {
  const result = zeros(a.columns, a.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.columns; j++) result.data[j * a.rows + i] = a.data[i * a.columns + j];
  }
  return result;
}

/**
 * `A B`, or the product of several matrices from left to right.
 *
 * @throws MesoscopeError `shape-mismatch`
 */
export function multiply(a: Matrix, b: Matrix, ...more: readonly Matrix[]): Matrix {
  requireShape('right factor', [b.rows, b.columns], [a.columns, b.columns]);
  const result = zeros(a.rows, b.columns);
  const [n, inner] = [b.columns, a.columns];
  const [x, y, out] = [a.data, b.data, result.data];
  // Four terms for each time that a sum is read and written, in the same order.
  const whole = inner - (inner % 4);
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < whole; k += 4) {
      const at = i * inner + k;
      const [p, q, r, s] = [x[at], x[at + 1], x[at + 2], x[at + 3]];
      for (let j = 0, c = i * n, d = k * n; j < n; j++, c++, d++) {
        out[c] = out[c] + p * y[d] + q * y[d + n] + r * y[d + 2 * n] + s * y[d + 3 * n];
      }
    }
    for (let k = whole; k < inner; k++) {
      const factor = x[i * inner + k];
      for (let j = 0; j < n; j++) out[i * n + j] += factor * y[k * n + j];
    }
  }
  const [next, ...rest] = more;
  return next === undefined ? result : multiply(result, next, ...rest);
}

/**
 * `A x`.
 *
 * @throws MesoscopeError `shape-mismatch`
 */
export function multiplyVector(a: Matrix, x: ArrayLike<number>): Float64Array {
  requireShape('vector', [x.length], [a.columns]);
  const result = new Float64Array(a.rows);
  for (let i = 0; i < a.rows; i++) {
    let sum = 0;
    for (let j = 0; j < a.columns; j++) sum += a.data[i * a.columns + j] * x[j];
    result[i] = sum;
  }
  return result;
}

/** `x yᵀ`. */
export function outerProduct(x: ArrayLike<number>, y: ArrayLike<number>): Matrix {
  const result = zeros(x.length, y.length);
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < y.length; j++) result.data[i * y.length + j] = x[i] * y[j];
  }
  return result;
}

/** `α A`. */
export function scale(alpha: number, a: Matrix): Matrix {
  return { rows: a.rows, columns: a.columns, data: a.data.map((entry) => alpha * entry) };
}

/**
 * `A + α B`; α is 1 by default.
 *
 * @throws MesoscopeError `shape-mismatch`
 */
export function add(a: Matrix, b: Matrix, alpha = 1): Matrix {
  requireShape('second matrix', [b.rows, b.columns], [a.rows, a.columns]);
  return {
    rows: a.rows,
    columns: a.columns,
    data: a.data.map((entry, index) => entry + alpha * b.data[index]),
  };
}

/**
 * `A − B`.
 *
 * @throws MesoscopeError `shape-mismatch`
 */
export function subtract(a: Matrix, b: Matrix): Matrix {
  return add(a, b, -1);
}

/** `(A + Aᵀ)/2`. */
export function symmetricPart(a: Matrix): Matrix {
  requireSquare(a);
  // Halves first: their sum does not overflow.
  const half = scale(0.5, a);
  return add(half, transpose(half));
}

/** `Σ A_ii`. */
export function trace(a: Matrix): number {
  requireSquare(a);
  let sum = 0;
  for (let i = 0; i < a.rows; i++) sum += a.data[i * a.columns + i];
  return sum;
}

/** `√(Σ A_ij²)`, without overflow. */
export function frobeniusNorm(a: Matrix): number {
  const unit = largestEntry(a);
  if (!(unit > 0 && unit < Number.POSITIVE_INFINITY)) return unit;
  return unit * Math.sqrt(a.data.reduce((sum, entry) => sum + (entry / unit) ** 2, 0));
}

/** `max_ij |A_ij|`. */
export function largestEntry(a: Matrix): number {
  return a.data.reduce((largest, entry) => Math.max(largest, Math.abs(entry)), 0);
}

/** `max_j Σ_i |A_ij|`, the operator norm for |·|₁. */
export function oneNorm(a: Matrix): number {
  let largest = 0;
  for (let j = 0; j < a.columns; j++) {
    let sum = 0;
    for (let i = 0; i < a.rows; i++) sum += Math.abs(a.data[i * a.columns + j]);
    largest = Math.max(largest, sum);
  }
  return largest;
}

/** The block `rows from … from + count − 1`, columns likewise. */
export function block(
  a: Matrix,
  row: number,
  column: number,
  rows: number,
  columns: number,
): Matrix {
  const result = zeros(rows, columns);
  for (let i = 0; i < rows; i++) {
    const start = (row + i) * a.columns + column;
    result.data.set(a.data.subarray(start, start + columns), i * columns);
  }
  return result;
}

/** One matrix from a rectangle of blocks whose shapes fit. */
export function fromBlocks(blocks: readonly (readonly Matrix[])[]): Matrix {
  const columns = blocks[0].reduce((sum, part) => sum + part.columns, 0);
  const rows = blocks.reduce((sum, line) => sum + line[0].rows, 0);
  const result = zeros(rows, columns);
  let top = 0;
  for (const line of blocks) {
    let left = 0;
    for (const part of line) {
      for (let i = 0; i < part.rows; i++) {
        const row = part.data.subarray(i * part.columns, (i + 1) * part.columns);
        result.data.set(row, (top + i) * columns + left);
      }
      left += part.columns;
    }
    top += line[0].rows;
  }
  return result;
}

/**
 * Refuses a matrix that is not square.
 *
 * @throws MesoscopeError `shape-mismatch`
 */
export function requireSquare(a: Matrix, path = 'matrix'): void {
  requireShape(path, [a.rows, a.columns], [a.rows, a.rows]);
}

/**
 * Refuses a matrix that is not square and symmetric up to rounding: `|A_ij − A_ji| ≤ 1e-10 max|A|`.
 *
 * @throws MesoscopeError `shape-mismatch`, `invalid-value`
 */
export function requireSymmetric(a: Matrix, path = 'matrix'): void {
  requireSquare(a, path);
  const tolerance = 1e-10 * largestEntry(a);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < i; j++) {
      const lower = a.data[i * a.columns + j];
      const upper = a.data[j * a.columns + i];
      requireThat(
        Math.abs(lower - upper) <= tolerance,
        `${path}[${i}][${j}]`,
        lower,
        `the same as ${path}[${j}][${i}] = ${upper}: the matrix must be symmetric`,
      );
    }
  }
}
