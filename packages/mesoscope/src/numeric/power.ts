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

/** 1 for a size whose squares are ordinary numbers, else the power of two next to it: to divide by, which rounds nothing. */
export function exactUnit(size: number): number {
  if (size === 0 || (size > 1e-120 && size < 1e120)) return 1;
  // At either end the inverse of the unit must be a number too.
  return 2 ** Math.min(1022, Math.max(-1022, Math.round(Math.log2(size))));
}
