import { requirePositive, requireThat } from './checks.ts';
import {
  halfLineIntegral,
  incompleteBeta,
  incompleteGamma,
  logGammaRatio,
} from './special-functions.ts';

/** `P(Z > z)` of a standard normal, without cancellation in the tail. @throws MesoscopeError `invalid-value` for NaN */
export function normalUpperTail(z: number): number {
  requireNumber('z', z);
  if (z === Number.POSITIVE_INFINITY) return 0;
  if (z > 5) return normalDensity(z) * millsRatio(z);
  const { lower, upper } = incompleteGamma(0.5, 0.5 * z * z);
  return z >= 0 ? 0.5 * upper : 0.5 * (1 + lower);
}

/** `e^{−z²/2}/√2π`; z² with the bits that one product loses (Dekker). */
function normalDensity(z: number): number {
  const square = z * z;
  const shifted = 134217729 * z;
  const high = shifted - (shifted - z);
  const low = z - high;
  const lost = high * high - square + 2 * high * low + low * low;
  // exp underflows only where the density does: beyond |z| = 39 nothing is left to correct.
  const correction = Math.abs(z) < 40 ? Math.exp(-0.5 * lost) : 1;
  return (Math.exp(-0.5 * square) * correction) / Math.sqrt(2 * Math.PI);
}

/** `P(Z > z)/φ(z) = ∫_0^∞ e^{−zw − w²/2} dw` for z ≥ 0. */
function millsRatio(z: number): number {
  return halfLineIntegral((w) => -w * (z + 0.5 * w), 1 / (1 + z));
}

/**
 * `P(X > x)` of a chi-square with `degrees` degrees of freedom.
 *
 * @throws MesoscopeError `invalid-value` for degrees that are not finite and > 0, or NaN
 */
export function chiSquareUpperTail(x: number, degrees: number): number {
  requirePositive('degrees', degrees);
  requireNumber('x', x);
  return incompleteGamma(0.5 * degrees, 0.5 * x).upper;
}

/** From so many degrees of freedom on the density is integrated; below, the incomplete beta function is quick. */
const manyDegrees = 100;

/**
 * `P(T > t)` of Student's t with `degrees` > 0 degrees of freedom, ∞ included (standard normal), without cancellation in
 * the tail.
 *
 * @throws MesoscopeError `invalid-value` for degrees ≤ 0 or NaN
 */
export function studentUpperTail(t: number, degrees: number): number {
  requireDegrees(degrees);
  requireNumber('t', t);
  const { centre, tail } = studentParts(Math.abs(t), degrees);
  return t >= 0 ? tail : 0.5 + centre;
}

/** `P(0 < T < t)` and `P(T > t)` for t ≥ 0, the smaller one without cancellation. */
function studentParts(t: number, degrees: number): { centre: number; tail: number } {
  if (degrees === Number.POSITIVE_INFINITY) {
    const tail = normalUpperTail(t);
    return { centre: 0.5 - tail, tail };
  }
  const half = 0.5 * degrees;
  const inverse = Math.sqrt(degrees) / t;
  if (inverse < 1e-9) {
    // The leading term; squares would underflow where the tail need not.
    const logTail = degrees * Math.log(inverse) + logGammaRatio(half, 0.5) - Math.log(half);
    const tail = (0.5 * Math.exp(logTail)) / Math.sqrt(Math.PI);
    return { centre: 0.5 - tail, tail };
  }
  const square = t * t;
  if (degrees < manyDegrees || square < 1) {
    const total = degrees + square;
    const { lower, upper } = incompleteBeta(half, 0.5, degrees / total, square / total);
    return { centre: 0.5 * upper, tail: 0.5 * lower };
  }
  // The density is C(1 + s²/ν)^{−(ν+1)/2}; (1 + (t+w)²/ν)/(1 + t²/ν) = 1 + w(2t + w)/(ν + t²).
  const power = half + 0.5;
  const rest = halfLineIntegral(
    (w) => -power * Math.log1p((w * (2 * t + w)) / (degrees + square)),
    1 / (1 + t),
  );
  const logConstant = logGammaRatio(half, 0.5) - 0.5 * Math.log(Math.PI * degrees);
  const tail = rest * Math.exp(logConstant - power * Math.log1p(square / degrees));
  return { centre: 0.5 - tail, tail };
}

/**
 * The z with `P(Z ≤ z) = probability` for a standard normal, 0 < probability < 1; relative error about 1e-14.
 *
 * @throws MesoscopeError `invalid-value` outside (0, 1)
 */
export function normalQuantile(probability: number): number {
  requireProbability(probability);
  const tail = Math.min(probability, 1 - probability);
  const z = 0.5 - tail < 0.25 ? normalQuantileFromCentre(0.5 - tail) : normalQuantileOfTail(tail);
  return probability < 0.5 ? -z : z;
}

/** `P(0 < Z < z) = centre`: Newton's method from below, where the function is concave. */
function normalQuantileFromCentre(centre: number): number {
  let z = centre * Math.sqrt(2 * Math.PI);
  for (;;) {
    const missing = centre - 0.5 * incompleteGamma(0.5, 0.5 * z * z).lower;
    const next = z + missing / normalDensity(z);
    if (!(next > z * (1 + 1e-15))) return z;
    z = next;
  }
}

/** `P(Z > z) = tail`: Newton's method for its logarithm, a concave function, from an upper bound: it decreases to z. */
function normalQuantileOfTail(tail: number): number {
  let z = Math.sqrt(-2 * Math.log(2 * tail));
  for (;;) {
    const ratio = z > 5 ? millsRatio(z) : normalUpperTail(z) / normalDensity(z);
    const logTail = Math.log(ratio) - 0.5 * z * z - 0.5 * Math.log(2 * Math.PI);
    const next = z + (logTail - Math.log(tail)) * ratio;
    if (!(next < z * (1 - 1e-15))) return z;
    z = next;
  }
}

/**
 * The t with `P(T ≤ t) = probability` for Student's t with `degrees` > 0 degrees of freedom, ∞ included; ±∞ where that is
 * beyond the numbers.
 *
 * @throws MesoscopeError `invalid-value` for a probability outside (0, 1) or degrees ≤ 0
 */
export function studentQuantile(probability: number, degrees: number): number {
  requireDegrees(degrees);
  if (degrees === Number.POSITIVE_INFINITY) return normalQuantile(probability);
  requireProbability(probability);
  const tail = Math.min(probability, 1 - probability);
  // Near the middle the distance to it is exact, and the tail is not.
  const centre = 0.5 - tail;
  if (centre === 0) return 0;
  const t = leastPositive(
    centre < 0.25
      ? (candidate) => studentParts(candidate, degrees).centre >= centre
      : (candidate) => studentParts(candidate, degrees).tail <= tail,
  );
  return probability < 0.5 ? -t : t;
}

/**
 * The x with `I_x(a, b) = probability`: quantile of the beta law.
 *
 * @throws MesoscopeError `invalid-value` outside (0, 1), or for a, b that are not finite and > 0
 */
export function betaQuantile(probability: number, a: number, b: number): number {
  requireProbability(probability);
  requirePositive('a', a);
  requirePositive('b', b);
  const x = leastPositive(
    probability < 0.5
      ? (candidate) => incompleteBeta(a, b, Math.min(1, candidate)).lower >= probability
      : (candidate) => incompleteBeta(a, b, Math.min(1, candidate)).upper <= 1 - probability,
  );
  return Math.min(1, x);
}

/**
 * The x with `1 − I_x(a, b) = tail`, without what is lost in `1 − tail`.
 *
 * @throws MesoscopeError `invalid-value` outside (0, 1), or for a, b that are not finite and > 0
 */
export function betaUpperQuantile(tail: number, a: number, b: number): number {
  requireProbability(tail, 'tail');
  requirePositive('a', a);
  requirePositive('b', b);
  const x = leastPositive(
    (candidate) => incompleteBeta(a, b, Math.min(1, candidate)).upper <= tail,
  );
  return Math.min(1, x);
}

/** The smallest positive number, to rounding, at which a monotone condition holds; ∞ if at none. */
function leastPositive(holds: (x: number) => boolean): number {
  let low = 0;
  let high = 1;
  if (holds(high)) {
    low = high / 2;
    while (low > 0 && holds(low)) [low, high] = [low / 16, low];
  } else {
    while (high < Number.POSITIVE_INFINITY && !holds(high)) [low, high] = [high, 16 * high];
    if (high === Number.POSITIVE_INFINITY) return high;
  }
  for (;;) {
    const middle = low + 0.5 * (high - low);
    if (middle <= low || middle >= high) return high;
    if (holds(middle)) high = middle;
    else low = middle;
  }
}

/** Refuses what is not strictly between 0 and 1. */
export function requireProbability(received: number, path = 'probability'): void {
  requireThat(received > 0 && received < 1, path, received, 'a number strictly between 0 and 1');
}

function requireDegrees(degrees: number): void {
  requireThat(degrees > 0, 'degrees', degrees, 'a number of degrees of freedom > 0');
}

function requireNumber(path: string, received: number): void {
  requireThat(!Number.isNaN(received), path, received, 'a number');
}
