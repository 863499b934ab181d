// The update of the Adam optimiser, entry by entry.
import { Adam } from './generated/layout';
import { lanes, madd, put, splat } from './lanes';
import { address, columns, padded, parameter, rows, stride } from './operands';

/** m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², x ← x − rate · m·c₁ / (√(v·c₂) + ε). */
export function adam<T>(at: usize): void {
  const n = columns(at, Adam.x);
  const beta1 = splat<T>(parameter(at, Adam.beta1));
  const beta2 = splat<T>(parameter(at, Adam.beta2));
  const rest1 = splat<T>(1 - parameter(at, Adam.beta1));
  const rest2 = splat<T>(1 - parameter(at, Adam.beta2));
  const epsilon = splat<T>(parameter(at, Adam.epsilon));
  const rate = splat<T>(-parameter(at, Adam.rate) * parameter(at, Adam.correction1));
  const correction2 = splat<T>(parameter(at, Adam.correction2));
  let x = address(at, Adam.x);
  let g = address(at, Adam.g);
  let m = address(at, Adam.m);
  let v = address(at, Adam.v);
  for (let i = rows(at, Adam.x); i > 0; i--) {
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
      put<T>(m + k, mean, n - j, padded<T>(at, Adam.m));
      put<T>(v + k, square, n - j, padded<T>(at, Adam.v));
      put<T>(x + k, v128.add<T>(v128.load(x + k), step), n - j, padded<T>(at, Adam.x));
    }
    x += stride(at, Adam.x);
    g += stride(at, Adam.g);
    m += stride(at, Adam.m);
    v += stride(at, Adam.v);
  }
}
