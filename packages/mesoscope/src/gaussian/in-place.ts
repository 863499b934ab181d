/**
 * `C ← α A B (+ C)` on row-major arrays, A rows × inner, B inner × columns. For the right-hand sides of ordinary
 * differential equations, which must not allocate.
 */
export function productInto(
  a: Float64Array,
  b: Float64Array,
  c: Float64Array,
  rows: number,
  inner: number,
  columns: number,
  accumulate = false,
): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = accumulate ? c[i * columns + j] : 0;
      for (let k = 0; k < inner; k++) sum += a[i * inner + k] * b[k * columns + j];
      c[i * columns + j] = sum;
    }
  }
}

/** `C ← Aᵀ B`, A inner × rows, B inner × columns. */
export function transposedProductInto(
  a: Float64Array,
  b: Float64Array,
  c: Float64Array,
  rows: number,
  inner: number,
  columns: number,
): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a[k * rows + i] * b[k * columns + j];
      c[i * columns + j] = sum;
    }
  }
}

/**
 * Replaces a symmetric positive definite A (n × n) by its Cholesky factor G, `A = GGᵀ`, in the lower triangle.
 */
export function choleskyInPlace(a: Float64Array, n: number): void {
  for (let j = 0; j < n; j++) {
    let pivot = a[j * n + j];
    for (let k = 0; k < j; k++) pivot -= a[j * n + k] ** 2;
    pivot = Math.sqrt(pivot);
    a[j * n + j] = pivot;
    for (let i = j + 1; i < n; i++) {
      let sum = a[i * n + j];
      for (let k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
      a[i * n + j] = sum / pivot;
    }
  }
}

/** `X ← (GGᵀ)^{-1} X` for the factor of {@link choleskyInPlace}; X is n × columns. */
export function choleskySolveInPlace(
  factor: Float64Array,
  n: number,
  x: Float64Array,
  columns: number,
): void {
  for (let j = 0; j < columns; j++) {
    for (let i = 0; i < n; i++) {
      let sum = x[i * columns + j];
      for (let k = 0; k < i; k++) sum -= factor[i * n + k] * x[k * columns + j];
      x[i * columns + j] = sum / factor[i * n + i];
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = x[i * columns + j];
      for (let k = i + 1; k < n; k++) sum -= factor[k * n + i] * x[k * columns + j];
      x[i * columns + j] = sum / factor[i * n + i];
    }
  }
}
