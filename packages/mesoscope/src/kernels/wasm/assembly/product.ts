// C ← α op(A) B (+ C).
import { Product } from './generated/layout';
import { lanes, splat, TILE_ROWS, VECTOR, vectors } from './lanes';
import { address, columns, flag, padded, parameter, rows, stride, workspace } from './operands';
import { tile } from './tile';

/** Depth of a block: 256 rows of B, two vectors wide, fill a quarter of a first-level cache. */
const DEPTH: i32 = 256;
/** Rows of A in a block: with DEPTH columns of f64 they fill a quarter of a second-level cache. */
const HEIGHT: i32 = 128;

export function product<T>(at: usize): void {
  const transpose = flag(at, Product.transposeA);
  const m = rows(at, Product.c);
  const n = columns(at, Product.c);
  const depth = rows(at, Product.b);
  const a = address(at, Product.a);
  const b = address(at, Product.b);
  const c = address(at, Product.c);
  const rowA = transpose ? <usize>sizeof<T>() : stride(at, Product.a);
  const stepA = transpose ? stride(at, Product.a) : <usize>sizeof<T>();
  const stepB = stride(at, Product.b);
  const stepC = stride(at, Product.c);
  const alpha = parameter(at, Product.alpha);
  const accumulate = flag(at, Product.accumulate);
  const whole = padded<T>(at, Product.c);
  if (depth <= DEPTH || m < 16) {
    strips<T>(a, rowA, stepA, b, stepB, c, stepC, m, n, depth, alpha, accumulate, whole, false);
    return;
  }
  for (let k = 0; k < depth; k += DEPTH) {
    const some = min(DEPTH, depth - k);
    for (let i = 0; i < m; i += HEIGHT) {
      strips<T>(
        a + <usize>i * rowA + <usize>k * stepA, rowA, stepA,
        b + <usize>k * stepB, stepB,
        c + <usize>i * stepC, stepC,
        min(HEIGHT, m - i), n, some, alpha, accumulate || k > 0, whole, true,
      );
    }
  }
}

/** Strips of B, two vectors wide, one after the other; `pack` copies each to contiguous memory before it is used. */
function strips<T>(
  a: usize, rowA: usize, stepA: usize, b: usize, stepB: usize, c: usize, stepC: usize,
  m: i32, n: i32, depth: i32, alpha: f64, accumulate: bool, whole: bool, pack: bool,
): void {
  const four = m & ~3;
  const high = m & ~(TILE_ROWS - 1);
  const packed = workspace();
  for (let j = 0; j < n; j += 2 * lanes<T>()) {
    const k = <usize>j * sizeof<T>();
    if (pack) copyStrip(b + k, stepB, packed, depth);
    const strip = pack ? packed : b + k;
    const step = pack ? 2 * VECTOR : stepB;
    rowsOf<T>(TILE_ROWS, a, rowA, stepA, strip, step, c + k, stepC, high, n - j, depth, alpha, accumulate, whole);
    if (TILE_ROWS > 4 && high < four) {
      const skip = <usize>high;
      rowsOf<T>(4, a + skip * rowA, rowA, stepA, strip, step, c + k + skip * stepC, stepC, 4, n - j, depth, alpha, accumulate, whole);
    }
  }
  const end = a + <usize>four * rowA;
  const low = c + <usize>four * stepC;
  if (m & 2) rowPair<T>(end, rowA, stepA, b, stepB, low, stepC, n, depth, alpha, accumulate, whole);
  if (m & 1) {
    const skip = <usize>(m & 2);
    row<T>(end + skip * rowA, stepA, b, stepB, low + skip * stepC, n, depth, alpha, accumulate, whole);
  }
}

function copyStrip(from: usize, step: usize, to: usize, count: i32): void {
  for (; count > 0; count--) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, VECTOR), VECTOR);
    from += step;
    to += 2 * VECTOR;
  }
}

/** Up to two vectors of columns of `m` rows of C, m a multiple of `height` (known at compile time). */
// @ts-ignore: decorator
@inline
function rowsOf<T>(
  height: i32, a: usize, rowA: usize, stepA: usize, b: usize, stepB: usize, c: usize, stepC: usize,
  m: i32, left: i32, depth: i32, alpha: f64, accumulate: bool, whole: bool,
): void {
  const scale = splat<T>(alpha);
  if (left > lanes<T>()) {
    for (let i = m; i > 0; i -= height) {
      tile<T>(height, 2, false, true, a, rowA, stepA, b, stepB, depth, c, stepC, scale, scale, accumulate, left, whole);
      a += <usize>height * rowA;
      c += <usize>height * stepC;
    }
  } else {
    for (let i = m; i > 0; i -= height) {
      tile<T>(height, 1, false, true, a, rowA, stepA, b, stepB, depth, c, stepC, scale, scale, accumulate, left, whole);
      a += <usize>height * rowA;
      c += <usize>height * stepC;
    }
  }
}

/** Two rows of C. */
function rowPair<T>(
  a: usize, rowA: usize, stepA: usize, b: usize, stepB: usize, c: usize, stepC: usize,
  n: i32, depth: i32, alpha: f64, accumulate: bool, whole: bool,
): void {
  const scale = splat<T>(alpha);
  let left = n;
  for (; vectors<T>(left) >= 4; left -= 4 * lanes<T>()) {
    tile<T>(2, 4, false, true, a, rowA, stepA, b, stepB, depth, c, stepC, scale, scale, accumulate, left, whole);
    b += 4 * VECTOR;
    c += 4 * VECTOR;
  }
  for (; left > 0; left -= lanes<T>()) {
    tile<T>(2, 1, false, true, a, rowA, stepA, b, stepB, depth, c, stepC, scale, scale, accumulate, left, whole);
    b += VECTOR;
    c += VECTOR;
  }
}

/** One row of C. */
function row<T>(
  a: usize, stepA: usize, b: usize, stepB: usize, c: usize,
  n: i32, depth: i32, alpha: f64, accumulate: bool, whole: bool,
): void {
  const scale = splat<T>(alpha);
  let left = n;
  for (; vectors<T>(left) >= 4; left -= 4 * lanes<T>()) {
    tile<T>(1, 4, false, true, a, 0, stepA, b, stepB, depth, c, 0, scale, scale, accumulate, left, whole);
    b += 4 * VECTOR;
    c += 4 * VECTOR;
  }
  for (; left > 0; left -= lanes<T>()) {
    tile<T>(1, 1, false, true, a, 0, stepA, b, stepB, depth, c, 0, scale, scale, accumulate, left, whole);
    b += VECTOR;
    c += VECTOR;
  }
}
