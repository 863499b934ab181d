import { MesoscopeError } from '../errors.ts';
import { requireFinite } from './checks.ts';
import { identity, type Matrix, requireSquare } from './matrix.ts';
import { exactUnit } from './power.ts';
import { largestMagnitude } from './vector.ts';

/** A complex n × n matrix: real and imaginary parts, row-major. */
export interface ComplexMatrix {
  readonly size: number;
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

/** `A = Q T Qᴴ`: Q unitary, T upper triangular with the eigenvalues on its diagonal. */
export interface SchurForm {
  readonly Q: ComplexMatrix;
  readonly T: ComplexMatrix;
}

/**
 * Complex Schur form of a real square matrix: Householder reduction to Hessenberg form, then the QR iteration with
 * Wilkinson's shift (Golub & Van Loan, Matrix Computations, ch. 7).
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`
 */
export function schurForm(a: Matrix): SchurForm {
  requireFinite('matrix', a.data);
  requireSquare(a);
  const n = a.rows;
  // By a power of two, which rounds nothing: squares of its entries neither overflow nor vanish.
  const unit = exactUnit(largestMagnitude(a.data));
  const hessenberg = a.data.map((entry) => entry / unit);
  const basis = identity(n).data;
  reduceToHessenberg(hessenberg, basis, n);
  const T = { size: n, real: hessenberg, imaginary: new Float64Array(n * n) };
  const Q = { size: n, real: basis, imaginary: new Float64Array(n * n) };
  let high = n - 1;
  let sweeps = 0;
  while (high > 0) {
    const low = deflate(T, high);
    if (low === high) {
      high--;
      sweeps = 0;
      continue;
    }
    if (++sweeps > 300) {
      throw new MesoscopeError({
        code: 'unsupported',
        what: 'the QR iteration for the eigenvalues did not converge',
        by: 'schurForm',
        wayOut: 'Scale the matrix so that its entries are of similar size.',
      });
    }
    qrSweep(T, Q, low, high, sweeps);
  }
  for (const part of [T.real, T.imaginary]) {
    for (let i = 0; i < part.length; i++) part[i] *= unit;
  }
  return { Q, T };
}

function reduceToHessenberg(h: Float64Array, q: Float64Array, n: number): void {
  const v = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    let norm = 0;
    for (let i = k + 1; i < n; i++) norm = Math.hypot(norm, h[i * n + k]);
    if (norm === 0) continue;
    const alpha = h[(k + 1) * n + k] > 0 ? -norm : norm;
    let length = 0;
    for (let i = k + 1; i < n; i++) {
      v[i] = h[i * n + k] - (i === k + 1 ? alpha : 0);
      length = Math.hypot(length, v[i]);
    }
    for (let i = k + 1; i < n; i++) v[i] /= length;
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let i = k + 1; i < n; i++) sum += v[i] * h[i * n + j];
      for (let i = k + 1; i < n; i++) h[i * n + j] -= 2 * v[i] * sum;
    }
    for (const m of [h, q]) {
      for (let i = 0; i < n; i++) {
        let sum = 0;
        for (let j = k + 1; j < n; j++) sum += m[i * n + j] * v[j];
        for (let j = k + 1; j < n; j++) m[i * n + j] -= 2 * sum * v[j];
      }
    }
    for (let i = k + 2; i < n; i++) h[i * n + k] = 0;
  }
}

/** Sets negligible subdiagonal entries to zero; returns the first row of the block that ends at `high`. */
function deflate({ size: n, real, imaginary }: ComplexMatrix, high: number): number {
  const magnitude = (i: number, j: number) => Math.hypot(real[i * n + j], imaginary[i * n + j]);
  for (let i = high; i > 0; i--) {
    const neighbours = magnitude(i - 1, i - 1) + magnitude(i, i);
    if (magnitude(i, i - 1) <= 2 ** -53 * neighbours) {
      real[i * n + i - 1] = 0;
      imaginary[i * n + i - 1] = 0;
      return i;
    }
  }
  return 0;
}

/** One QR step `H − μ = GR, H ← RG + μ` on rows low … high, by Givens rotations. */
function qrSweep(
  T: ComplexMatrix,
  Q: ComplexMatrix,
  low: number,
  high: number,
  sweep: number,
): void {
  const n = T.size;
  const { real, imaginary } = T;
  const [shiftReal, shiftImaginary] = shift(T, high, sweep);
  for (let i = low; i <= high; i++) {
    real[i * n + i] -= shiftReal;
    imaginary[i * n + i] -= shiftImaginary;
  }
  const cosines = new Float64Array(high - low);
  const sinesReal = new Float64Array(high - low);
  const sinesImaginary = new Float64Array(high - low);
  for (let k = low; k < high; k++) {
    const up = k * n + k;
    const down = up + n;
    const upSize = Math.hypot(real[up], imaginary[up]);
    const length = Math.hypot(upSize, real[down], imaginary[down]);
    // Rotation [c, s; −s̄, c] with c real: s carries the phase of up · conj(down).
    let c = 0;
    let sr = 1;
    let si = 0;
    if (length === 0) {
      c = 1;
      sr = 0;
    } else if (upSize > 0) {
      c = upSize / length;
      const phaseReal = real[up] / upSize;
      const phaseImaginary = imaginary[up] / upSize;
      sr = (phaseReal * real[down] + phaseImaginary * imaginary[down]) / length;
      si = (phaseImaginary * real[down] - phaseReal * imaginary[down]) / length;
    } else {
      const downSize = Math.hypot(real[down], imaginary[down]);
      sr = real[down] / downSize;
      si = -imaginary[down] / downSize;
    }
    rotateRows(T, k, c, sr, si);
    real[down] = 0;
    imaginary[down] = 0;
    cosines[k - low] = c;
    sinesReal[k - low] = sr;
    sinesImaginary[k - low] = si;
  }
  for (let k = low; k < high; k++) {
    const c = cosines[k - low];
    const sr = sinesReal[k - low];
    const si = sinesImaginary[k - low];
    rotateColumns(T, k, c, sr, si, k + 2);
    rotateColumns(Q, k, c, sr, si, n);
  }
  for (let i = low; i <= high; i++) {
    real[i * n + i] += shiftReal;
    imaginary[i * n + i] += shiftImaginary;
  }
}

/** Rows k, k+1 from column k on: `(x, y) ← (c x + s y, −s̄ x + c y)`. */
function rotateRows(
  { size: n, real, imaginary }: ComplexMatrix,
  k: number,
  c: number,
  sr: number,
  si: number,
): void {
  for (let p = k * n + k; p < (k + 1) * n; p++) {
    const q = p + n;
    const [xr, xi, yr, yi] = [real[p], imaginary[p], real[q], imaginary[q]];
    real[p] = c * xr + sr * yr - si * yi;
    imaginary[p] = c * xi + sr * yi + si * yr;
    real[q] = c * yr - sr * xr - si * xi;
    imaginary[q] = c * yi - sr * xi + si * xr;
  }
}

/** Columns k, k+1 of the first `rows` rows: `(x, y) ← (c x + s̄ y, −s x + c y)`. */
function rotateColumns(
  { size: n, real, imaginary }: ComplexMatrix,
  k: number,
  c: number,
  sr: number,
  si: number,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) {
    const p = i * n + k;
    const q = p + 1;
    const [xr, xi, yr, yi] = [real[p], imaginary[p], real[q], imaginary[q]];
    real[p] = c * xr + sr * yr + si * yi;
    imaginary[p] = c * xi + sr * yi - si * yr;
    real[q] = c * yr - sr * xr + si * xi;
    imaginary[q] = c * yi - sr * xi - si * xr;
  }
}

/** Wilkinson's shift: the eigenvalue of the last 2 × 2 block nearer to its last entry; now and then another. */
function shift(T: ComplexMatrix, high: number, sweep: number): [number, number] {
  const n = T.size;
  const { real, imaginary } = T;
  const d = high * n + high;
  const c = d - 1;
  if (sweep % 10 === 0) return [Math.abs(real[c]) + real[d], Math.abs(imaginary[c])];
  const a = d - n - 1;
  const b = d - n;
  // Eigenvalues of [a b; c d] are d + h ± √(h² + bc), h = (a − d)/2; the nearer one is d − bc/(h ± √…).
  const [hr, hi] = [0.5 * (real[a] - real[d]), 0.5 * (imaginary[a] - imaginary[d])];
  const bcr = real[b] * real[c] - imaginary[b] * imaginary[c];
  const bci = real[b] * imaginary[c] + imaginary[b] * real[c];
  let [rr, ri] = complexSqrt(hr * hr - hi * hi + bcr, 2 * hr * hi + bci);
  if (hr * rr + hi * ri < 0) [rr, ri] = [-rr, -ri];
  const [er, ei] = [hr + rr, hi + ri];
  const size = er * er + ei * ei;
  if (size === 0) return [real[d], imaginary[d]];
  return [real[d] - (bcr * er + bci * ei) / size, imaginary[d] - (bci * er - bcr * ei) / size];
}

/** Principal square root (real part ≥ 0), without overflow or underflow. */
export function complexSqrt(real: number, imaginary: number): [number, number] {
  const largest = Math.max(Math.abs(real), Math.abs(imaginary));
  if (largest === 0) return [0, 0];
  // By a power of four, whose root is one of two.
  const root = largest > 1e300 || largest < 1e-280 ? 2 ** Math.round(Math.log2(largest) / 2) : 1;
  const [re, im] = [real / root / root, imaginary / root / root];
  const size = Math.hypot(re, im);
  const larger = root * Math.sqrt(0.5 * (size + Math.abs(re)));
  const smaller = Math.abs(imaginary) / (2 * larger);
  const sign = imaginary < 0 ? -1 : 1;
  return real >= 0 ? [larger, sign * smaller] : [smaller, sign * larger];
}
