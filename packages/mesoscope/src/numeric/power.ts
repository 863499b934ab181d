/**
 * `base^exponent` for a whole exponent ≥ 0, by squaring. Engines differ in the last digit of `**`, which leaves its rounding
 * open; products do not.
 */
export function wholePower(base: number, exponent: number): number {
  let power = 1;
  for (let square = base, left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power *= square;
    square *= square;
  }
  return power;
}

/**
 * `base^exponent` for base > 0 by exponential and logarithm, whose last digits engines agree on; relative error about
 * `|exponent · ln base|` roundings.
 */
export function positivePower(base: number, exponent: number): number {
  return Math.exp(exponent * Math.log(base));
}
