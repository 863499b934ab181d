// Vector exponential and logarithm. Polynomials: weighted minimax fits on the stated intervals.
import { madd, nmadd, splat } from './lanes';

/**
 * eˣ, to 2 ulp (f32) and 4 ulp (f64): `x = k log 2 + r`, `eˣ = 2ᵏ(1 + (eʳ − 1))`. 0 where the result would fall below
 * the smallest normal number, so also at −∞; +∞ from overflow on; NaN at NaN.
 */
// @ts-ignore: decorator
@inline
export function exponential<T>(x: v128): v128 {
  const shifted = madd<T>(x, splat<T>(LOG2_E), splat<T>(rounder<T>()));
  const scaled = addExponent<T>(v128.add<T>(splat<T>(1), reducedMinusOne<T>(x, shifted)), shifted);
  const notTooSmall = v128.andnot(scaled, v128.lt<T>(x, splat<T>(smallest<T>())));
  return v128.bitselect(splat<T>(Infinity), notTooSmall, v128.gt<T>(x, splat<T>(largest<T>())));
}

/**
 * eˣ − 1 for −∞ ≤ x ≤ 80, with a relative error of a few ulp near 0 too. NaN at NaN.
 */
// @ts-ignore: decorator
@inline
export function exponentialMinusOne<T>(x: v128): v128 {
  const bounded = v128.pmax<T>(x, splat<T>(-80));
  const shifted = madd<T>(bounded, splat<T>(LOG2_E), splat<T>(rounder<T>()));
  const power = addExponent<T>(splat<T>(1), shifted);
  const reduced = reducedMinusOne<T>(bounded, shifted);
  return madd<T>(power, reduced, v128.sub<T>(power, splat<T>(1)));
}

/**
 * log x for x ≥ 0 to 2 ulp: `x = 2ᵏ(1 + f)`, `√½ ≤ 1 + f < √2`, `s = f/(2 + f)`,
 * `log(1 + f) = 2 artanh s`. −∞ at 0, +∞ at +∞, NaN at NaN and below 0.
 */
// @ts-ignore: decorator
@inline
export function logarithm<T>(x: v128): v128 {
  const isSmall = v128.lt<T>(x, splat<T>(smallestNormal<T>()));
  const normal = v128.bitselect(v128.mul<T>(x, splat<T>(smallScale<T>())), x, isSmall);
  const k = v128.sub<T>(
    binaryExponent<T>(normal),
    v128.and(isSmall, splat<T>(smallScaleExponent<T>())),
  );
  const f = v128.sub<T>(mantissa<T>(normal), splat<T>(1));
  const s = v128.div<T>(f, v128.add<T>(splat<T>(2), f));
  const z = v128.mul<T>(s, s);
  const half = v128.mul<T>(v128.mul<T>(splat<T>(0.5), f), f);
  const tail = v128.mul<T>(s, v128.add<T>(half, v128.mul<T>(z, artanhTail<T>(z))));
  const low = madd<T>(k, splat<T>(ln2Low<T>()), tail);
  const value = madd<T>(
    k,
    splat<T>(ln2High<T>()),
    v128.sub<T>(f, v128.sub<T>(half, low)),
  );
  const isFinite = v128.bitselect(
    value,
    x,
    v128.lt<T>(x, splat<T>(Infinity)),
  );
  const isPositive = v128.bitselect(splat<T>(NaN), isFinite, v128.lt<T>(x, splat<T>(0)));
  return v128.bitselect(splat<T>(-Infinity), isPositive, v128.eq<T>(x, splat<T>(0)));
}

const LOG2_E: f64 = 1.4426950408889634;

/** Adding it rounds to an integer, which then stands in the low bits. */
// @ts-ignore: decorator
@inline
function rounder<T>(): f64 {
  return sizeof<T>() == 8 ? 6755399441055744 : 12582912;
}

/** Below it eˣ is no normal number. */
// @ts-ignore: decorator
@inline
function smallest<T>(): f64 {
  return sizeof<T>() == 8 ? -708.3964185322641 : -87.33654022216797;
}

/** Above it eˣ overflows. */
// @ts-ignore: decorator
@inline
function largest<T>(): f64 {
  return sizeof<T>() == 8 ? 709.782712893384 : 88.72283172607422;
}

/** log 2 = high + low, where high has so few digits that its products with exponents are exact. */
// @ts-ignore: decorator
@inline
function ln2High<T>(): f64 {
  return sizeof<T>() == 8 ? 0.6931471803691238 : 0.693359375;
}

// @ts-ignore: decorator
@inline
function ln2Low<T>(): f64 {
  return sizeof<T>() == 8 ? 1.9082149292705877e-10 : -0.00021219444005469057;
}

/** v · 2ᵏ, where k stands in the low bits of `shifted` and the result is a normal number. */
// @ts-ignore: decorator
@inline
function addExponent<T>(v: v128, shifted: v128): v128 {
  if (sizeof<T>() == 8) return i64x2.add(v, i64x2.shl(shifted, 52));
  return i32x4.add(v, i32x4.shl(shifted, 23));
}

/** eʳ − 1 for `r = x − k log 2`, |r| ≤ ½ log 2: `r + r² q(r)`. */
// @ts-ignore: decorator
@inline
function reducedMinusOne<T>(x: v128, shifted: v128): v128 {
  const k = v128.sub<T>(shifted, splat<T>(rounder<T>()));
  const r = nmadd<T>(k, splat<T>(ln2Low<T>()), nmadd<T>(k, splat<T>(ln2High<T>()), x));
  const rr = v128.mul<T>(r, r);
  let even: v128;
  let odd: v128;
  if (sizeof<T>() == 8) {
    even = madd<f64>(rr, f64x2.splat(2.7630248412081725e-7), f64x2.splat(2.4801493098822176e-5));
    even = madd<f64>(rr, even, f64x2.splat(0.001388888894363018));
    even = madd<f64>(rr, even, f64x2.splat(0.041666666666530155));
    even = madd<f64>(rr, even, f64x2.splat(0.5000000000000011));
    odd = madd<f64>(rr, f64x2.splat(2.5000058111501482e-8), f64x2.splat(2.7557586384839976e-6));
    odd = madd<f64>(rr, odd, f64x2.splat(0.00019841269506566347));
    odd = madd<f64>(rr, odd, f64x2.splat(0.008333333333494468));
    odd = madd<f64>(rr, odd, f64x2.splat(0.16666666666666413));
  } else {
    even = madd<f32>(rr, f32x4.splat(0.0013814597736484654), f32x4.splat(0.04166838806606573));
    even = madd<f32>(rr, even, f32x4.splat(0.49999993447681357));
    odd = madd<f32>(rr, f32x4.splat(0.008368716899794692), f32x4.splat(0.16666520631492723));
  }
  return madd<T>(rr, madd<T>(r, odd, even), r);
}

/** `(2 artanh s − 2s)/s³` as a polynomial in `z = s²`, |s| ≤ 3 − 2√2. */
// @ts-ignore: decorator
@inline
function artanhTail<T>(z: v128): v128 {
  if (sizeof<T>() == 8) {
    let p = madd<f64>(z, f64x2.splat(0.14796261220283768), f64x2.splat(0.15314021114656665));
    p = madd<f64>(z, p, f64x2.splat(0.18183565407344718));
    p = madd<f64>(z, p, f64x2.splat(0.2222219855378523));
    p = madd<f64>(z, p, f64x2.splat(0.28571428742562127));
    p = madd<f64>(z, p, f64x2.splat(0.39999999999413965));
    return madd<f64>(z, p, f64x2.splat(0.6666666666666734));
  }
  let p = madd<f32>(z, f32x4.splat(0.2987199686099829), f32x4.splat(0.39977532380059294));
  return madd<f32>(z, p, f32x4.splat(0.6666677644865272));
}

// @ts-ignore: decorator
@inline
function smallestNormal<T>(): f64 {
  return sizeof<T>() == 8 ? 2.2250738585072014e-308 : 1.1754943508222875e-38;
}

/** Makes the smallest numbers normal ones. */
// @ts-ignore: decorator
@inline
function smallScale<T>(): f64 {
  return sizeof<T>() == 8 ? 18014398509481984 : 33554432;
}

// @ts-ignore: decorator
@inline
function smallScaleExponent<T>(): f64 {
  return sizeof<T>() == 8 ? 54 : 25;
}

/** Bits of √½, below which a mantissa would be doubled. */
// @ts-ignore: decorator
@inline
function aboveHalf<T>(x: v128): v128 {
  if (sizeof<T>() == 8) return i64x2.sub(x, i64x2.splat(0x3fe6a09e667f3bcd));
  return i32x4.sub(x, i32x4.splat(0x3f3504f3));
}

/** The integer k of `x = 2ᵏ m`, `√½ ≤ m < √2`, as a number. */
// @ts-ignore: decorator
@inline
function binaryExponent<T>(x: v128): v128 {
  if (sizeof<T>() == 8) {
    const k = i64x2.shr_s(aboveHalf<T>(x), 52);
    const shifted = i64x2.add(k, f64x2.splat(6755399441055744));
    return f64x2.sub(shifted, f64x2.splat(6755399441055744));
  }
  return f32x4.convert_i32x4_s(i32x4.shr_s(aboveHalf<T>(x), 23));
}

/** m of `x = 2ᵏ m`, `√½ ≤ m < √2`. */
// @ts-ignore: decorator
@inline
function mantissa<T>(x: v128): v128 {
  if (sizeof<T>() == 8) {
    const part = v128.and(aboveHalf<T>(x), i64x2.splat(0x000fffffffffffff));
    return i64x2.add(part, i64x2.splat(0x3fe6a09e667f3bcd));
  }
  const part = v128.and(aboveHalf<T>(x), i32x4.splat(0x007fffff));
  return i32x4.add(part, i32x4.splat(0x3f3504f3));
}
