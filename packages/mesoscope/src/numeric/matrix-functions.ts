import { requireFinite, requireShape, requireThat } from './checks.ts';
import { solve, spectralFunction, symmetricEigen } from './decompositions.ts';
import {
  add,
  block,
  identity,
  largestEntry,
  type Matrix,
  multiply,
  oneNorm,
  requireSquare,
  scale,
  subtract,
  transpose,
  zeros,
} from './matrix.ts';
import { positivePower } from './power.ts';
import { largestMagnitude } from './vector.ts';

/** Coefficients of the [13/13] Padé approximant of the exponential. */
const pade13 = [
  64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
  10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
];

/** Largest 1-norm for which the approximant above is exact to rounding in double precision. */
const pade13Radius = 5.371920351148152;

/** The same for roots `‖Aᵏ‖^{1/k}` in place of the norm; smaller, so that the denominator stays well conditioned. */
const pade13PowerRadius = 4.25;

/** `13!²/(26! 27!)`: the first coefficient of the approximant's backward error, at the power 27 of A. */
const pade13Error = 8.82996160201868e-36;

/**
 * `e^A` by scaling and squaring with the [13/13] Padé approximant (Higham, SIAM J. Matrix Anal. Appl. 26, 2005), scaled no
 * further than norms of powers of A ask for (Al-Mohy & Higham, SIAM J. Matrix Anal. Appl. 31, 2009).
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite` (also if the result overflows)
 */
export function matrixExponential(a: Matrix): Matrix {
  requireFinite('matrix', a.data);
  requireSquare(a);
  const squarings = squaringsOf(a);
  const x = scale(2 ** -squarings, a);
  const one = identity(a.rows);
  const x2 = multiply(x, x);
  const x4 = multiply(x2, x2);
  const x6 = multiply(x2, x4);
  const combine = (high: number, low: number) => {
    const head = sum([pade13[high], x6], [pade13[high - 2], x4], [pade13[high - 4], x2]);
    return add(
      multiply(x6, head),
      sum([pade13[low], x6], [pade13[low - 2], x4], [pade13[low - 4], x2], [pade13[low - 6], one]),
    );
  };
  const odd = multiply(x, combine(13, 7));
  const even = combine(12, 6);
  let result = solve(subtract(even, odd), add(even, odd));
  for (let k = 0; k < squarings; k++) result = multiply(result, result);
  requireFinite('exponential of the matrix', result.data);
  return result;
}

/**
 * The s with which `A/2^s` is small enough for the approximant. The norm bounds s from above; where powers of A grow slower than
 * powers of its norm, as for matrices far from normal, they allow a smaller one, and each squaring saved is one less that
 * amplifies rounding.
 */
function squaringsOf(a: Matrix): number {
  const byNorm = halvings(oneNorm(a) / pade13Radius);
  if (byNorm === 0) return 0;
  const byPowers = halvings(sizeOfPowers(a) / pade13PowerRadius);
  const scaled = scale(2 ** -byPowers, a);
  const error = (pade13Error * absolutePowerNorm(scaled, 27)) / oneNorm(scaled);
  return Math.min(byNorm, byPowers + halvings(positivePower(error * 2 ** 53, 1 / 26)));
}

/** How often a size is to be halved until it is at most 1. */
function halvings(size: number): number {
  return Math.max(0, Math.ceil(Math.log2(size)));
}

/**
 * `min(max(d₆, d₈), max(d₈, d₁₀)) ≤ ‖A‖₁`, `d_k = ‖Aᵏ‖₁^{1/k}`: it takes the place of the norm in power series of A from the
 * power 12 on (Al-Mohy & Higham 2009).
 */
function sizeOfPowers(a: Matrix): number {
  const byNorm = halvings(oneNorm(a));
  // Further out, powers of A scaled to norm 1 may underflow where those of A are not small.
  if (byNorm > 120) return oneNorm(a);
  const x = scale(2 ** -byNorm, a);
  const x2 = multiply(x, x);
  const x4 = multiply(x2, x2);
  const x6 = multiply(x2, x4);
  const root = (power: Matrix, exponent: number) => positivePower(oneNorm(power), 1 / exponent);
  const [d6, d8, d10] = [root(x6, 6), root(multiply(x4, x4), 8), root(multiply(x4, x6), 10)];
  return Math.min(Math.max(d6, d8), Math.max(d8, d10)) * 2 ** byNorm;
}

/** `‖|A|^k‖₁`, by products of rows with |A|. */
function absolutePowerNorm({ rows, data }: Matrix, exponent: number): number {
  let sums = new Float64Array(rows).fill(1);
  for (let k = 0; k < exponent; k++) {
    const next = new Float64Array(rows);
    data.forEach((entry, index) => {
      next[index % rows] += sums[Math.floor(index / rows)] * Math.abs(entry);
    });
    sums = next;
  }
  return largestMagnitude(sums);
}

function sum(...terms: readonly (readonly [number, Matrix])[]): Matrix {
  const [[firstFactor, first], ...rest] = terms;
  return rest.reduce(
    (total, [factor, term]) => add(total, term, factor),
    scale(firstFactor, first),
  );
}

/**
 * The symmetric positive semi-definite square root of such a matrix. Eigenvalues of the size of rounding count
 * as zero.
 *
 * @throws MesoscopeError `invalid-value` if not symmetric or not positive semi-definite, with the eigenvalue
 */
export function symmetricSquareRoot(a: Matrix, path = 'matrix'): Matrix {
  return spectralFunction(positiveSemidefiniteEigen(a, path), Math.sqrt);
}

/**
 * The symmetric logarithm of a symmetric positive definite matrix.
 *
 * @throws MesoscopeError `invalid-value` if not symmetric or not positive definite, with the eigenvalue
 */
export function symmetricLogarithm(a: Matrix, path = 'matrix'): Matrix {
  const eigen = symmetricEigen(a, path);
  requireThat(
    eigen.values[0] > smallestSeen(eigen.values),
    path,
    eigen.values[0],
    'a positive definite matrix, all eigenvalues > 0 and told from 0 by rounding (received: the smallest)',
  );
  return spectralFunction(eigen, Math.log);
}

/**
 * Eigenvalues (≥ 0, increasing) and eigenvectors of a symmetric positive semi-definite matrix. Eigenvalues that
 * cannot be told from 0, at most `n · 2⁻⁵² · largest`, become 0, so that a degenerate matrix keeps its rank; so do
 * negative ones down to `−1e-10 · largest`.
 *
 * @throws MesoscopeError `invalid-value` if not symmetric or not positive semi-definite, with the eigenvalue
 */
export function positiveSemidefiniteEigen(a: Matrix, path = 'matrix') {
  const { values, vectors } = symmetricEigen(a, path);
  requireThat(
    !(values[0] < -1e-10 * largestEntry(a)),
    path,
    values[0],
    'a positive semi-definite matrix, all eigenvalues ≥ 0 (received: the smallest)',
  );
  const smallest = smallestSeen(values);
  return { values: values.map((value) => (value > smallest ? value : 0)), vectors };
}

/** Eigenvalues up to this size, `n 2⁻⁵²` of the largest, cannot be told from 0. */
function smallestSeen(values: Float64Array): number {
  return values.length * 2 ** -52 * values[values.length - 1];
}

/**
 * `∫_0^t e^{Wᵀs} M e^{Ws} ds`. A block exponential on a short interval (Van Loan, IEEE Trans. Automat. Control 23,
 * 1978), then doubling `G(2s) = G(s) + e^{Wᵀs} G(s) e^{Ws}`, which adds without cancellation for M ⪰ 0.
 *
 * @param t - end of the interval, of any sign
 * @throws MesoscopeError `shape-mismatch`, `not-finite` (also if the result overflows)
 */
export function exponentialIntegral(W: Matrix, M: Matrix, t: number): Matrix {
  requireFinite('W', W.data);
  requireFinite('M', M.data);
  requireFinite('t', [t]);
  requireSquare(W, 'W');
  const n = W.rows;
  requireShape('M', [M.rows, M.columns], [n, n]);
  const doublings = halvings(sizeOfPowers(scale(t, W)));
  const step = t * 2 ** -doublings;
  const exponent = zeros(2 * n, 2 * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      exponent.data[i * 2 * n + j] = -step * W.data[j * n + i];
      exponent.data[i * 2 * n + n + j] = step * M.data[i * n + j];
      exponent.data[(n + i) * 2 * n + n + j] = step * W.data[i * n + j];
    }
  }
  const exponential = matrixExponential(exponent);
  let transition = block(exponential, n, n, n, n);
  let integral = multiply(transpose(transition), block(exponential, 0, n, n, n));
  for (let k = 0; k < doublings; k++) {
    integral = add(integral, multiply(transpose(transition), integral, transition));
    transition = multiply(transition, transition);
  }
  requireFinite('integral', integral.data);
  return integral;
}
