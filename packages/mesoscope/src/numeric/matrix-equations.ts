import { requireShape, requireThat } from './checks.ts';
import { type Matrix, requireSquare, scale, transpose, zeros } from './matrix.ts';
import { type ComplexMatrix, schurForm } from './schur.ts';

/**
 * The solution of Sylvester's equation `A X + X B = C` by Schur forms of A and Bᵀ (after Bartels & Stewart,
 * Comm. ACM 15, 1972, in complex arithmetic).
 *
 * @param a - n × n
 * @param b - m × m
 * @param c - n × m
 * @throws MesoscopeError `shape-mismatch`; `invalid-value` if an eigenvalue of A and one of −B coincide up to
 *   rounding, for then there is no unique solution
 */
export function solveSylvester(a: Matrix, b: Matrix, c: Matrix): Matrix {
  requireSquare(a, 'A');
  requireSquare(b, 'B');
  requireShape('C', [c.rows, c.columns], [a.rows, b.rows]);
  const left = schurForm(a);
  const right = schurForm(transpose(b));
  // With A = QTQᴴ and Bᵀ = PSPᴴ, so B = P̄SᵀPᵀ, and Y = QᴴXP̄: TY + YSᵀ = QᴴCP̄.
  const y = changeBasis(left.Q, c, right.Q, true);
  solveTriangular(left.T, right.T, y);
  const x = changeBasis(left.Q, y, right.Q, false);
  return { rows: c.rows, columns: c.columns, data: x.real };
}

/**
 * The solution of Lyapunov's equation `A X + X Aᵀ + M = 0`; symmetric if M is, positive semi-definite if moreover
 * M ⪰ 0 and all eigenvalues of A have negative real part.
 *
 * @throws MesoscopeError `shape-mismatch`; `invalid-value` if two eigenvalues of A sum to zero
 */
export function solveLyapunov(a: Matrix, m: Matrix): Matrix {
  const x = solveSylvester(a, transpose(a), scale(-1, m));
  const n = a.rows;
  const symmetric = m.data.every((entry, index) => {
    const mirrored = m.data[(index % n) * n + Math.floor(index / n)];
    return entry === mirrored;
  });
  if (!symmetric) return x;
  const result = zeros(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      result.data[i * n + j] = 0.5 * (x.data[i * n + j] + x.data[j * n + i]);
    }
  }
  return result;
}

interface ComplexRectangle {
  readonly rows: number;
  readonly columns: number;
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

/** `QᴴCP̄` (into the Schur bases) or `QCPᵀ` (back). */
function changeBasis(
  q: ComplexMatrix,
  c: Matrix | ComplexRectangle,
  p: ComplexMatrix,
  into: boolean,
): ComplexRectangle {
  const real = 'data' in c ? c.data : c.real;
  const imaginary = 'data' in c ? new Float64Array(c.data.length) : c.imaginary;
  const [n, m] = [q.size, p.size];
  const half = complexZeros(n, m);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const index = into ? k * n + i : i * n + k;
      const qr = q.real[index];
      const qi = into ? -q.imaginary[index] : q.imaginary[index];
      for (let j = 0; j < m; j++) {
        half.real[i * m + j] += qr * real[k * m + j] - qi * imaginary[k * m + j];
        half.imaginary[i * m + j] += qr * imaginary[k * m + j] + qi * real[k * m + j];
      }
    }
  }
  const result = complexZeros(n, m);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < m; k++) {
      const hr = half.real[i * m + k];
      const hi = half.imaginary[i * m + k];
      for (let j = 0; j < m; j++) {
        const index = into ? k * m + j : j * m + k;
        const pr = p.real[index];
        const pi = into ? -p.imaginary[index] : p.imaginary[index];
        result.real[i * m + j] += hr * pr - hi * pi;
        result.imaginary[i * m + j] += hr * pi + hi * pr;
      }
    }
  }
  return result;
}

/** Solves `T Y + Y Sᵀ = Y_given` in place, T and S upper triangular: from the last entry to the first. */
function solveTriangular(t: ComplexMatrix, s: ComplexMatrix, y: ComplexRectangle): void {
  const [n, m] = [t.size, s.size];
  const size = largestDiagonal(t) + largestDiagonal(s);
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      let real = y.real[i * m + j];
      let imaginary = y.imaginary[i * m + j];
      for (let k = i + 1; k < n; k++) {
        const [tr, ti] = [t.real[i * n + k], t.imaginary[i * n + k]];
        real -= tr * y.real[k * m + j] - ti * y.imaginary[k * m + j];
        imaginary -= tr * y.imaginary[k * m + j] + ti * y.real[k * m + j];
      }
      for (let k = j + 1; k < m; k++) {
        const [sr, si] = [s.real[j * m + k], s.imaginary[j * m + k]];
        real -= sr * y.real[i * m + k] - si * y.imaginary[i * m + k];
        imaginary -= sr * y.imaginary[i * m + k] + si * y.real[i * m + k];
      }
      const dr = t.real[i * n + i] + s.real[j * m + j];
      const di = t.imaginary[i * n + i] + s.imaginary[j * m + j];
      requireThat(
        Math.hypot(dr, di) > 2 ** -50 * size,
        'A, B',
        [t.real[i * n + i], t.imaginary[i * n + i]],
        'no eigenvalue of A that is an eigenvalue of −B (received: such an eigenvalue)',
      );
      const [re, im] = divide(real, imaginary, dr, di);
      y.real[i * m + j] = re;
      y.imaginary[i * m + j] = im;
    }
  }
}

/** `(a + ib)/(c + id)`, with c and d in a unit of their own, a power of two, in which their squares neither vanish nor overflow. */
function divide(a: number, b: number, c: number, d: number): [number, number] {
  const exponent = Math.floor(Math.log2(Math.hypot(c, d)));
  const unit = 2 ** Math.max(-1000, Math.min(1000, -exponent));
  const [real, imaginary] = [c * unit, d * unit];
  const square = real * real + imaginary * imaginary;
  return [
    ((a * real + b * imaginary) / square) * unit,
    ((b * real - a * imaginary) / square) * unit,
  ];
}

function largestDiagonal({ size, real, imaginary }: ComplexMatrix): number {
  let largest = 0;
  for (let i = 0; i < size; i++) {
    largest = Math.max(largest, Math.hypot(real[i * size + i], imaginary[i * size + i]));
  }
  return largest;
}

function complexZeros(rows: number, columns: number): ComplexRectangle {
  const length = rows * columns;
  return { rows, columns, real: new Float64Array(length), imaginary: new Float64Array(length) };
}
