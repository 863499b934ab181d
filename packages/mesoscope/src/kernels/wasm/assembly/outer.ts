// C ← α A Bᵀ (+ C): sums over columns (tokens). Lanes are tokens; the lanes' sums are added at the end, and one vector
// of a row of C is finished at a time.
import { Outer } from './generated/layout';
import {
  firstLanes, lanes, laneSums, loadFirst, madd, put, putFirst, splat, TILE_ROWS, VECTOR,
} from './lanes';
import { address, columns, flag, padded, parameter, rows, stride } from './operands';

export function outer<T>(at: usize): void {
  const n = columns(at, Outer.a);
  const whole = n / lanes<T>();
  outerRows<T>(
    address(at, Outer.a), stride(at, Outer.a), 2 * VECTOR, rows(at, Outer.a),
    address(at, Outer.b), stride(at, Outer.b), 2 * VECTOR, rows(at, Outer.b),
    whole, n - whole * lanes<T>(),
    address(at, Outer.c), stride(at, Outer.c), parameter(at, Outer.alpha), flag(at, Outer.accumulate), padded<T>(at, Outer.c),
  );
}

/**
 * C ← α A Bᵀ (+ C) with A of m rows, `rowA` bytes apart, and B of k rows, `rowB` apart. A row is `count` vectors in pairs
 * (the pairs start `pairA`, `pairB` bytes apart; 32 where the row is contiguous) and `rest` < lanes numbers after them.
 */
export function outerRows<T>(
  a: usize, rowA: usize, pairA: usize, m: i32,
  b: usize, rowB: usize, pairB: usize, k: i32,
  count: i32, rest: i32,
  c: usize, stepC: usize, alpha: f64, accumulate: bool, whole: bool,
): void {
  const scale = splat<T>(alpha);
  if (VECTOR > 16) {
    outerRowsWide<T>(a, rowA, pairA, m, b, rowB, pairB, k, count, rest, c, stepC, scale, accumulate);
    return;
  }
  const high = 8 / lanes<T>();
  for (let j = 0; j < k; j += lanes<T>()) {
    let x = a;
    let z = c;
    let i = 0;
    for (; i + high <= m; i += high) {
      tile<T>(8 / lanes<T>(), x, rowA, pairA, b, rowB, pairB, count, rest, z, stepC, scale, accumulate, k - j, whole);
      x += <usize>high * rowA;
      z += <usize>high * stepC;
    }
    for (; i < m; i++) {
      tile<T>(1, x, rowA, pairA, b, rowB, pairB, count, rest, z, stepC, scale, accumulate, k - j, whole);
      x += rowA;
      z += stepC;
    }
    b += <usize>lanes<T>() * rowB;
    c += VECTOR;
  }
}

/** {@link outerRows} where a vector is wider than four numbers: four columns of C at a time. */
function outerRowsWide<T>(
  a: usize, rowA: usize, pairA: usize, m: i32,
  b: usize, rowB: usize, pairB: usize, k: i32,
  count: i32, rest: i32,
  c: usize, stepC: usize, scale: v128, accumulate: bool,
): void {
  for (let j = 0; j < k; j += 4) {
    let x = a;
    let z = c;
    let i = 0;
    for (; i + TILE_ROWS / 2 <= m; i += TILE_ROWS / 2) {
      wideTile<T>(TILE_ROWS / 2, x, rowA, pairA, b, rowB, pairB, count, rest, z, stepC, scale, accumulate, k - j);
      x += <usize>(TILE_ROWS / 2) * rowA;
      z += <usize>(TILE_ROWS / 2) * stepC;
    }
    for (; i < m; i++) {
      wideTile<T>(1, x, rowA, pairA, b, rowB, pairB, count, rest, z, stepC, scale, accumulate, k - j);
      x += rowA;
      z += stepC;
    }
    b += 4 * rowB;
    c += 4 * sizeof<T>();
  }
}

/** Four columns of `high` rows of C (1, 2 or 4, known at compile time): 4 × 4 sums. Of B's rows the first `left` exist. */
// @ts-ignore: decorator
@inline
function wideTile<T>(
  high: i32,
  a: usize, rowA: usize, pairA: usize, b: usize, rowB: usize, pairB: usize,
  count: i32, rest: i32,
  c: usize, stepC: usize, scale: v128, accumulate: bool, left: i32,
): void {
  // A row of B that does not exist repeats the first one; its sums are not stored.
  const b1 = left > 1 ? rowB : 0;
  const b2 = left > 2 ? 2 * rowB : 0;
  const b3 = left > 3 ? 3 * rowB : 0;
  let s00 = splat<T>(0);
  let s01 = s00;
  let s02 = s00;
  let s03 = s00;
  let s10 = s00;
  let s11 = s00;
  let s12 = s00;
  let s13 = s00;
  let s20 = s00;
  let s21 = s00;
  let s22 = s00;
  let s23 = s00;
  let s30 = s00;
  let s31 = s00;
  let s32 = s00;
  let s33 = s00;
  let stepA: usize = VECTOR;
  let stepB: usize = VECTOR;
  // Both factors of the last, partial vector are masked: padding may hold NaN.
  const vectorsAndRest = rest > 0 ? count + 1 : count;
  for (let k = vectorsAndRest; k > 0; k--) {
    const shown = k == 1 && rest > 0 ? rest : lanes<T>();
    const y0 = loadFirst<T>(b, shown);
    const y1 = loadFirst<T>(b + b1, shown);
    const y2 = loadFirst<T>(b + b2, shown);
    const y3 = loadFirst<T>(b + b3, shown);
    const x0 = loadFirst<T>(a, shown);
    s00 = madd<T>(x0, y0, s00);
    s01 = madd<T>(x0, y1, s01);
    s02 = madd<T>(x0, y2, s02);
    s03 = madd<T>(x0, y3, s03);
    if (high > 1) {
      const x1 = loadFirst<T>(a + rowA, shown);
      s10 = madd<T>(x1, y0, s10);
      s11 = madd<T>(x1, y1, s11);
      s12 = madd<T>(x1, y2, s12);
      s13 = madd<T>(x1, y3, s13);
    }
    if (high > 2) {
      const x2 = loadFirst<T>(a + 2 * rowA, shown);
      s20 = madd<T>(x2, y0, s20);
      s21 = madd<T>(x2, y1, s21);
      s22 = madd<T>(x2, y2, s22);
      s23 = madd<T>(x2, y3, s23);
      const x3 = loadFirst<T>(a + 3 * rowA, shown);
      s30 = madd<T>(x3, y0, s30);
      s31 = madd<T>(x3, y1, s31);
      s32 = madd<T>(x3, y2, s32);
      s33 = madd<T>(x3, y3, s33);
    }
    a += stepA;
    b += stepB;
    stepA = pairA - stepA;
    stepB = pairB - stepB;
  }
  finishFour<T>(c, laneSums<T>(s00, s01, s02, s03), scale, accumulate, left);
  if (high > 1) finishFour<T>(c + stepC, laneSums<T>(s10, s11, s12, s13), scale, accumulate, left);
  if (high > 2) {
    finishFour<T>(c + 2 * stepC, laneSums<T>(s20, s21, s22, s23), scale, accumulate, left);
    finishFour<T>(c + 3 * stepC, laneSums<T>(s30, s31, s32, s33), scale, accumulate, left);
  }
}

/** Stores up to four sums, which stand in the first lanes. */
// @ts-ignore: decorator
@inline
function finishFour<T>(c: usize, sum: v128, scale: v128, accumulate: bool, left: i32): void {
  const value = accumulate ? madd<T>(sum, scale, v128.load(c)) : v128.mul<T>(sum, scale);
  putFirst<T>(c, value, min(left, 4));
}

/**
 * One vector (lanes<T>() columns) of `high` rows of C, high = 8/lanes or 1 (known at compile time): 4 × 2 sums s_ij for
 * f64, 2 × 4 for f32. Of B's rows the first `left` exist.
 */
// @ts-ignore: decorator
@inline
function tile<T>(
  high: i32,
  a: usize, rowA: usize, pairA: usize, b: usize, rowB: usize, pairB: usize,
  count: i32, rest: i32,
  c: usize, stepC: usize, scale: v128, accumulate: bool, left: i32, whole: bool,
): void {
  // A row of B that does not exist repeats the first one; its sums are not stored.
  const b1 = left > 1 ? rowB : 0;
  const b2 = left > 2 ? 2 * rowB : 0;
  const b3 = left > 3 ? 3 * rowB : 0;
  let s00 = splat<T>(0);
  let s01 = s00;
  let s02 = s00;
  let s03 = s00;
  let s10 = s00;
  let s11 = s00;
  let s12 = s00;
  let s13 = s00;
  let s20 = s00;
  let s21 = s00;
  let s30 = s00;
  let s31 = s00;
  // To the second vector of a pair, to the next pair, and so on.
  let stepA: usize = VECTOR;
  let stepB: usize = VECTOR;
  for (let k = count; k > 0; k--) {
    const y0 = v128.load(b);
    const y1 = v128.load(b + b1);
    const x0 = v128.load(a);
    s00 = madd<T>(x0, y0, s00);
    s01 = madd<T>(x0, y1, s01);
    if (sizeof<T>() == 8) {
      if (high > 1) {
        const x1 = v128.load(a + rowA);
        s10 = madd<T>(x1, y0, s10);
        s11 = madd<T>(x1, y1, s11);
        const x2 = v128.load(a + 2 * rowA);
        s20 = madd<T>(x2, y0, s20);
        s21 = madd<T>(x2, y1, s21);
        const x3 = v128.load(a + 3 * rowA);
        s30 = madd<T>(x3, y0, s30);
        s31 = madd<T>(x3, y1, s31);
      }
    } else {
      const y2 = v128.load(b + b2);
      const y3 = v128.load(b + b3);
      s02 = madd<T>(x0, y2, s02);
      s03 = madd<T>(x0, y3, s03);
      if (high > 1) {
        const x1 = v128.load(a + rowA);
        s10 = madd<T>(x1, y0, s10);
        s11 = madd<T>(x1, y1, s11);
        s12 = madd<T>(x1, y2, s12);
        s13 = madd<T>(x1, y3, s13);
      }
    }
    a += stepA;
    b += stepB;
    stepA = pairA - stepA;
    stepB = pairB - stepB;
  }
  if (rest > 0) {
    // Both factors are masked: padding may hold NaN.
    const mask = firstLanes<T>(rest);
    const y0 = v128.and(v128.load(b), mask);
    const y1 = v128.and(v128.load(b + b1), mask);
    const x0 = v128.and(v128.load(a), mask);
    s00 = madd<T>(x0, y0, s00);
    s01 = madd<T>(x0, y1, s01);
    if (sizeof<T>() == 8) {
      if (high > 1) {
        const x1 = v128.and(v128.load(a + rowA), mask);
        s10 = madd<T>(x1, y0, s10);
        s11 = madd<T>(x1, y1, s11);
        const x2 = v128.and(v128.load(a + 2 * rowA), mask);
        s20 = madd<T>(x2, y0, s20);
        s21 = madd<T>(x2, y1, s21);
        const x3 = v128.and(v128.load(a + 3 * rowA), mask);
        s30 = madd<T>(x3, y0, s30);
        s31 = madd<T>(x3, y1, s31);
      }
    } else {
      const y2 = v128.and(v128.load(b + b2), mask);
      const y3 = v128.and(v128.load(b + b3), mask);
      s02 = madd<T>(x0, y2, s02);
      s03 = madd<T>(x0, y3, s03);
      if (high > 1) {
        const x1 = v128.and(v128.load(a + rowA), mask);
        s10 = madd<T>(x1, y0, s10);
        s11 = madd<T>(x1, y1, s11);
        s12 = madd<T>(x1, y2, s12);
        s13 = madd<T>(x1, y3, s13);
      }
    }
  }
  finish<T>(c, laneSums<T>(s00, s01, s02, s03), scale, accumulate, left, whole);
  if (high > 1) {
    finish<T>(c + stepC, laneSums<T>(s10, s11, s12, s13), scale, accumulate, left, whole);
    if (sizeof<T>() == 8) {
      finish<T>(c + 2 * stepC, laneSums<T>(s20, s21, s20, s21), scale, accumulate, left, whole);
      finish<T>(c + 3 * stepC, laneSums<T>(s30, s31, s30, s31), scale, accumulate, left, whole);
    }
  }
}

// @ts-ignore: decorator
@inline
function finish<T>(c: usize, sum: v128, scale: v128, accumulate: bool, left: i32, whole: bool): void {
  const value = accumulate ? madd<T>(sum, scale, v128.load(c)) : v128.mul<T>(sum, scale);
  put<T>(c, value, left, whole);
}
