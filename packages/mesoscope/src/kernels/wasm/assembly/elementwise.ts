// Kernels that touch each entry once.
import { Axpy, Broadcast, Dot, Fill, Hadamard, MaxAbs, RowSums } from './generated/layout';
import { firstLanes, keepFirst, lanes, larger, madd, maxLanes, put, splat, sumLanes, VECTOR } from './lanes';
import { address, columns, flag, padded, parameter, rows, stride } from './operands';

/** Y ← α X (+ Y). */
export function axpy<T>(at: usize): void {
  const n = columns(at, Axpy.x);
  const whole = padded<T>(at, Axpy.y);
  const alpha = splat<T>(parameter(at, Axpy.alpha));
  const accumulate = flag(at, Axpy.accumulate);
  let x = address(at, Axpy.x);
  let y = address(at, Axpy.y);
  for (let i = rows(at, Axpy.x); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) {
      const to = y + <usize>j * sizeof<T>();
      const from = v128.load(x + <usize>j * sizeof<T>());
      const sum = accumulate ? madd<T>(alpha, from, v128.load(to)) : v128.mul<T>(alpha, from);
      put<T>(to, sum, n - j, whole);
    }
    x += stride(at, Axpy.x);
    y += stride(at, Axpy.y);
  }
}

/** Z ← α X ∘ Y (+ Z). */
export function hadamard<T>(at: usize): void {
  const n = columns(at, Hadamard.x);
  const whole = padded<T>(at, Hadamard.z);
  const alpha = splat<T>(parameter(at, Hadamard.alpha));
  const accumulate = flag(at, Hadamard.accumulate);
  let x = address(at, Hadamard.x);
  let y = address(at, Hadamard.y);
  let z = address(at, Hadamard.z);
  for (let i = rows(at, Hadamard.x); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) {
      const k = <usize>j * sizeof<T>();
      const ax = v128.mul<T>(alpha, v128.load(x + k));
      const entry = v128.load(y + k);
      const product = accumulate ? madd<T>(ax, entry, v128.load(z + k)) : v128.mul<T>(ax, entry);
      put<T>(z + k, product, n - j, whole);
    }
    x += stride(at, Hadamard.x);
    y += stride(at, Hadamard.y);
    z += stride(at, Hadamard.z);
  }
}

/** Y ← constant. */
export function fill<T>(at: usize): void {
  const n = columns(at, Fill.y);
  const whole = padded<T>(at, Fill.y);
  const value = splat<T>(parameter(at, Fill.value));
  let y = address(at, Fill.y);
  for (let i = rows(at, Fill.y); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) put<T>(y + <usize>j * sizeof<T>(), value, n - j, whole);
    y += stride(at, Fill.y);
  }
}

/** C ← b 1ᵀ (+ C). */
export function broadcast<T>(at: usize): void {
  const n = columns(at, Broadcast.c);
  const whole = padded<T>(at, Broadcast.c);
  const accumulate = flag(at, Broadcast.accumulate);
  let b = address(at, Broadcast.b);
  let c = address(at, Broadcast.c);
  for (let i = rows(at, Broadcast.c); i > 0; i--) {
    const value = v128.splat<T>(load<T>(b));
    for (let j = 0; j < n; j += lanes<T>()) {
      const to = c + <usize>j * sizeof<T>();
      put<T>(to, accumulate ? v128.add<T>(v128.load(to), value) : value, n - j, whole);
    }
    b += stride(at, Broadcast.b);
    c += stride(at, Broadcast.c);
  }
}

/** c ← α A 1 (+ c). */
export function rowSums<T>(at: usize): void {
  const n = columns(at, RowSums.a);
  const alpha = <T>parameter(at, RowSums.alpha);
  const accumulate = flag(at, RowSums.accumulate);
  let a = address(at, RowSums.a);
  let c = address(at, RowSums.c);
  for (let i = rows(at, RowSums.a); i > 0; i--) {
    let sum = splat<T>(0);
    let j = 0;
    for (; j + lanes<T>() <= n; j += lanes<T>()) {
      sum = v128.add<T>(sum, v128.load(a + <usize>j * sizeof<T>()));
    }
    if (j < n) sum = v128.add<T>(sum, keepFirst<T>(v128.load(a + <usize>j * sizeof<T>()), n - j));
    const total = <T>(alpha * sumLanes<T>(sum));
    store<T>(c, accumulate ? <T>(load<T>(c) + total) : total);
    a += stride(at, RowSums.a);
    c += stride(at, RowSums.c);
  }
}

/** c ← α Σ X_ij Y_ij (+ c). */
export function dot<T>(at: usize): void {
  const n = columns(at, Dot.x);
  const c = address(at, Dot.c);
  let x = address(at, Dot.x);
  let y = address(at, Dot.y);
  let sum0 = splat<T>(0);
  let sum1 = splat<T>(0);
  for (let i = rows(at, Dot.x); i > 0; i--) {
    let j = 0;
    for (; j + 2 * lanes<T>() <= n; j += 2 * lanes<T>()) {
      const k = <usize>j * sizeof<T>();
      sum0 = madd<T>(v128.load(x + k), v128.load(y + k), sum0);
      sum1 = madd<T>(v128.load(x + k, VECTOR), v128.load(y + k, VECTOR), sum1);
    }
    for (; j < n; j += lanes<T>()) {
      const k = <usize>j * sizeof<T>();
      const mask = firstLanes<T>(n - j);
      sum0 = madd<T>(v128.and(v128.load(x + k), mask), v128.and(v128.load(y + k), mask), sum0);
    }
    x += stride(at, Dot.x);
    y += stride(at, Dot.y);
  }
  const total = <T>(<T>parameter(at, Dot.alpha) * sumLanes<T>(v128.add<T>(sum0, sum1)));
  store<T>(c, flag(at, Dot.accumulate) ? <T>(load<T>(c) + total) : total);
}

/** c ← max |X_ij|, NaN if any entry is NaN. */
export function maxAbs<T>(at: usize): void {
  const n = columns(at, MaxAbs.x);
  let x = address(at, MaxAbs.x);
  let most = splat<T>(0);
  let isNaN = i32x4.splat(0);
  for (let i = rows(at, MaxAbs.x); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) {
      const entry = v128.abs<T>(keepFirst<T>(v128.load(x + <usize>j * sizeof<T>()), n - j));
      isNaN = v128.or(isNaN, v128.ne<T>(entry, entry));
      most = larger<T>(most, entry);
    }
    x += stride(at, MaxAbs.x);
  }
  store<T>(address(at, MaxAbs.c), v128.any_true(isNaN) ? <T>NaN : maxLanes<T>(most));
}
