// The exponential inside attention: powers of two, so that the factor log₂e is folded into the scores' scale.
//
// Constants are loaded where they are used: there are more than registers, and an engine that keeps them as values
// spends more on them than on the arithmetic.
import { coefficient, larger, madd, powerFromTable } from './lanes';

export const LOG2_E: f64 = 1.4426950408889634;
export const LN_2: f64 = 0.6931471805599453;

/** f64: 2^(j/256), j = 0 … 255. */
const TABLE = memory.data(2048, 64);
/** f64: the shift 1.5·2⁴⁴, whose last bit is 1/256, then a polynomial for 2^f, |f| ≤ 1/512 (relative error 2.4e-18). */
const DOUBLES = memory.data<f64>([
  26388279066624.0, 26388279066624.0,
  0.0096181283732428673, 0.0096181283732428673,
  0.055504115022757275, 0.055504115022757275,
  0.24022650695910561, 0.24022650695910561,
  0.69314718055993929, 0.69314718055993929,
  1.0, 1.0,
  -1023.0, -1023.0,
  1024.0, 1024.0,
], 64);
/** f32: the shift 1.5·2²³ + 127 (the exponent's bias), then a polynomial for 2^f, |f| ≤ ½ (relative error 2.6e-9). */
const SINGLES = memory.data<f32>([
  12583039.0, 12583039.0, 12583039.0, 12583039.0,
  0.00015594677, 0.00015594677, 0.00015594677, 0.00015594677,
  0.0013406644, 0.0013406644, 0.0013406644, 0.0013406644,
  0.009617693, 0.009617693, 0.009617693, 0.009617693,
  0.055503106, 0.055503106, 0.055503106, 0.055503106,
  0.24022653, 0.24022653, 0.24022653, 0.24022653,
  0.6931472, 0.6931472, 0.6931472, 0.6931472,
  1.0, 1.0, 1.0, 1.0,
  -127.0, -127.0, -127.0, -127.0,
  128.0, 128.0, 128.0, 128.0,
], 64);

for (let j = 0; j < 256; j++) store<f64>(TABLE + 8 * <usize>j, Math.pow(2, <f64>j / 256));

/** The least exponent; 2 to it counts as 0. */
// @ts-ignore: decorator
@inline
export function leastExponent<T>(): f64 {
  return sizeof<T>() == 8 ? -1023 : -127;
}

/** Scores up to this size need no shift by their maximum: neither 2ᵗ nor sums and products of it leave the range. */
// @ts-ignore: decorator
@inline
export function safeExponent<T>(): f64 {
  return sizeof<T>() == 8 ? 500 : 60;
}

/** t ≥ the least exponent. */
// @ts-ignore: decorator
@inline
export function atLeastLeast<T>(t: v128): v128 {
  return larger<T>(t, sizeof<T>() == 8 ? coefficient<f64>(DOUBLES, 6) : coefficient<f32>(SINGLES, 8));
}

/** t, cut off where 2ᵗ is 0 or +∞. */
// @ts-ignore: decorator
@inline
export function withinExponents<T>(t: v128): v128 {
  return v128.pmin<T>(atLeastLeast<T>(t), sizeof<T>() == 8 ? coefficient<f64>(DOUBLES, 7) : coefficient<f32>(SINGLES, 9));
}

/**
 * 2ᵗ for t from the least exponent (−1023, −127), where it is exactly 0, to 1024, 128, where it is +∞ (f32: from
 * 127.5 on). Relative error at most 2 ulp where the result is a normal number; exactly 1 at 0; NaN at NaN.
 */
// @ts-ignore: decorator
@inline
export function powerOfTwo<T>(t: v128): v128 {
  if (sizeof<T>() == 8) {
    // Adding the shift rounds to 1/256: the last 8 bits choose from the table, those above are the exponent.
    const shift = coefficient<f64>(DOUBLES, 0);
    const shifted = v128.add<f64>(t, shift);
    const f = v128.sub<f64>(t, v128.sub<f64>(shifted, shift));
    const power = powerFromTable(TABLE, shifted);
    let p = madd<f64>(coefficient<f64>(DOUBLES, 1), f, coefficient<f64>(DOUBLES, 2));
    p = madd<f64>(p, f, coefficient<f64>(DOUBLES, 3));
    p = madd<f64>(p, f, coefficient<f64>(DOUBLES, 4));
    // The last product is with the power, so that an infinite one stays infinite whatever the sign of f.
    return v128.mul<f64>(madd<f64>(p, f, coefficient<f64>(DOUBLES, 5)), power);
  }
  const shift = coefficient<f32>(SINGLES, 0);
  const shifted = v128.add<f32>(t, shift);
  const f = v128.sub<f32>(t, v128.sub<f32>(shifted, shift));
  let p = madd<f32>(coefficient<f32>(SINGLES, 1), f, coefficient<f32>(SINGLES, 2));
  p = madd<f32>(p, f, coefficient<f32>(SINGLES, 3));
  p = madd<f32>(p, f, coefficient<f32>(SINGLES, 4));
  p = madd<f32>(p, f, coefficient<f32>(SINGLES, 5));
  p = madd<f32>(p, f, coefficient<f32>(SINGLES, 6));
  p = madd<f32>(p, f, coefficient<f32>(SINGLES, 7));
  return v128.mul<f32>(p, v128.shl<i32>(shifted, 23));
}
