// The exponential inside attention: powers of two, so that the factor log₂e is folded into the scores' scale.
//
// Constants are loaded where they are used: there are more than registers, and an engine that keeps them as values
// spends more on them than on the arithmetic.
import { larger, madd } from './lanes';

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
  return larger<T>(t, sizeof<T>() == 8 ? v128.load(DOUBLES, 96) : v128.load(SINGLES, 128));
}

/** t, cut off where 2ᵗ is 0 or +∞. */
// @ts-ignore: decorator
@inline
export function withinExponents<T>(t: v128): v128 {
  return v128.pmin<T>(atLeastLeast<T>(t), sizeof<T>() == 8 ? v128.load(DOUBLES, 112) : v128.load(SINGLES, 144));
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
    const shift = v128.load(DOUBLES);
    const shifted = f64x2.add(t, shift);
    const f = f64x2.sub(t, f64x2.sub(shifted, shift));
    const low = <usize>(i32x4.extract_lane(shifted, 0) & 255) << 3;
    const high = <usize>(i32x4.extract_lane(shifted, 2) & 255) << 3;
    let power = v128.load64_lane(TABLE + high, v128.load64_zero(TABLE + low), 1);
    power = i64x2.add(power, i64x2.shl(i64x2.shr_u(shifted, 8), 52));
    let p = madd<f64>(v128.load(DOUBLES, 16), f, v128.load(DOUBLES, 32));
    p = madd<f64>(p, f, v128.load(DOUBLES, 48));
    p = madd<f64>(p, f, v128.load(DOUBLES, 64));
    // The last product is with the power, so that an infinite one stays infinite whatever the sign of f.
    return f64x2.mul(madd<f64>(p, f, v128.load(DOUBLES, 80)), power);
  }
  const shift = v128.load(SINGLES);
  const shifted = f32x4.add(t, shift);
  const f = f32x4.sub(t, f32x4.sub(shifted, shift));
  let p = madd<f32>(v128.load(SINGLES, 16), f, v128.load(SINGLES, 32));
  p = madd<f32>(p, f, v128.load(SINGLES, 48));
  p = madd<f32>(p, f, v128.load(SINGLES, 64));
  p = madd<f32>(p, f, v128.load(SINGLES, 80));
  p = madd<f32>(p, f, v128.load(SINGLES, 96));
  p = madd<f32>(p, f, v128.load(SINGLES, 112));
  return f32x4.mul(p, i32x4.shl(shifted, 23));
}
