import { fitLine } from '../../numeric/fit.ts';

/**
 * Bound of |κ| in `E error² = (σ²/n)(1 + κ/n + …)`: on the random layers of `C.invariance` and `C.variants` it was measured to be at most
 * 2, from 3000 samples of 16, 32 and 64 tokens against 256 (docs/notes/gaussian.md).
 */
const relativeBias = 2;

/**
 * By how much the terms of relative order 1/n, which self-normalised weights bring, can change the log–log slope that is fitted from
 * these numbers of tokens: the fitted slope of `½ log(1 + κ/n)`.
 */
export function slopeBias(counts: readonly number[]): number {
  const bias = counts.map((n) => 0.5 * Math.log1p(relativeBias / n));
  return Math.abs(fitLine(counts.map(Math.log), bias).slope);
}
