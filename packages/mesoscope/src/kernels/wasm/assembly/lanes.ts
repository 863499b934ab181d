// Generic SIMD helpers. T is f64 or f32; a vector has lanes<T>() numbers. What depends on the width of a vector, or on where
// the heap lies, is here and nowhere else: the native build has a version of this file of its own, and everything else
// from these sources.

/** Bytes of a vector. */
export const VECTOR: usize = 16;

/** Rows of the largest tile of a product: with two vectors of columns its sums fill half of the registers. */
export const TILE_ROWS: i32 = 4;

/** The address of a byte of the heap, of which jobs and programs know the place. */
// @ts-ignore: decorator
@inline
export function heap(place: u32): usize {
  return <usize>place;
}

/** Numbers in a vector. */
// @ts-ignore: decorator
@inline
export function lanes<T>(): i32 {
  return <i32>VECTOR / <i32>sizeof<T>();
}

/** Vectors that cover `columns` numbers. */
// @ts-ignore: decorator
@inline
export function vectors<T>(columns: i32): i32 {
  return (columns + lanes<T>() - 1) / lanes<T>();
}

// @ts-ignore: decorator
@inline
export function splat<T>(x: f64): v128 {
  return v128.splat<T>(<T>x);
}

/** Row `i` of a table of constants, whose rows are 16 bytes of equal numbers. */
// @ts-ignore: decorator
@inline
export function coefficient<T>(table: usize, i: i32): v128 {
  return v128.load(table + 16 * <usize>i);
}

/** 2^(j/256)·2ᵏ in every lane of f64, where the lane's last 8 bits are j, and k those above; `table` holds the 256 powers. */
// @ts-ignore: decorator
@inline
export function powerFromTable(table: usize, shifted: v128): v128 {
  const low = <usize>(i32x4.extract_lane(shifted, 0) & 255) << 3;
  const high = <usize>(i32x4.extract_lane(shifted, 2) & 255) << 3;
  const power = v128.load64_lane(table + high, v128.load64_zero(table + low), 1);
  return i64x2.add(power, i64x2.shl(i64x2.shr_u(shifted, 8), 52));
}

/** The first half of a vector of f32 as f64. */
// @ts-ignore: decorator
@inline
export function lowDoubles(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** The second half of a vector of f32 as f64. */
// @ts-ignore: decorator
@inline
export function highDoubles(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 0, 1));
}

/** A vector of f32 from its halves as f64. */
// @ts-ignore: decorator
@inline
export function singles(low: v128, high: v128): v128 {
  return v128.shuffle<f64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

/** The number at `pointer` in all lanes. */
// @ts-ignore: decorator
@inline
export function loadSplat<T>(pointer: usize): v128 {
  if (sizeof<T>() == 8) return v128.load64_splat(pointer);
  return v128.load32_splat(pointer);
}

/** a·b + c; fused in the relaxed build, rounded twice in the strict one. */
// @ts-ignore: decorator
@inline
export function madd<T>(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<T>(a, b, c);
  return v128.add<T>(v128.mul<T>(a, b), c);
}

/** c − a·b; see {@link madd}. */
// @ts-ignore: decorator
@inline
export function nmadd<T>(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_nmadd<T>(a, b, c);
  return v128.sub<T>(c, v128.mul<T>(a, b));
}

/** The larger of a and b, one machine instruction; where either is NaN: a. */
// @ts-ignore: decorator
@inline
export function larger<T>(a: v128, b: v128): v128 {
  return v128.pmax<T>(a, b);
}

/** All bits set in the first `count` lanes, none in the others (all set where count ≥ lanes, none where ≤ 0). */
// @ts-ignore: decorator
@inline
export function firstLanes<T>(count: i32): v128 {
  if (sizeof<T>() == 8) return i64x2.gt_s(i64x2.splat(<i64>count), i64x2(0, 1));
  return i32x4.gt_s(i32x4.splat(count), i32x4(0, 1, 2, 3));
}

/** 0, 1, … */
// @ts-ignore: decorator
@inline
export function laneNumbers<T>(): v128 {
  if (sizeof<T>() == 8) return f64x2(0, 1);
  return f32x4(0, 1, 2, 3);
}

/** Zero in all lanes but the first `count`, whatever stood there. */
// @ts-ignore: decorator
@inline
export function keepFirst<T>(v: v128, count: i32): v128 {
  return v128.and(v, firstLanes<T>(count));
}

/** The vector at `pointer`, zero in all lanes but the first `count`, whatever stands there. */
// @ts-ignore: decorator
@inline
export function loadFirst<T>(pointer: usize, count: i32): v128 {
  return keepFirst<T>(v128.load(pointer), count);
}

/** Sum over lanes, in a fixed order. */
// @ts-ignore: decorator
@inline
export function sumLanes<T>(v: v128): T {
  if (sizeof<T>() == 8) return <T>(f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1));
  const pairs = f32x4.add(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return <T>(f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1));
}

/** Largest lane (no NaN among them). */
// @ts-ignore: decorator
@inline
export function maxLanes<T>(v: v128): T {
  if (sizeof<T>() == 8) return <T>max(f64x2.extract_lane(v, 0), f64x2.extract_lane(v, 1));
  const pairs = f32x4.pmax(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return <T>max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

/** The sums over lanes of u, v, w, x, in the first lanes; of u and v only where a vector has but two. */
// @ts-ignore: decorator
@inline
export function laneSums<T>(u: v128, v: v128, w: v128, x: v128): v128 {
  if (sizeof<T>() == 8) {
    return f64x2.add(v128.shuffle<f64>(u, v, 0, 2), v128.shuffle<f64>(u, v, 1, 3));
  }
  const uv = f32x4.add(v128.shuffle<f32>(u, v, 0, 4, 1, 5), v128.shuffle<f32>(u, v, 2, 6, 3, 7));
  const wx = f32x4.add(v128.shuffle<f32>(w, x, 0, 4, 1, 5), v128.shuffle<f32>(w, x, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(uv, wx, 0, 1, 4, 5), v128.shuffle<f32>(uv, wx, 2, 3, 6, 7));
}

/**
 * Stores a vector of a row of which `left` columns remain. `whole` (from `padded`) says that the row's padding may
 * be written; else a partial vector is stored number by number.
 */
// @ts-ignore: decorator
@inline
export function put<T>(pointer: usize, v: v128, left: i32, whole: bool): void {
  if (whole || left >= lanes<T>()) v128.store(pointer, v);
  else putFirst<T>(pointer, v, left);
}

/** Stores the first `count` < lanes numbers of a vector. */
export function putFirst<T>(pointer: usize, v: v128, count: i32): void {
  if (sizeof<T>() == 8) {
    if (count > 0) v128.store64_lane(pointer, v, 0);
  } else {
    if (count > 0) v128.store32_lane(pointer, v, 0);
    if (count > 1) v128.store32_lane(pointer, v, 1, 4);
    if (count > 2) v128.store32_lane(pointer, v, 2, 8);
  }
}
