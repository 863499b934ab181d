/**
 * Exponential tilting of the uniform law on [−1, 1]: `log ∫ e^{xu} du/2 = log(sinh x / x)` and its derivatives, to
 * rounding for every x. Below 1 by the series `Σ_k (−1)^{k+1} ζ(2k) x^{2k}/(k π^{2k})`, which is the logarithm of
 * Euler's product for sinh; above by formulas that neither overflow nor cancel.
 */
const seriesRadius = 1;

/** Coefficients of x², x⁴, …: the first eight from the Bernoulli numbers, then ζ(2k) by its first terms. */
const coefficients: readonly number[] = [
  1 / 6,
  -1 / 180,
  1 / 2835,
  -1 / 37800,
  1 / 467775,
  -691 / 3831077250,
  2 / 127702575,
  -3617 / 2605132530000,
  ...Array.from({ length: 10 }, (_, i) => {
    const k = i + 9;
    const zeta = 1 + 2 ** (-2 * k) + 3 ** (-2 * k) + 4 ** (-2 * k);
    return ((k % 2 === 1 ? 1 : -1) * zeta) / (k * Math.PI ** (2 * k));
  }),
];

/** `log(sinh x / x)`. */
export function uniformLogMoment(x: number): number {
  if (Math.abs(x) < seriesRadius) return x * x * series(x * x, (c) => c);
  const size = Math.abs(x);
  return size + Math.log(-Math.expm1(-2 * size) / (2 * size));
}

/** `coth x − 1/x`: the tilted mean. */
export function uniformTiltedMean(x: number): number {
  if (Math.abs(x) < seriesRadius) return x * series(x * x, (c, k) => 2 * k * c);
  return 1 / Math.tanh(x) - 1 / x;
}

/** `1/x² − 1/sinh² x`: the tilted variance. */
export function uniformTiltedVariance(x: number): number {
  if (Math.abs(x) < seriesRadius) return series(x * x, (c, k) => 2 * k * (2 * k - 1) * c);
  return (1 / x) ** 2 - (1 / Math.sinh(x)) ** 2;
}

/** `Σ_k f(c_k, k) s^{k−1}`, k from 1, by Horner's rule. */
function series(s: number, f: (coefficient: number, k: number) => number): number {
  let sum = 0;
  for (let k = coefficients.length; k >= 1; k--) sum = sum * s + f(coefficients[k - 1], k);
  return sum;
}
