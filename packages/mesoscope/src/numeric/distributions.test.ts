import { describe, expect, it } from 'vitest';
import {
  betaQuantile,
  chiSquareUpperTail,
  normalQuantile,
  normalUpperTail,
  studentQuantile,
  studentUpperTail,
} from './distributions.ts';
import { incompleteBeta, logGamma } from './special-functions.ts';

/** |a/b − 1|. */
function relativeError(received: number, exact: number): number {
  return Math.abs(received / exact - 1);
}

// Exact values: mpmath with 40 digits.
describe('special functions and distributions against 20-digit values', () => {
  it.each([
    [0.001, 6.907178885383853],
    [2.5, 0.2846828704729192],
    [100, 359.1342053695754],
  ])('log Γ(%s)', (x, exact) => {
    expect(relativeError(logGamma(x), exact)).toBeLessThan(1e-14);
  });

  it.each([
    [0.975, 1.9599639845400543],
    [1e-10, -6.361340902404057],
    [0.6, 0.2533471031357998],
  ])('normal quantile at %s', (probability, exact) => {
    expect(relativeError(normalQuantile(probability), exact)).toBeLessThan(1e-13);
  });

  it.each([
    [0.975, 1, 12.706204736174705],
    [0.975, 2, 4.302652729749464],
    [0.975, 3, 3.1824463052837095],
    [0.975, 5, 2.5705818356363155],
    [0.975, 10, 2.228138851986275],
    [0.975, 30, 2.042272456301238],
    [0.975, 999, 1.96234146113345],
    [0.9995, 4, 8.610301581379275],
  ])('Student quantile at %s, %s degrees', (probability, degrees, exact) => {
    expect(relativeError(studentQuantile(probability, degrees), exact)).toBeLessThan(1e-12);
    expect(studentQuantile(1 - probability, degrees)).toBeCloseTo(-exact, 10);
  });

  it('tails far out', () => {
    expect(relativeError(normalUpperTail(8), 6.220960574271784e-16)).toBeLessThan(1e-12);
    expect(relativeError(chiSquareUpperTail(18.307, 10), 0.050000589091398095)).toBeLessThan(1e-13);
    expect(relativeError(chiSquareUpperTail(100, 1), 1.523970604832105e-23)).toBeLessThan(1e-12);
    expect(relativeError(chiSquareUpperTail(1100, 1000), 0.014614408126295194)).toBeLessThan(1e-11);
    expect(studentUpperTail(-2, 4) + studentUpperTail(2, 4)).toBeCloseTo(1, 15);
  });

  it('incomplete beta and its quantile', () => {
    expect(relativeError(incompleteBeta(2.5, 3.5, 0.3).lower, 0.2967529892956664)).toBeLessThan(
      1e-13,
    );
    expect(relativeError(incompleteBeta(500, 300, 0.6).lower, 0.07292159199253187)).toBeLessThan(
      1e-11,
    );
    expect(relativeError(betaQuantile(0.025, 3, 18), 0.03207093718546371)).toBeLessThan(1e-12);
  });

  it('refuses probabilities outside (0, 1) and degrees that are not positive', () => {
    expect(() => normalQuantile(1)).toThrow(/strictly between 0 and 1/);
    expect(() => studentQuantile(0.5, 0)).toThrow(/degrees of freedom/);
  });
});
