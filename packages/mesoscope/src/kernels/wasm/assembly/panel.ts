// Attention works on panels: two vectors of queries, and for each of them a column of numbers, one per key (or per
// coordinate). A panel's rows are PANEL bytes apart, so that it is contiguous and stays in the first-level cache.
import { AttentionKind } from './generated/layout';
import {
  firstLanes, highDoubles, keepFirst, lanes, larger, loadSplat, lowDoubles, madd, maxLanes, put, singles, splat, TILE_ROWS,
  VECTOR,
} from './lanes';
import { logarithm } from './exponential';
import {
  atLeastLeast, LN_2, LOG2_E, leastExponent, powerOfTwo, safeExponent, withinExponents,
} from './powers';
import { tile } from './tile';

/** Bytes of a row of a panel. */
export const PANEL: usize = 2 * VECTOR;

/** Queries in a panel. */
// @ts-ignore: decorator
@inline
export function panelWidth<T>(): i32 {
  return 2 * lanes<T>();
}

/**
 * What inner products (distances) are multiplied by to become scores. Where a power is taken, scores are exponents of 2;
 * of hardmax's β only the sign is used, so that equal inner products give equal scores.
 */
export function scoreScale(kind: i32, beta: f64): f64 {
  if (kind == AttentionKind.hardmax) return beta < 0 ? -1 : beta > 0 ? 1 : 0;
  if (kind == AttentionKind.linear) return beta;
  return kind == AttentionKind.l2 ? -beta * LOG2_E : beta * LOG2_E;
}

/** to ← scale · from, a panel of `count` rows; zero in the columns after the first `left`. */
export function copyPanel<T>(from: usize, step: usize, to: usize, count: i32, scale: f64, left: i32): void {
  const factor = splat<T>(scale);
  for (; count > 0; count--) {
    v128.store(to, keepFirst<T>(v128.mul<T>(factor, v128.load(from)), left));
    v128.store(to, keepFirst<T>(v128.mul<T>(factor, v128.load(from, VECTOR)), left - lanes<T>()), VECTOR);
    from += step;
    to += PANEL;
  }
}

/** to ← Aᵀ B, B a panel of `depth` rows, A depth × count with rows `step` bytes apart: a panel of `count` rows. */
export function innerProducts<T>(a: usize, step: usize, b: usize, depth: i32, to: usize, count: i32): void {
  const size = <usize>sizeof<T>();
  const none = splat<T>(0);
  let i = count;
  for (; i >= TILE_ROWS; i -= TILE_ROWS) {
    tile<T>(TILE_ROWS, 2, false, false, a, size, step, b, PANEL, depth, to, PANEL, none, none, false, 2 * lanes<T>(), true);
    a += <usize>TILE_ROWS * size;
    to += <usize>TILE_ROWS * PANEL;
  }
  if (TILE_ROWS > 4 && i >= 4) {
    tile<T>(4, 2, false, false, a, size, step, b, PANEL, depth, to, PANEL, none, none, false, 2 * lanes<T>(), true);
    a += 4 * size;
    to += 4 * PANEL;
    i -= 4;
  }
  for (; i > 0; i--) {
    tile<T>(1, 2, false, false, a, size, step, b, PANEL, depth, to, PANEL, none, none, false, 2 * lanes<T>(), true);
    a += size;
    to += PANEL;
  }
}

/**
 * to ← Aᵀ B − shift as {@link innerProducts}, the shift one row of a panel; summed in double precision and rounded once,
 * of numbers in single precision. A difference of large products keeps its digits so.
 */
export function shiftedProducts(a: usize, step: usize, b: usize, depth: i32, shift: usize, to: usize, count: i32): void {
  const none = splat<f64>(0);
  const shift0 = v128.load(shift);
  const shift1 = v128.load(shift, VECTOR);
  for (; count > 0; count--) {
    let sum0 = v128.sub<f64>(none, lowDoubles(shift0));
    let sum1 = v128.sub<f64>(none, highDoubles(shift0));
    let sum2 = v128.sub<f64>(none, lowDoubles(shift1));
    let sum3 = v128.sub<f64>(none, highDoubles(shift1));
    let from = b;
    let number = a;
    for (let k = depth; k > 0; k--) {
      const x = splat<f64>(<f64>load<f32>(number));
      const y0 = v128.load(from);
      const y1 = v128.load(from, VECTOR);
      sum0 = madd<f64>(x, lowDoubles(y0), sum0);
      sum1 = madd<f64>(x, highDoubles(y0), sum1);
      sum2 = madd<f64>(x, lowDoubles(y1), sum2);
      sum3 = madd<f64>(x, highDoubles(y1), sum3);
      number += step;
      from += PANEL;
    }
    v128.store(to, singles(sum0, sum1));
    v128.store(to, singles(sum2, sum3), VECTOR);
    a += 4;
    to += PANEL;
  }
}

/** to ← the largest finite number of each column of a panel, one row; 0 where there is none. */
export function largestOfColumns<T>(panel: usize, count: i32, to: usize): void {
  let top0 = splat<T>(-Infinity);
  let top1 = top0;
  for (; count > 0; count--) {
    top0 = larger<T>(top0, v128.load(panel));
    top1 = larger<T>(top1, v128.load(panel, VECTOR));
    panel += PANEL;
  }
  v128.store(to, finiteOrZero<T>(top0));
  v128.store(to, finiteOrZero<T>(top1), VECTOR);
}

/** to ← scale · (squared distances of A's columns from B's columns); else as {@link innerProducts}. */
export function distances<T>(a: usize, step: usize, b: usize, depth: i32, to: usize, count: i32, scale: f64): void {
  const size = <usize>sizeof<T>();
  const factor = splat<T>(scale);
  let i = count;
  for (; i >= TILE_ROWS; i -= TILE_ROWS) {
    tile<T>(TILE_ROWS, 2, true, true, a, size, step, b, PANEL, depth, to, PANEL, factor, factor, false, 2 * lanes<T>(), true);
    a += <usize>TILE_ROWS * size;
    to += <usize>TILE_ROWS * PANEL;
  }
  if (TILE_ROWS > 4 && i >= 4) {
    tile<T>(4, 2, true, true, a, size, step, b, PANEL, depth, to, PANEL, factor, factor, false, 2 * lanes<T>(), true);
    a += 4 * size;
    to += 4 * PANEL;
    i -= 4;
  }
  for (; i > 0; i--) {
    tile<T>(1, 2, true, true, a, size, step, b, PANEL, depth, to, PANEL, factor, factor, false, 2 * lanes<T>(), true);
    a += size;
    to += PANEL;
  }
}

/**
 * C ← scale ∘ A B (+ C), B a panel of `depth` rows, A count × depth with rows `step` bytes apart; the scale is one row
 * of a panel, one number per column. C's rows are `stepC` bytes apart; `left` and `whole` as in {@link put}.
 */
export function combine<T>(
  a: usize, step: usize, b: usize, depth: i32, c: usize, stepC: usize, count: i32,
  scale: usize, accumulate: bool, left: i32, whole: bool,
): void {
  const size = <usize>sizeof<T>();
  const scale0 = v128.load(scale);
  const scale1 = v128.load(scale, VECTOR);
  if (left <= lanes<T>()) {
    for (let i = count; i > 0; i--) {
      tile<T>(1, 1, false, true, a, step, size, b, PANEL, depth, c, stepC, scale0, scale0, accumulate, left, whole);
      a += step;
      c += stepC;
    }
    return;
  }
  let i = count;
  for (; i >= TILE_ROWS; i -= TILE_ROWS) {
    tile<T>(TILE_ROWS, 2, false, true, a, step, size, b, PANEL, depth, c, stepC, scale0, scale1, accumulate, left, whole);
    a += <usize>TILE_ROWS * step;
    c += <usize>TILE_ROWS * stepC;
  }
  if (TILE_ROWS > 4 && i >= 4) {
    tile<T>(4, 2, false, true, a, step, size, b, PANEL, depth, c, stepC, scale0, scale1, accumulate, left, whole);
    a += 4 * step;
    c += 4 * stepC;
    i -= 4;
  }
  for (; i >= 2; i -= 2) {
    tile<T>(2, 2, false, true, a, step, size, b, PANEL, depth, c, stepC, scale0, scale1, accumulate, left, whole);
    a += 2 * step;
    c += 2 * stepC;
  }
  if (i > 0) {
    tile<T>(1, 2, false, true, a, step, size, b, PANEL, depth, c, stepC, scale0, scale1, accumulate, left, whole);
  }
}

/** Overwrites the scores of keys of weight zero. */
export function hideWeightless<T>(scores: usize, weights: usize, count: i32, hidden: f64): void {
  const value = splat<T>(hidden);
  for (let j = 0; j < count; j++) {
    if (load<T>(weights + <usize>j * sizeof<T>()) == 0) {
      v128.store(scores + <usize>j * PANEL, value);
      v128.store(scores + <usize>j * PANEL, value, VECTOR);
    }
  }
}

/** Overwrites the scores of keys j > i, for the panel whose first query is i. */
export function hideFuture<T>(scores: usize, i: i32, count: i32, hidden: f64): void {
  const value = splat<T>(hidden);
  for (let j = i + 1; j < count; j++) {
    const at = scores + <usize>j * PANEL;
    v128.store(at, v128.bitselect(value, v128.load(at), firstLanes<T>(j - i)));
    v128.store(at, v128.bitselect(value, v128.load(at, VECTOR), firstLanes<T>(j - i - lanes<T>())), VECTOR);
  }
}

/** max_j |a_j| over the columns of A. */
export function largestNorm<T>(a: usize, step: usize, count: i32, m: i32): f64 {
  let most = splat<T>(0);
  for (let j = 0; j < m; j += lanes<T>()) {
    let square = splat<T>(0);
    let from = a + <usize>j * sizeof<T>();
    for (let i = count; i > 0; i--) {
      const entry = v128.load(from);
      square = madd<T>(entry, entry, square);
      from += step;
    }
    most = larger<T>(most, keepFirst<T>(square, m - j));
  }
  return Math.sqrt(<f64>maxLanes<T>(most));
}

/**
 * Whether powers of two of a panel's scores can be taken as they are, without subtracting their maximum first: from the
 * norms of the queries (as scaled by {@link copyPanel}) and of the keys. Not where a norm is not a number.
 */
export function isModerate<T>(kind: i32, scale: f64, query: usize, count: i32, keyNorm: f64): bool {
  const queryNorm = largestNorm<T>(query, PANEL, count, panelWidth<T>());
  const norms = queryNorm + keyNorm;
  const bound = kind == AttentionKind.l2 ? abs(scale) * norms * norms : queryNorm * keyNorm;
  return bound <= safeExponent<T>();
}

/** The score of a hidden key. */
export function hiddenScore<T>(kind: i32, moderate: bool): f64 {
  if (kind == AttentionKind.linear) return 0;
  return moderate ? leastExponent<T>() : -Infinity;
}

/**
 * Turns scores into P up to a factor for each query, which goes to `scale` (one row of a panel; there stands what was
 * subtracted from the scores of each query before). `weights` may be 0: 1/m each. The normaliser of the queries goes to `normaliser` unless that is 0.
 */
export function weigh<T>(
  kind: i32, beta: f64, moderate: bool, scores: usize, weights: usize, count: i32, m: i32, scale: usize,
  normaliser: usize, left: i32, whole: bool,
): void {
  if (kind == AttentionKind.unnormalised || kind == AttentionKind.linear) {
    if (kind == AttentionKind.unnormalised) raise<T>(scores, count);
    if (weights != 0) scaleRows<T>(scores, weights, count);
    const factor = splat<T>(weights == 0 ? 1 / <f64>m : 1);
    v128.store(scale, factor);
    v128.store(scale, factor, VECTOR);
    if (normaliser != 0) putPanel<T>(normaliser, splat<T>(0), splat<T>(0), left, whole);
    return;
  }
  let top0 = splat<T>(0);
  let top1 = top0;
  if (!moderate || kind == AttentionKind.hardmax) {
    top0 = splat<T>(-Infinity);
    top1 = top0;
    let at = scores;
    for (let j = count; j > 0; j--) {
      top0 = larger<T>(top0, v128.load(at));
      top1 = larger<T>(top1, v128.load(at, VECTOR));
      at += PANEL;
    }
  }
  if (kind == AttentionKind.hardmax) {
    // A query that sees no key attains its maximum −∞ nowhere.
    mark<T>(scores, weights, count, finiteOrZero<T>(top0), finiteOrZero<T>(top1), scale);
    const size = splat<T>(abs(beta));
    if (normaliser != 0) putPanel<T>(normaliser, v128.mul<T>(size, top0), v128.mul<T>(size, top1), left, whole);
    return;
  }
  top0 = finiteOrZero<T>(top0);
  top1 = finiteOrZero<T>(top1);
  const base0 = v128.load(scale);
  const base1 = v128.load(scale, VECTOR);
  if (!moderate) lower<T>(scores, count, top0, top1);
  if (weights == 0) soften<T>(scores, count, scale);
  else softenWeighted<T>(scores, weights, count, scale);
  const sum0 = v128.load(scale);
  const sum1 = v128.load(scale, VECTOR);
  if (normaliser != 0) {
    const shift = splat<T>(weights == 0 ? -Math.log(<f64>m) : 0);
    const log0 = v128.add<T>(shift, logarithm<T>(sum0));
    const log1 = v128.add<T>(shift, logarithm<T>(sum1));
    const unit = splat<T>(LN_2);
    putPanel<T>(
      normaliser, madd<T>(unit, v128.add<T>(base0, top0), log0), madd<T>(unit, v128.add<T>(base1, top1), log1), left, whole,
    );
  }
  v128.store(scale, inverse<T>(sum0));
  v128.store(scale, inverse<T>(sum1), VECTOR);
}

/** scores ← max(score − top, the least exponent). */
function lower<T>(scores: usize, count: i32, top0: v128, top1: v128): void {
  for (let j = count; j > 0; j--) {
    v128.store(scores, atLeastLeast<T>(v128.sub<T>(v128.load(scores), top0)));
    v128.store(scores, atLeastLeast<T>(v128.sub<T>(v128.load(scores, VECTOR), top1)), VECTOR);
    scores += PANEL;
  }
}

/** scores ← 2^score; their sums go to `sums`. */
function soften<T>(scores: usize, count: i32, sums: usize): void {
  let sum0 = splat<T>(0);
  let sum1 = sum0;
  for (let j = count; j > 0; j--) {
    const p0 = powerOfTwo<T>(v128.load(scores));
    const p1 = powerOfTwo<T>(v128.load(scores, VECTOR));
    v128.store(scores, p0);
    v128.store(scores, p1, VECTOR);
    sum0 = v128.add<T>(sum0, p0);
    sum1 = v128.add<T>(sum1, p1);
    scores += PANEL;
  }
  v128.store(sums, sum0);
  v128.store(sums, sum1, VECTOR);
}

/** scores ← w_j 2^score; their sums go to `sums`. */
function softenWeighted<T>(scores: usize, weights: usize, count: i32, sums: usize): void {
  let sum0 = splat<T>(0);
  let sum1 = sum0;
  for (let j = count; j > 0; j--) {
    const weight = loadSplat<T>(weights);
    const p0 = v128.mul<T>(weight, powerOfTwo<T>(v128.load(scores)));
    const p1 = v128.mul<T>(weight, powerOfTwo<T>(v128.load(scores, VECTOR)));
    v128.store(scores, p0);
    v128.store(scores, p1, VECTOR);
    sum0 = v128.add<T>(sum0, p0);
    sum1 = v128.add<T>(sum1, p1);
    scores += PANEL;
    weights += sizeof<T>();
  }
  v128.store(sums, sum0);
  v128.store(sums, sum1, VECTOR);
}

/** scores ← w_j where the score is `top`, else 0; the inverses of their sums go to `scale`. */
function mark<T>(scores: usize, weights: usize, count: i32, top0: v128, top1: v128, scale: usize): void {
  let sum0 = splat<T>(0);
  let sum1 = sum0;
  for (let j = 0; j < count; j++) {
    const weight = weights == 0 ? splat<T>(1) : loadSplat<T>(weights + <usize>j * sizeof<T>());
    const p0 = v128.and(weight, v128.eq<T>(v128.load(scores), top0));
    const p1 = v128.and(weight, v128.eq<T>(v128.load(scores, VECTOR), top1));
    v128.store(scores, p0);
    v128.store(scores, p1, VECTOR);
    sum0 = v128.add<T>(sum0, p0);
    sum1 = v128.add<T>(sum1, p1);
    scores += PANEL;
  }
  v128.store(scale, inverse<T>(sum0));
  v128.store(scale, inverse<T>(sum1), VECTOR);
}

/** scores ← 2^score. */
function raise<T>(scores: usize, count: i32): void {
  for (let j = count; j > 0; j--) {
    v128.store(scores, powerOfTwo<T>(withinExponents<T>(v128.load(scores))));
    v128.store(scores, powerOfTwo<T>(withinExponents<T>(v128.load(scores, VECTOR))), VECTOR);
    scores += PANEL;
  }
}

/** Multiplies row j by weight j. */
export function scaleRows<T>(panel: usize, weights: usize, count: i32): void {
  for (let j = count; j > 0; j--) {
    const weight = loadSplat<T>(weights);
    v128.store(panel, v128.mul<T>(weight, v128.load(panel)));
    v128.store(panel, v128.mul<T>(weight, v128.load(panel, VECTOR)), VECTOR);
    panel += PANEL;
    weights += sizeof<T>();
  }
}

/** Multiplies one row by a number. */
export function scaleRow<T>(row: usize, factor: f64): void {
  v128.store(row, v128.mul<T>(splat<T>(factor), v128.load(row)));
  v128.store(row, v128.mul<T>(splat<T>(factor), v128.load(row, VECTOR)), VECTOR);
}

function putPanel<T>(to: usize, v0: v128, v1: v128, left: i32, whole: bool): void {
  put<T>(to, v0, left, whole);
  if (left > lanes<T>()) put<T>(to + VECTOR, v1, left - lanes<T>(), whole);
}

/** 1/x, and 0 where x is 0. */
// @ts-ignore: decorator
@inline
function inverse<T>(x: v128): v128 {
  return v128.andnot(v128.div<T>(splat<T>(1), x), v128.eq<T>(x, splat<T>(0)));
}

/** 0 instead of −∞. */
// @ts-ignore: decorator
@inline
function finiteOrZero<T>(x: v128): v128 {
  return v128.andnot(x, v128.eq<T>(x, splat<T>(-Infinity)));
}
