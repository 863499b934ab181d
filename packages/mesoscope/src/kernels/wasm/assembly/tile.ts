// The micro-kernel of all products: C[i][j] = Σ_k A[i,k]·B[k,j] for up to 8 rows and up to 4 vectors of columns held in
// registers. A is loaded number by number (all lanes equal), B vector by vector; neither is transposed or packed.
import { lanes, loadSplat, madd, put, splat, VECTOR } from './lanes';

/**
 * `rows` × `wide` vectors of C: (8, 2), (8, 1), (4, 2), (4, 1), (2, 4), (2, 2), (2, 1), (1, 4), (1, 2) or (1, 1), known at compile
 * time. A's rows are `rowA` bytes apart and its columns `stepA`; B's rows `stepB`, C's rows `stepC`.
 * C ← scale ∘ AB (+ C), the scale of the first two vectors of columns given each (a third and fourth use the first),
 * or plainly AB where `scaled` (compile time) is false. With `distances` (compile time) the sum is
 * Σ_k (B[k,j] − A[i,k])² instead. `left` and `whole` as in {@link put}.
 */
// @ts-ignore: decorator
@inline
export function tile<T>(
  rows: i32,
  wide: i32,
  distances: bool,
  scaled: bool,
  a: usize,
  rowA: usize,
  stepA: usize,
  b: usize,
  stepB: usize,
  depth: i32,
  c: usize,
  stepC: usize,
  scale0: v128,
  scale1: v128,
  accumulate: bool,
  left: i32,
  whole: bool,
): void {
  let c00 = splat<T>(0);
  let c01 = c00;
  let c02 = c00;
  let c03 = c00;
  let c10 = c00;
  let c11 = c00;
  let c12 = c00;
  let c13 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  let c60 = c00;
  let c61 = c00;
  let c70 = c00;
  let c71 = c00;
  for (let k = depth; k > 0; k--) {
    const b0 = v128.load(b);
    const b1 = wide > 1 ? v128.load(b, VECTOR) : b0;
    const b2 = wide > 2 ? v128.load(b, 2 * VECTOR) : b0;
    const b3 = wide > 2 ? v128.load(b, 3 * VECTOR) : b0;
    const a0 = loadSplat<T>(a);
    c00 = step<T>(distances, a0, b0, c00);
    if (wide > 1) c01 = step<T>(distances, a0, b1, c01);
    if (wide > 2) {
      c02 = step<T>(distances, a0, b2, c02);
      c03 = step<T>(distances, a0, b3, c03);
    }
    if (rows > 1) {
      const a1 = loadSplat<T>(a + rowA);
      c10 = step<T>(distances, a1, b0, c10);
      if (wide > 1) c11 = step<T>(distances, a1, b1, c11);
      if (wide > 2) {
        c12 = step<T>(distances, a1, b2, c12);
        c13 = step<T>(distances, a1, b3, c13);
      }
    }
    if (rows > 2) {
      const a2 = loadSplat<T>(a + 2 * rowA);
      c20 = step<T>(distances, a2, b0, c20);
      if (wide > 1) c21 = step<T>(distances, a2, b1, c21);
      const a3 = loadSplat<T>(a + 3 * rowA);
      c30 = step<T>(distances, a3, b0, c30);
      if (wide > 1) c31 = step<T>(distances, a3, b1, c31);
    }
    if (rows > 4) {
      const low = a + 4 * rowA;
      const a4 = loadSplat<T>(low);
      c40 = step<T>(distances, a4, b0, c40);
      if (wide > 1) c41 = step<T>(distances, a4, b1, c41);
      const a5 = loadSplat<T>(low + rowA);
      c50 = step<T>(distances, a5, b0, c50);
      if (wide > 1) c51 = step<T>(distances, a5, b1, c51);
      const a6 = loadSplat<T>(low + 2 * rowA);
      c60 = step<T>(distances, a6, b0, c60);
      if (wide > 1) c61 = step<T>(distances, a6, b1, c61);
      const a7 = loadSplat<T>(low + 3 * rowA);
      c70 = step<T>(distances, a7, b0, c70);
      if (wide > 1) c71 = step<T>(distances, a7, b1, c71);
    }
    a += stepA;
    b += stepB;
  }
  finish<T>(wide, scaled, c, c00, c01, c02, c03, scale0, scale1, accumulate, left, whole);
  if (rows > 1) {
    finish<T>(wide, scaled, c + stepC, c10, c11, c12, c13, scale0, scale1, accumulate, left, whole);
  }
  if (rows > 2) {
    c += 2 * stepC;
    finish<T>(wide, scaled, c, c20, c21, c20, c21, scale0, scale1, accumulate, left, whole);
    finish<T>(wide, scaled, c + stepC, c30, c31, c30, c31, scale0, scale1, accumulate, left, whole);
  }
  if (rows > 4) {
    c += 2 * stepC;
    finish<T>(wide, scaled, c, c40, c41, c40, c41, scale0, scale1, accumulate, left, whole);
    finish<T>(wide, scaled, c + stepC, c50, c51, c50, c51, scale0, scale1, accumulate, left, whole);
    c += 2 * stepC;
    finish<T>(wide, scaled, c, c60, c61, c60, c61, scale0, scale1, accumulate, left, whole);
    finish<T>(wide, scaled, c + stepC, c70, c71, c70, c71, scale0, scale1, accumulate, left, whole);
  }
}

// @ts-ignore: decorator
@inline
function step<T>(distances: bool, a: v128, b: v128, sum: v128): v128 {
  if (!distances) return madd<T>(a, b, sum);
  const difference = v128.sub<T>(b, a);
  return madd<T>(difference, difference, sum);
}

// @ts-ignore: decorator
@inline
function finish<T>(
  wide: i32,
  scaled: bool,
  c: usize,
  c0: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  scale0: v128,
  scale1: v128,
  accumulate: bool,
  left: i32,
  whole: bool,
): void {
  const last = left - (wide - 1) * lanes<T>();
  if (wide == 1) {
    put<T>(c, entry<T>(scaled, c, c0, scale0, accumulate), last, whole);
  } else if (wide == 2) {
    v128.store(c, entry<T>(scaled, c, c0, scale0, accumulate));
    put<T>(c + VECTOR, entry<T>(scaled, c + VECTOR, c1, scale1, accumulate), last, whole);
  } else {
    v128.store(c, entry<T>(scaled, c, c0, scale0, accumulate));
    v128.store(c + VECTOR, entry<T>(scaled, c + VECTOR, c1, scale0, accumulate));
    v128.store(c + 2 * VECTOR, entry<T>(scaled, c + 2 * VECTOR, c2, scale0, accumulate));
    put<T>(c + 3 * VECTOR, entry<T>(scaled, c + 3 * VECTOR, c3, scale0, accumulate), last, whole);
  }
}

// @ts-ignore: decorator
@inline
function entry<T>(scaled: bool, c: usize, sum: v128, scale: v128, accumulate: bool): v128 {
  if (!scaled) return sum;
  return accumulate ? madd<T>(sum, scale, v128.load(c)) : v128.mul<T>(sum, scale);
}
