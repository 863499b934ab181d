// The Gaussian moment flow; lanes are parameter points. One vector of points goes through all steps before the next, its
// matrices packed into the workspace, where they stay in the first-level cache.
import { GaussianMoments } from './generated/layout';
import { keepFirst, lanes, madd, put, splat, VECTOR } from './lanes';
import { address, columns, integer, padded, parameter, rows, stride, workspace } from './operands';

// Addresses, in the workspace, of the matrices of one vector of points; an entry is a vector. Set by `place`.
let V: usize = 0;
let B: usize = 0;
let W: usize = 0;
let b: usize = 0;
/** Σ_h V_h. */
let totalV: usize = 0;
/** Moments (mean, then covariance) where the step began; of the covariance the upper triangle only. */
let start: usize = 0;
/** Moments where the derivative is taken. */
let stage: usize = 0;
/** `start` plus the weighted derivatives so far; of the covariance the upper triangle only. */
let result: usize = 0;
let U: usize = 0;
/** Σ B_h, then U Σ. */
let product: usize = 0;
/** ṁ. */
let velocity: usize = 0;

/** `steps` Runge–Kutta steps of Σ̇ = UΣ + ΣUᵀ, ṁ = (U + Σ_h V_h) m + b, U = Σ_h V_h Σ B_h + W. */
export function gaussianMoments<T>(at: usize): void {
  const d = integer(at, GaussianMoments.dimension);
  const heads = integer(at, GaussianMoments.heads);
  const tau = parameter(at, GaussianMoments.tau);
  place(d, heads);
  for (let j = 0; j < columns(at, GaussianMoments.mean); j += lanes<T>()) {
    pack<T>(at, GaussianMoments.mean, stage, j);
    pack<T>(at, GaussianMoments.covariance, stage + <usize>d * VECTOR, j);
    pack<T>(at, GaussianMoments.V, V, j);
    pack<T>(at, GaussianMoments.B, B, j);
    pack<T>(at, GaussianMoments.W, W, j);
    pack<T>(at, GaussianMoments.b, b, j);
    addHeads<T>(d, heads);
    const entries = <usize>(d + d * d) * VECTOR;
    memory.copy(start, stage, entries);
    memory.copy(result, stage, entries);
    for (let step = integer(at, GaussianMoments.steps); step > 0; step--) {
      derive<T>(d, heads);
      advance<T>(d, splat<T>(tau / 6), splat<T>(tau / 2));
      derive<T>(d, heads);
      advance<T>(d, splat<T>(tau / 3), splat<T>(tau / 2));
      derive<T>(d, heads);
      advance<T>(d, splat<T>(tau / 3), splat<T>(tau));
      derive<T>(d, heads);
      finish<T>(d, splat<T>(tau / 6));
    }
    unpack<T>(at, GaussianMoments.mean, stage, j);
    unpack<T>(at, GaussianMoments.covariance, stage + <usize>d * VECTOR, j);
  }
}

function place(d: i32, heads: i32): void {
  const vector = <usize>d * VECTOR;
  const matrix = <usize>(d * d) * VECTOR;
  V = workspace();
  B = V + matrix * <usize>heads;
  W = B + matrix * <usize>heads;
  totalV = W + matrix;
  U = totalV + matrix;
  product = U + matrix;
  start = product + matrix;
  stage = start + vector + matrix;
  result = stage + vector + matrix;
  b = result + vector + matrix;
  velocity = b + vector;
}

/** Copies one vector of columns of matrix number i, 0 beyond the last column. */
function pack<T>(at: usize, i: i32, to: usize, j: i32): void {
  let from = address(at, i) + <usize>j * sizeof<T>();
  for (let row = rows(at, i); row > 0; row--) {
    v128.store(to, keepFirst<T>(v128.load(from), columns(at, i) - j));
    from += stride(at, i);
    to += VECTOR;
  }
}

function unpack<T>(at: usize, i: i32, from: usize, j: i32): void {
  const whole = padded<T>(at, i);
  let to = address(at, i) + <usize>j * sizeof<T>();
  for (let row = rows(at, i); row > 0; row--) {
    put<T>(to, v128.load(from), columns(at, i) - j, whole);
    from += VECTOR;
    to += stride(at, i);
  }
}

function addHeads<T>(d: i32, heads: i32): void {
  for (let entry = 0; entry < d * d; entry++) {
    let sum = splat<T>(0);
    for (let head = 0; head < heads; head++) {
      sum = v128.add<T>(sum, v128.load(V + <usize>(head * d * d + entry) * VECTOR));
    }
    v128.store(totalV + <usize>entry * VECTOR, sum);
  }
}

/** U, U Σ and ṁ at `stage`. */
function derive<T>(d: i32, heads: i32): void {
  const matrix = <usize>(d * d) * VECTOR;
  const covariance = stage + <usize>d * VECTOR;
  let base = W;
  for (let head: usize = 0; head < <usize>heads; head++) {
    multiply<T>(covariance, B + head * matrix, 0, product, d);
    multiply<T>(V + head * matrix, product, base, U, d);
    base = U;
  }
  multiply<T>(U, covariance, 0, product, d);
  let u = U;
  let v = totalV;
  for (let i = 0; i < d; i++) {
    let sum = v128.load(b + <usize>i * VECTOR);
    for (let j = 0; j < d; j++) {
      const entry = v128.add<T>(v128.load(u), v128.load(v));
      sum = madd<T>(entry, v128.load(stage + <usize>j * VECTOR), sum);
      u += VECTOR;
      v += VECTOR;
    }
    v128.store(velocity + <usize>i * VECTOR, sum);
  }
}

/** result += weight · derivative; stage ← start + step · derivative. */
function advance<T>(d: i32, weight: v128, step: v128): void {
  for (let i = 0; i < d; i++) {
    const k = <usize>i * VECTOR;
    const slope = v128.load(velocity + k);
    v128.store(result + k, madd<T>(weight, slope, v128.load(result + k)));
    v128.store(stage + k, madd<T>(step, slope, v128.load(start + k)));
  }
  for (let i = 0; i < d; i++) {
    for (let j = i; j < d; j++) {
      const upper = <usize>(i * d + j) * VECTOR;
      const lower = <usize>(j * d + i) * VECTOR;
      const k = <usize>d * VECTOR + upper;
      const slope = v128.add<T>(v128.load(product + upper), v128.load(product + lower));
      v128.store(result + k, madd<T>(weight, slope, v128.load(result + k)));
      const moved = madd<T>(step, slope, v128.load(start + k));
      v128.store(stage + k, moved);
      v128.store(stage + <usize>d * VECTOR + lower, moved);
    }
  }
}

/** start, stage, result ← result + weight · derivative. */
function finish<T>(d: i32, weight: v128): void {
  for (let i = 0; i < d; i++) {
    const k = <usize>i * VECTOR;
    const moved = madd<T>(weight, v128.load(velocity + k), v128.load(result + k));
    v128.store(start + k, moved);
    v128.store(stage + k, moved);
    v128.store(result + k, moved);
  }
  for (let i = 0; i < d; i++) {
    for (let j = i; j < d; j++) {
      const upper = <usize>(i * d + j) * VECTOR;
      const lower = <usize>(j * d + i) * VECTOR;
      const k = <usize>d * VECTOR + upper;
      const slope = v128.add<T>(v128.load(product + upper), v128.load(product + lower));
      const moved = madd<T>(weight, slope, v128.load(result + k));
      v128.store(start + k, moved);
      v128.store(result + k, moved);
      v128.store(stage + k, moved);
      v128.store(stage + <usize>d * VECTOR + lower, moved);
    }
  }
}

/** z ← base + x y for d × d matrices of vectors; base 0: none. */
function multiply<T>(x: usize, y: usize, base: usize, z: usize, d: i32): void {
  const rowBytes = <usize>d * VECTOR;
  const fromBase = base != 0;
  let i = d;
  for (; i >= 2; i -= 2) {
    multiplyRows<T>(2, x, y, base, fromBase, z, d);
    x += 2 * rowBytes;
    z += 2 * rowBytes;
    base += 2 * rowBytes;
  }
  if (i == 1) multiplyRows<T>(1, x, y, base, fromBase, z, d);
}

/** One or two rows of z. */
// @ts-ignore: decorator
@inline
function multiplyRows<T>(
  height: i32, x: usize, y: usize, base: usize, fromBase: bool, z: usize, d: i32,
): void {
  let j = d;
  for (; j >= 4; j -= 4) {
    multiplyTile<T>(height, 4, x, y, base, fromBase, z, d);
    y += 4 * VECTOR;
    z += 4 * VECTOR;
    base += 4 * VECTOR;
  }
  for (; j >= 2; j -= 2) {
    multiplyTile<T>(height, 2, x, y, base, fromBase, z, d);
    y += 2 * VECTOR;
    z += 2 * VECTOR;
    base += 2 * VECTOR;
  }
  if (j == 1) multiplyTile<T>(height, 1, x, y, base, fromBase, z, d);
}

/** A tile of z of at most 2 × 4 entries. */
// @ts-ignore: decorator
@inline
function multiplyTile<T>(
  height: i32, width: i32, x: usize, y: usize, base: usize, fromBase: bool, z: usize, d: i32,
): void {
  const rowBytes = <usize>d * VECTOR;
  const zero = splat<T>(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  let b0 = zero, b1 = zero, b2 = zero, b3 = zero;
  if (fromBase) {
    a0 = v128.load(base);
    if (width > 1) a1 = v128.load(base, VECTOR);
    if (width > 2) a2 = v128.load(base, 2 * VECTOR);
    if (width > 3) a3 = v128.load(base, 3 * VECTOR);
    if (height > 1) {
      b0 = v128.load(base + rowBytes);
      if (width > 1) b1 = v128.load(base + rowBytes, VECTOR);
      if (width > 2) b2 = v128.load(base + rowBytes, 2 * VECTOR);
      if (width > 3) b3 = v128.load(base + rowBytes, 3 * VECTOR);
    }
  }
  for (let k = d; k > 0; k--) {
    const xa = v128.load(x);
    const y0 = v128.load(y);
    a0 = madd<T>(xa, y0, a0);
    if (height > 1) b0 = madd<T>(v128.load(x + rowBytes), y0, b0);
    if (width > 1) {
      const y1 = v128.load(y, VECTOR);
      a1 = madd<T>(xa, y1, a1);
      if (height > 1) b1 = madd<T>(v128.load(x + rowBytes), y1, b1);
    }
    if (width > 2) {
      const y2 = v128.load(y, 2 * VECTOR);
      a2 = madd<T>(xa, y2, a2);
      if (height > 1) b2 = madd<T>(v128.load(x + rowBytes), y2, b2);
    }
    if (width > 3) {
      const y3 = v128.load(y, 3 * VECTOR);
      a3 = madd<T>(xa, y3, a3);
      if (height > 1) b3 = madd<T>(v128.load(x + rowBytes), y3, b3);
    }
    x += VECTOR;
    y += rowBytes;
  }
  v128.store(z, a0);
  if (width > 1) v128.store(z, a1, VECTOR);
  if (width > 2) v128.store(z, a2, 2 * VECTOR);
  if (width > 3) v128.store(z, a3, 3 * VECTOR);
  if (height > 1) {
    v128.store(z + rowBytes, b0);
    if (width > 1) v128.store(z + rowBytes, b1, VECTOR);
    if (width > 2) v128.store(z + rowBytes, b2, 2 * VECTOR);
    if (width > 3) v128.store(z + rowBytes, b3, 3 * VECTOR);
  }
}
