import { MesoscopeError } from '../errors.ts';
import { incompleteBeta, incompleteGamma } from './special-functions.ts';

/** `P(Z > z)` of a standard normal, without cancellation in the tail. */
export function normalUpperTail(z: number): number {
  const { lower, upper } = incompleteGamma(0.5, 0.5 * z * z);
  return z >= 0 ? 0.5 * upper : 0.5 * (1 + lower);
}

/** `P(X > x)` of a chi-square with `degrees` > 0 degrees of freedom. */
export function chiSquareUpperTail(x: number, degrees: number): number {
  return incompleteGamma(0.5 * degrees, 0.5 * x).upper;
}

/** `P(T > t)` of Student's t with `degrees` > 0 degrees of freedom, without cancellation in the tail. */
export function studentUpperTail(t: number, degrees: number): number {
  const square = t * t;
  const { lower, upper } = incompleteBeta(
    0.5 * degrees,
    0.5,
    degrees / (degrees + square),
    square / (degrees + square),
  );
  return t >= 0 ? 0.5 * lower : 0.5 * (1 + upper);
}

/**
 * The z with `P(Z ≤ z) = probability` for a standard normal, 0 < probability < 1; relative error about 1e-14.
 *
 * @throws MesoscopeError `invalid-value` outside (0, 1)
 */
export function normalQuantile(probability: number): number {
  requireProbability(probability);
  if (probability === 0.5) return 0;
  const tail = Math.min(probability, 1 - probability);
  // Newton's method for log P(Z > z) = log tail, a concave function, from an upper bound of z: it decreases to z.
  let z = Math.sqrt(-2 * Math.log(2 * tail));
  while (true) {
    const upper = normalUpperTail(z);
    const slope = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI) / upper;
    const next = z + Math.log(upper / tail) / slope;
    if (!(next < z * (1 - 1e-15))) break;
    z = next;
  }
  return probability < 0.5 ? -z : z;
}

/**
 * The t with `P(T ≤ t) = probability` for Student's t with `degrees` > 0 degrees of freedom.
 *
 * @throws MesoscopeError `invalid-value` for a probability outside (0, 1) or degrees ≤ 0
 */
export function studentQuantile(probability: number, degrees: number): number {
  if (!(degrees > 0)) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'degrees',
      received: degrees,
      expected: 'a number of degrees of freedom > 0',
    });
  }
  requireProbability(probability);
  if (probability === 0.5) return 0;
  const tail = Math.min(probability, 1 - probability);
  let high = 1;
  while (studentUpperTail(high, degrees) > tail) high *= 2;
  const t = bisect(0, high, (candidate) => studentUpperTail(candidate, degrees) <= tail);
  return probability < 0.5 ? -t : t;
}

/**
 * The x with `I_x(a, b) = probability`: quantile of the beta law.
 *
 * @throws MesoscopeError `invalid-value` outside (0, 1)
 */
export function betaQuantile(probability: number, a: number, b: number): number {
  requireProbability(probability);
  return bisect(0, 1, (x) => incompleteBeta(a, b, x).lower >= probability);
}

/** The smallest number in [low, high], to rounding, at which a monotone condition holds. */
function bisect(low: number, high: number, holds: (x: number) => boolean): number {
  for (let k = 0; k < 200; k++) {
    const middle = 0.5 * (low + high);
    if (middle === low || middle === high) break;
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return 0.5 * (low + high);
}

/** Refuses what is not strictly between 0 and 1. */
export function requireProbability(received: number, path = 'probability'): void {
  if (!(received > 0 && received < 1)) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path,
      received,
      expected: 'a number strictly between 0 and 1',
    });
  }
}
