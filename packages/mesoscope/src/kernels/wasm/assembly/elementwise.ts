// Kernels that touch each entry once.
import {
  firstLanes,
  keepFirst,
  lanes,
  larger,
  madd,
  maxLanes,
  put,
  splat,
  sumLanes,
} from './lanes';
import { address, columns, flag, padded, parameter, rows, stride } from './operands';

/** Y ← α X (+ Y). */
export function axpy<T>(at: usize): void {
  const n = columns(at, 0);
  const whole = padded<T>(at, 1);
  const alpha = splat<T>(parameter(at, 0));
  const accumulate = flag(at, 1);
  let x = address(at, 0);
  let y = address(at, 1);
  for (let i = rows(at, 0); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) {
      const to = y + <usize>j * sizeof<T>();
      const from = v128.load(x + <usize>j * sizeof<T>());
      const sum = accumulate ? madd<T>(alpha, from, v128.load(to)) : v128.mul<T>(alpha, from);
      put<T>(to, sum, n - j, whole);
    }
    x += stride(at, 0);
    y += stride(at, 1);
  }
}

/** Z ← α X ∘ Y (+ Z). */
export function hadamard<T>(at: usize): void {
  const n = columns(at, 0);
  const whole = padded<T>(at, 2);
  const alpha = splat<T>(parameter(at, 0));
  const accumulate = flag(at, 1);
  let x = address(at, 0);
  let y = address(at, 1);
  let z = address(at, 2);
  for (let i = rows(at, 0); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) {
      const k = <usize>j * sizeof<T>();
      const ax = v128.mul<T>(alpha, v128.load(x + k));
      const entry = v128.load(y + k);
      const product = accumulate ? madd<T>(ax, entry, v128.load(z + k)) : v128.mul<T>(ax, entry);
      put<T>(z + k, product, n - j, whole);
    }
    x += stride(at, 0);
    y += stride(at, 1);
    z += stride(at, 2);
  }
}

/** Y ← constant. */
export function fill<T>(at: usize): void {
  const n = columns(at, 0);
  const whole = padded<T>(at, 0);
  const value = splat<T>(parameter(at, 0));
  let y = address(at, 0);
  for (let i = rows(at, 0); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) put<T>(y + <usize>j * sizeof<T>(), value, n - j, whole);
    y += stride(at, 0);
  }
}

/** C ← b 1ᵀ (+ C). */
export function broadcast<T>(at: usize): void {
  const n = columns(at, 1);
  const whole = padded<T>(at, 1);
  const accumulate = flag(at, 0);
  let b = address(at, 0);
  let c = address(at, 1);
  for (let i = rows(at, 1); i > 0; i--) {
    const value = v128.splat<T>(load<T>(b));
    for (let j = 0; j < n; j += lanes<T>()) {
      const to = c + <usize>j * sizeof<T>();
      put<T>(to, accumulate ? v128.add<T>(v128.load(to), value) : value, n - j, whole);
    }
    b += stride(at, 0);
    c += stride(at, 1);
  }
}

/** c ← α A 1 (+ c). */
export function rowSums<T>(at: usize): void {
  const n = columns(at, 0);
  const alpha = <T>parameter(at, 0);
  const accumulate = flag(at, 1);
  let a = address(at, 0);
  let c = address(at, 1);
  for (let i = rows(at, 0); i > 0; i--) {
    let sum = splat<T>(0);
    let j = 0;
    for (; j + lanes<T>() <= n; j += lanes<T>()) {
      sum = v128.add<T>(sum, v128.load(a + <usize>j * sizeof<T>()));
    }
    if (j < n) sum = v128.add<T>(sum, keepFirst<T>(v128.load(a + <usize>j * sizeof<T>()), n - j));
    const total = <T>(alpha * sumLanes<T>(sum));
    store<T>(c, accumulate ? <T>(load<T>(c) + total) : total);
    a += stride(at, 0);
    c += stride(at, 1);
  }
}

/** c ← α Σ X_ij Y_ij (+ c). */
export function dot<T>(at: usize): void {
  const n = columns(at, 0);
  const c = address(at, 2);
  let x = address(at, 0);
  let y = address(at, 1);
  let sum0 = splat<T>(0);
  let sum1 = splat<T>(0);
  for (let i = rows(at, 0); i > 0; i--) {
    let j = 0;
    for (; j + 2 * lanes<T>() <= n; j += 2 * lanes<T>()) {
      const k = <usize>j * sizeof<T>();
      sum0 = madd<T>(v128.load(x + k), v128.load(y + k), sum0);
      sum1 = madd<T>(v128.load(x + k, 16), v128.load(y + k, 16), sum1);
    }
    for (; j < n; j += lanes<T>()) {
      const k = <usize>j * sizeof<T>();
      const mask = firstLanes<T>(n - j);
      sum0 = madd<T>(v128.and(v128.load(x + k), mask), v128.and(v128.load(y + k), mask), sum0);
    }
    x += stride(at, 0);
    y += stride(at, 1);
  }
  const total = <T>(<T>parameter(at, 0) * sumLanes<T>(v128.add<T>(sum0, sum1)));
  store<T>(c, flag(at, 1) ? <T>(load<T>(c) + total) : total);
}

/** c ← max |X_ij|, NaN if any entry is NaN. */
export function maxAbs<T>(at: usize): void {
  const n = columns(at, 0);
  let x = address(at, 0);
  let most = splat<T>(0);
  let isNaN = i32x4.splat(0);
  for (let i = rows(at, 0); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) {
      const entry = v128.abs<T>(keepFirst<T>(v128.load(x + <usize>j * sizeof<T>()), n - j));
      isNaN = v128.or(isNaN, v128.ne<T>(entry, entry));
      most = larger<T>(most, entry);
    }
    x += stride(at, 0);
  }
  store<T>(address(at, 1), v128.any_true(isNaN) ? <T>NaN : maxLanes<T>(most));
}
