/**
 * What rounding can do, in IEEE 754 double precision with rounding to nearest: every sum, product, quotient and root is off by at
 * most `u` of itself (no underflow above 1e-290). Constants are those of Higham, Accuracy and Stability of Numerical Algorithms
 * (SIAM, 2nd edition 2002).
 */

/** u = 2⁻⁵³. */
export const unitRoundoff = 2 ** -53;

/** `γ_n = n u/(1 − n u)`, rounded up: what n roundings one after the other make of a relative error (Higham, lemma 3.1). */
export function gamma(n: number): number {
  return (n * unitRoundoff * (1 + 2 ** -40)) / (1 - n * unitRoundoff);
}

/** Less than all that is lost where numbers underflow. */
export const tiny = 1e-290;

const ln2High = 0.6931471803691238;
const ln2Low = 1.9082149292705877e-10;

/**
 * e^x to a relative error of at most {@link exponentialError} for −700 ≤ x ≤ 700; 0 below, ∞ above.
 *
 * With n the whole number nearest to x/ln 2 and r = x − n ln 2, |r| ≤ 0.3466: `n·ln2High` is exact (ln2High has 33 bits, |n| < 2¹¹), the
 * difference from x is exact (Sterbenz, or n = 0), and with the rounding of `n·ln2Low` and of the last difference r is off by at most
 * 2u|r| + 2⁻⁶³. Taylor's polynomial of degree 13 leaves |r|¹⁴/14! < 5e-18; Horner's scheme from the smallest term is off by less than
 * 3u of a value in [0.7, 1.42]. Together less than 8u = 2⁻⁵⁰.
 */
export function exponential(x: number): number {
  if (x < -700) return 0;
  if (x > 700) return Number.POSITIVE_INFINITY;
  const n = Math.round(x / Math.LN2);
  const r = x - n * ln2High - n * ln2Low;
  let sum = 1 / 6227020800;
  for (let j = 0; j < inverseFactorials.length; j++) sum = sum * r + inverseFactorials[j];
  return sum * powers[n + 1022];
}

/** 1/12!, …, 1/1!, 1/0!. */
const inverseFactorials = [
  479001600, 39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2, 1, 1,
].map((factorial) => 1 / factorial);

/** 2⁻¹⁰²² … 2¹⁰²², by products that are exact; `2 ** n` need not be. */
const powers = (() => {
  const table = new Float64Array(2045).fill(1);
  for (let n = 1; n <= 1022; n++) {
    table[1022 + n] = 2 * table[1021 + n];
    table[1022 - n] = 0.5 * table[1023 - n];
  }
  return table;
})();

/** Relative error of {@link exponential}. */
export const exponentialError = 2 ** -50;
