import {
  eigenvalues,
  inverse,
  spectralFunction,
  symmetricEigen,
} from '../numeric/decompositions.ts';
import {
  add,
  identity,
  largestEntry,
  type Matrix,
  multiply,
  multiplyVector,
  oneNorm,
  scale,
  subtract,
  symmetricPart,
  trace,
  transpose,
} from '../numeric/matrix.ts';
import { solveLyapunov } from '../numeric/matrix-equations.ts';
import { exponentialIntegral, matrixExponential } from '../numeric/matrix-functions.ts';
import { advanceRiccati, type RiccatiForm, riccatiStep } from './riccati.ts';

export interface BlowUpPrediction {
  /** The depth at which the covariance becomes infinite; null: not before `searchedTo`. */
  readonly time: number | null;
  /** Up to where a blow-up is excluded, or its time; `Infinity`: there is none, ever. */
  readonly searchedTo: number;
  /** One sentence: what decided. */
  readonly reason: string;
}

export interface BlowUpOptions {
  /** Where to stop looking; default `Infinity`: until it is decided, or 2000 steps did not decide. */
  readonly horizon?: number;
}

const stepLimit = 2000;

/**
 * When the covariance of the Riccati flow becomes infinite: the first t at which `λ(t) = λ_max(LᵀG(t)L)`, `Σ_0 = LLᵀ`,
 * `G(t) = ∫_0^t e^{Wᵀs}Me^{Ws}ds`, reaches 1, since `Σ(t) = e^{Wt}L(I − LᵀG(t)L)^{-1}Lᵀe^{Wᵀt}`. For W = 0:
 * `1/λ_max(LᵀML)` if that is positive, else never.
 *
 * λ need not be monotone. With the positive part `M₊ ⪰ M`, `G(s) ⪯ G₊(h)` for all s ≤ h: a step h is taken only where
 * `λ_max(LᵀG₊(h)L) < 1`, and halved otherwise, so that no crossing is stepped over; after a step the flow starts anew
 * from its own L, which keeps the numbers of one size. The root itself is bisected once λ rises throughout the bracket.
 *
 * Proofs that there is none: M ⪯ 0; every eigenvalue of W with negative real part and `λ_max(LᵀG₊(∞)L) < 1`; every
 * eigenvalue of W with positive real part and P = Σ^{-1} so near to its attracting equilibrium P* ≻ 0 that a quadratic
 * Lyapunov function keeps it positive definite.
 *
 * Source: arXiv 2606.07600; Reid, Riccati Differential Equations (1972).
 */
export function predictBlowUp(
  form: RiccatiForm,
  factor: Matrix,
  { horizon = Number.POSITIVE_INFINITY }: BlowUpOptions = {},
): BlowUpPrediction {
  const { M, W } = form;
  if (overflows(M, factor)) return undecided(0, 'LᵀML overflows');
  const positive = positivePart(M);
  if (largestEntry(positive) === 0) {
    return never('M is negative semi-definite, so the inverse covariance only gains');
  }
  if (largestEntry(W) === 0) {
    const rate = largestEigenvalue(positivePart(congruence(M, factor)));
    if (rate === 0) return never('W = 0 and M is negative semi-definite on the support');
    return 1 / rate <= horizon
      ? found(1 / rate, 'W = 0: the reciprocal of λ_max(LᵀML)')
      : undecided(horizon, 'the blow-up lies past the horizon');
  }
  const excluded = exclusion(form, positive);
  let t = 0;
  let L = factor;
  let h = 1 / Math.max(oneNorm(W), oneNorm(congruence(positive, factor)));
  for (let step = 0; step < stepLimit; step++) {
    const reason = excluded(L);
    if (reason !== null) return never(reason);
    if (t >= horizon) return undecided(horizon, 'λ_max(LᵀG(t)L) < 1 up to the horizon');
    const size = Math.min(h, horizon - t, 1 / oneNorm(W));
    if (t + size === t) return found(t, 'λ_max(LᵀG(t)L) reaches 1');
    if (largestEigenvalue(congruence(exponentialIntegral(W, positive, size), L)) >= 1) {
      // Where M is indefinite, M₊ may forbid steps long before λ itself comes near 1.
      const window = Math.min(1e-2 / oneNorm(W), horizon - t);
      const root = size <= window ? risingRoot(form, L, window) : null;
      if (root !== null) return found(t + root, 'λ_max(LᵀG(t)L) reaches 1');
      h = size / 2;
      continue;
    }
    const next = advanceRiccati(riccatiStep(form, size), L);
    if (next === null || overflows(M, next)) {
      return undecided(t, 'the covariance overflows without a blow-up');
    }
    L = next;
    t += size;
    h = 2 * size;
  }
  return undecided(t, `${stepLimit} steps did not decide`);
}

/**
 * Tells why there is no blow-up from LLᵀ on, or null; always null where an eigenvalue of W is imaginary up to rounding, or so
 * small that its Lyapunov equations overflow.
 */
function exclusion({ M, W }: RiccatiForm, positive: Matrix): (L: Matrix) => string | null {
  const { real, imaginary } = eigenvalues(W);
  const d = W.rows;
  const unknown = () => null;
  const size = Math.max(...real.map((re, i) => Math.hypot(re, imaginary[i])));
  if (!(Math.min(...real.map(Math.abs)) > 1e-12 * size)) return unknown;
  if (real[0] < 0) {
    const tail = solveLyapunov(transpose(W), positive);
    if (!finite(tail)) return unknown;
    return (L) =>
      largestEigenvalue(congruence(tail, L)) < 1
        ? 'all eigenvalues of W have negative real part and λ_max(LᵀG(t)L) < 1 for all t'
        : null;
  }
  if (!(real[d - 1] > 0)) return unknown;
  const target = solveLyapunov(transpose(W), M);
  // WᵀX + XW = I: e^{−Wᵀs}Xe^{−Ws} ⪯ X, so P − P* ⪰ −cX is kept by the flow.
  const X = solveLyapunov(transpose(W), scale(-1, identity(d)));
  if (!finite(target) || !finite(X) || !(symmetricEigen(target).values[0] > 0)) return unknown;
  const root = spectralFunction(symmetricEigen(X), (value) => 1 / Math.sqrt(value));
  return (L) => {
    // More spread blows up earlier, so the rank may be filled up.
    const covariance = multiply(L, transpose(L));
    const P = symmetricPart(inverse(add(covariance, identity(d), 1e-9 * trace(covariance))));
    const c = Math.max(0, largestEigenvalue(congruence(subtract(target, P), root)));
    return symmetricEigen(add(target, X, -c)).values[0] > 0
      ? 'the inverse covariance stays positive definite on its way to its equilibrium'
      : null;
  };
}

/** The root of `λ_max(LᵀG(s)L) = 1` in (0, h], if λ is above 1 at h and rises on the way; else null. */
function risingRoot({ M, W }: RiccatiForm, L: Matrix, h: number): number | null {
  const at = (s: number) => symmetricEigen(congruence(exponentialIntegral(W, M, s), L));
  const last = L.columns - 1;
  for (let k = 8; k >= 0; k--) {
    const s = (k * h) / 8;
    const { values, vectors } = at(s === 0 ? h * 1e-9 : s);
    if (k === 8 && values[last] < 1) return null;
    const top = Float64Array.from(
      { length: L.columns },
      (_, i) => vectors.data[i * L.columns + last],
    );
    const y = multiplyVector(multiply(matrixExponential(scale(s, W)), L), top);
    const slope = multiplyVector(M, y).reduce((sum, entry, i) => sum + entry * y[i], 0);
    if (!(slope > 0)) return null;
  }
  let low = 0;
  let high = h;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return high;
    if (at(middle).values[last] < 1) low = middle;
    else high = middle;
  }
}

/** `M₊`: the eigenvalues at or below rounding, `1e-14 max|λ|`, become 0. */
function positivePart(M: Matrix): Matrix {
  const eigen = symmetricEigen(M);
  const floor = 1e-14 * Math.max(Math.abs(eigen.values[0]), Math.abs(eigen.values[M.rows - 1]));
  return spectralFunction(eigen, (value) => (value > floor ? value : 0));
}

/** Whether M, L, LLᵀ or LᵀML leave the range of numbers, or may do so in one step. */
function overflows(M: Matrix, L: Matrix): boolean {
  const size = largestEntry(L);
  return !(size < 1e150 && largestEntry(M) * Math.max(1, size * size) < 1e300);
}

function finite({ data }: Matrix): boolean {
  return data.every(Number.isFinite);
}

/** `YᵀMY`. */
function congruence(M: Matrix, Y: Matrix): Matrix {
  return symmetricPart(multiply(transpose(Y), M, Y));
}

function largestEigenvalue(a: Matrix): number {
  return symmetricEigen(a).values[a.rows - 1];
}

function found(time: number, reason: string): BlowUpPrediction {
  return { time, searchedTo: time, reason };
}

function never(reason: string): BlowUpPrediction {
  return { time: null, searchedTo: Number.POSITIVE_INFINITY, reason };
}

function undecided(searchedTo: number, reason: string): BlowUpPrediction {
  return { time: null, searchedTo, reason };
}
