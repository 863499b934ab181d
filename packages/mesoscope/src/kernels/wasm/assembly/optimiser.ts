// The update of the Adam optimiser, entry by entry.
import { lanes, madd, put, splat } from './lanes';
import { address, columns, padded, parameter, rows, stride } from './operands';

/** m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², x ← x − rate · m·c₁ / (√(v·c₂) + ε). */
export function adam<T>(at: usize): void {
  const n = columns(at, 0);
  const beta1 = splat<T>(parameter(at, 0));
  const beta2 = splat<T>(parameter(at, 1));
  const rest1 = splat<T>(1 - parameter(at, 0));
  const rest2 = splat<T>(1 - parameter(at, 1));
  const epsilon = splat<T>(parameter(at, 2));
  const rate = splat<T>(-parameter(at, 3) * parameter(at, 4));
  const correction2 = splat<T>(parameter(at, 5));
  let x = address(at, 0);
  let g = address(at, 1);
  let m = address(at, 2);
  let v = address(at, 3);
  for (let i = rows(at, 0); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) {
      const k = <usize>j * sizeof<T>();
      const gradient = v128.load(g + k);
      const mean = madd<T>(beta1, v128.load(m + k), v128.mul<T>(rest1, gradient));
      const square = madd<T>(
        beta2,
        v128.load(v + k),
        v128.mul<T>(rest2, v128.mul<T>(gradient, gradient)),
      );
      const size = v128.add<T>(v128.sqrt<T>(v128.mul<T>(square, correction2)), epsilon);
      const step = v128.div<T>(v128.mul<T>(rate, mean), size);
      put<T>(m + k, mean, n - j, padded<T>(at, 2));
      put<T>(v + k, square, n - j, padded<T>(at, 3));
      put<T>(x + k, v128.add<T>(v128.load(x + k), step), n - j, padded<T>(at, 0));
    }
    x += stride(at, 0);
    g += stride(at, 1);
    m += stride(at, 2);
    v += stride(at, 3);
  }
}
