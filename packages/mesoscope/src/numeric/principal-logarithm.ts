import { requireThat } from './checks.ts';
import { isSingularToRounding } from './decompositions.ts';
import type { Matrix } from './matrix.ts';
import { powerIteration } from './power-iteration.ts';
import { randomStream } from './random.ts';
import { type ComplexMatrix, complexSqrt, type SchurForm, schurForm } from './schur.ts';
import { norm } from './vector.ts';

/** Nodes x and weights w of Gauss–Legendre quadrature on [0, 1], 8 points. */
const gaussLegendre8: readonly (readonly [x: number, w: number])[] = [
  0.1834346424956498, 0.525532409916329, 0.7966664774136267, 0.9602898564975363,
].flatMap((node, k) => {
  const weight = [0.362683783378362, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763][k];
  return [
    [0.5 * (1 - node), 0.5 * weight],
    [0.5 * (1 + node), 0.5 * weight],
  ] as const;
});

/**
 * The principal square root of a real square matrix: the one whose eigenvalues have positive real part. Schur method
 * (Björck & Hammarling, Linear Algebra Appl. 52, 1983).
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`; `invalid-value` if an eigenvalue lies on (−∞, 0] up to
 *   rounding. How much the result can be trusted says {@link squareRootCondition}
 */
export function principalSquareRoot(a: Matrix): Matrix {
  return principalFunction(a, triangularSquareRoot);
}

/**
 * The principal logarithm of a real square matrix: the one whose eigenvalues have imaginary part in (−π, π). Inverse
 * scaling and squaring on the Schur form (Kenney & Laub, SIAM J. Matrix Anal. Appl. 10, 1989): square roots until the
 * matrix is near the identity, then the [8/8] Padé approximant as a sum of partial fractions.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`; `invalid-value` if an eigenvalue lies on (−∞, 0] up to
 *   rounding. How much the result can be trusted says {@link logarithmCondition}
 */
export function principalLogarithm(a: Matrix): Matrix {
  return principalFunction(a, triangularLogarithm);
}

/**
 * By how much a relative change of A changes its principal square root, relative to that: `|L| |A|/|√A|`, L the derivative
 * `E ↦ d√(A + tE)/dt`, norms of Frobenius. Times 2⁻⁵² it is the relative error to be expected; large for nearly singular
 * matrices, above all defective ones (Higham, Functions of Matrices, ch. 3 and 6). Estimated from below.
 *
 * @throws MesoscopeError as {@link principalSquareRoot}
 */
export function squareRootCondition(a: Matrix): number {
  return condition(principalSchurForm(a).T, triangularSquareRoot);
}

/** As {@link squareRootCondition}, for the logarithm, relative to 1 where that is smaller: `|L| |A|/max(1, |log A|)`. */
export function logarithmCondition(a: Matrix): number {
  return condition(principalSchurForm(a).T, triangularLogarithm);
}

/** A function of upper triangular matrices. */
type TriangularFunction = (t: ComplexMatrix) => ComplexMatrix;

function principalFunction(a: Matrix, f: TriangularFunction): Matrix {
  const { Q, T } = principalSchurForm(a);
  return fromSchurBasis(Q, f(T));
}

function principalSchurForm(a: Matrix): SchurForm {
  const form = schurForm(a);
  const { size: n, real, imaginary } = form.T;
  const expected =
    'no eigenvalue on (−∞, 0], nor one that rounding does not tell from 0 (received: one): there is no principal root or logarithm';
  for (let i = 0; i < n; i++) {
    const [re, im] = [real[i * n + i], imaginary[i * n + i]];
    requireThat(!(re <= 0 && Math.abs(im) <= 1e-13 * Math.abs(re)), 'matrix', re, expected);
  }
  requireThat(!isSingularToRounding(a), 'matrix', 0, expected);
  return form;
}

/** `|L| |T|/|f(T)|` by the power method on `L*L`; `L(E)` stands in `f([T E; 0 T])`, and `L*(Y) = L(Yᴴ)ᴴ`. */
function condition(t: ComplexMatrix, f: TriangularFunction): number {
  const n = t.size;
  const size = (m: ComplexMatrix) => Math.hypot(norm(m.real), norm(m.imaginary));
  const derivative = (e: Float64Array): Float64Array => {
    const block = complexZeros(2 * n);
    const result = new Float64Array(2 * n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        for (const shift of [0, n]) {
          block.real[(shift + i) * 2 * n + shift + j] = t.real[i * n + j];
          block.imaginary[(shift + i) * 2 * n + shift + j] = t.imaginary[i * n + j];
        }
        block.real[i * 2 * n + n + j] = e[i * n + j];
        block.imaginary[i * 2 * n + n + j] = e[n * n + i * n + j];
      }
    }
    const value = f(block);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        result[i * n + j] = value.real[i * 2 * n + n + j];
        result[n * n + i * n + j] = value.imaginary[i * 2 * n + n + j];
      }
    }
    return result;
  };
  const adjoint = (e: Float64Array): Float64Array =>
    e.map((_, k) =>
      k < n * n
        ? e[(k % n) * n + Math.floor(k / n)]
        : -e[n * n + ((k - n * n) % n) * n + Math.floor((k - n * n) / n)],
    );
  const start = randomStream(0, 'condition').normals(new Float64Array(2 * n * n));
  const { value } = powerIteration((e) => adjoint(derivative(adjoint(derivative(e)))), start, {
    iterations: 12,
    tolerance: 1e-2,
  });
  const image = size(f(t));
  return (Math.sqrt(value) * size(t)) / (f === triangularLogarithm ? Math.max(1, image) : image);
}

function triangularLogarithm(T: ComplexMatrix): ComplexMatrix {
  const n = T.size;
  const exact = Array.from({ length: n }, (_, i) => {
    const [real, imaginary] = [T.real[i * n + i], T.imaginary[i * n + i]];
    return [Math.log(Math.hypot(real, imaginary)), Math.atan2(imaginary, real)] as const;
  });
  let root = T;
  let roots = 0;
  while (distanceFromIdentity(root) > 0.25) {
    root = triangularSquareRoot(root);
    roots++;
  }
  const x = { ...root, real: root.real.slice(), imaginary: root.imaginary.slice() };
  exact.forEach(([real, imaginary], i) => {
    // e^z − 1 without the cancellation of root − 1.
    const [zr, zi] = [real * 2 ** -roots, imaginary * 2 ** -roots];
    const sine = Math.sin(0.5 * zi);
    x.real[i * n + i] = Math.expm1(zr) - 2 * Math.exp(zr) * sine * sine;
    x.imaginary[i * n + i] = Math.exp(zr) * Math.sin(zi);
  });
  const result = complexZeros(n);
  for (const [node, weight] of gaussLegendre8) {
    addFraction(result, x, node, weight * 2 ** roots);
  }
  exact.forEach(([real, imaginary], i) => {
    result.real[i * n + i] = real;
    result.imaginary[i * n + i] = imaginary;
  });
  return result;
}

/** Upper triangular R with `R² = T`: `R_ij = (T_ij − Σ_{i<k<j} R_ik R_kj)/(R_ii + R_jj)`. */
function triangularSquareRoot({ size: n, real, imaginary }: ComplexMatrix): ComplexMatrix {
  const r = complexZeros(n);
  for (let j = 0; j < n; j++) {
    const d = j * n + j;
    [r.real[d], r.imaginary[d]] = complexSqrt(real[d], imaginary[d]);
    for (let i = j - 1; i >= 0; i--) {
      let sr = real[i * n + j];
      let si = imaginary[i * n + j];
      for (let k = i + 1; k < j; k++) {
        const [ar, ai] = [r.real[i * n + k], r.imaginary[i * n + k]];
        const [br, bi] = [r.real[k * n + j], r.imaginary[k * n + j]];
        sr -= ar * br - ai * bi;
        si -= ar * bi + ai * br;
      }
      const dr = r.real[i * n + i] + r.real[d];
      const di = r.imaginary[i * n + i] + r.imaginary[d];
      const square = dr * dr + di * di;
      r.real[i * n + j] = (sr * dr + si * di) / square;
      r.imaginary[i * n + j] = (si * dr - sr * di) / square;
    }
  }
  return r;
}

/** 1-norm of `T − I`. */
function distanceFromIdentity({ size: n, real, imaginary }: ComplexMatrix): number {
  let largest = 0;
  for (let j = 0; j < n; j++) {
    let sum = 0;
    for (let i = 0; i <= j; i++) {
      sum += Math.hypot(real[i * n + j] - (i === j ? 1 : 0), imaginary[i * n + j]);
    }
    largest = Math.max(largest, sum);
  }
  return largest;
}

/** `result += factor · (I + node·X)⁻¹ X`, all upper triangular. */
function addFraction(result: ComplexMatrix, x: ComplexMatrix, node: number, factor: number): void {
  const n = x.size;
  const columnReal = new Float64Array(n);
  const columnImaginary = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    for (let i = j; i >= 0; i--) {
      let sr = x.real[i * n + j];
      let si = x.imaginary[i * n + j];
      for (let k = i + 1; k <= j; k++) {
        const [ar, ai] = [node * x.real[i * n + k], node * x.imaginary[i * n + k]];
        sr -= ar * columnReal[k] - ai * columnImaginary[k];
        si -= ar * columnImaginary[k] + ai * columnReal[k];
      }
      const dr = 1 + node * x.real[i * n + i];
      const di = node * x.imaginary[i * n + i];
      const square = dr * dr + di * di;
      columnReal[i] = (sr * dr + si * di) / square;
      columnImaginary[i] = (si * dr - sr * di) / square;
      result.real[i * n + j] += factor * columnReal[i];
      result.imaginary[i * n + j] += factor * columnImaginary[i];
    }
  }
}

/** Real part of `Q T Qᴴ`, T upper triangular. */
function fromSchurBasis(q: ComplexMatrix, t: ComplexMatrix): Matrix {
  const n = q.size;
  const data = new Float64Array(n * n);
  const rowReal = new Float64Array(n);
  const rowImaginary = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    rowReal.fill(0);
    rowImaginary.fill(0);
    for (let k = 0; k < n; k++) {
      const [qr, qi] = [q.real[i * n + k], q.imaginary[i * n + k]];
      for (let j = k; j < n; j++) {
        const [tr, ti] = [t.real[k * n + j], t.imaginary[k * n + j]];
        rowReal[j] += qr * tr - qi * ti;
        rowImaginary[j] += qr * ti + qi * tr;
      }
    }
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) {
        sum += rowReal[k] * q.real[j * n + k] + rowImaginary[k] * q.imaginary[j * n + k];
      }
      data[i * n + j] = sum;
    }
  }
  return { rows: n, columns: n, data };
}

function complexZeros(size: number): ComplexMatrix {
  const length = size * size;
  return { size, real: new Float64Array(length), imaginary: new Float64Array(length) };
}
