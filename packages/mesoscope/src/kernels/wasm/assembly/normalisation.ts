// Normalisation and tangent projection: every lane works through its own column.
import * as op from '../opcode';
import { lanes, madd, nmadd, put, splat } from './lanes';
import { address, columns, flag, integer, padded, parameter, rows, stride } from './operands';

/** Y ← normalise(X). */
export function normalise<T>(at: usize): void {
  const n = columns(at, 0);
  const whole = padded<T>(at, 1);
  for (let j = 0; j < n; j += lanes<T>()) {
    const centre = centreOf<T>(at, j);
    const scale = scaleOf<T>(at, j, centre);
    let x = address(at, 0) + <usize>j * sizeof<T>();
    let y = address(at, 1) + <usize>j * sizeof<T>();
    for (let i = rows(at, 0); i > 0; i--) {
      put<T>(y, v128.mul<T>(v128.sub<T>(v128.load(x), centre), scale), n - j, whole);
      x += stride(at, 0);
      y += stride(at, 1);
    }
  }
}

/** G ← s (P − mean(P) − Y⟨Y, P⟩/d) (+ G), with Y = (X − mean) s; no mean(P) for rms. */
export function normalisePullback<T>(at: usize): void {
  const n = columns(at, 0);
  const d = rows(at, 0);
  const whole = padded<T>(at, 2);
  const accumulate = flag(at, 2);
  const share = splat<T>(1 / <f64>d);
  for (let j = 0; j < n; j += lanes<T>()) {
    const k = <usize>j * sizeof<T>();
    const centre = centreOf<T>(at, j);
    const scale = scaleOf<T>(at, j, centre);
    let meanP = splat<T>(0);
    let alignment = splat<T>(0);
    let x = address(at, 0) + k;
    let p = address(at, 1) + k;
    for (let i = d; i > 0; i--) {
      const from = v128.load(p);
      meanP = v128.add<T>(meanP, from);
      alignment = madd<T>(v128.sub<T>(v128.load(x), centre), from, alignment);
      x += stride(at, 0);
      p += stride(at, 1);
    }
    meanP = integer(at, 0) == op.LAYER ? v128.mul<T>(meanP, share) : splat<T>(0);
    // ⟨Y, P⟩/d · s, so that it multiplies X − mean.
    alignment = v128.mul<T>(v128.mul<T>(alignment, share), v128.mul<T>(scale, scale));
    x = address(at, 0) + k;
    p = address(at, 1) + k;
    let g = address(at, 2) + k;
    for (let i = d; i > 0; i--) {
      const centred = v128.sub<T>(v128.load(x), centre);
      const inner = nmadd<T>(centred, alignment, v128.sub<T>(v128.load(p), meanP));
      const sum = accumulate ? madd<T>(scale, inner, v128.load(g)) : v128.mul<T>(scale, inner);
      put<T>(g, sum, n - j, whole);
      x += stride(at, 0);
      p += stride(at, 1);
      g += stride(at, 2);
    }
  }
}

/** The means of the columns from j on; 0 for rms. */
function centreOf<T>(at: usize, j: i32): v128 {
  let sum = splat<T>(0);
  if (integer(at, 0) != op.LAYER) return sum;
  let x = address(at, 0) + <usize>j * sizeof<T>();
  for (let i = rows(at, 0); i > 0; i--) {
    sum = v128.add<T>(sum, v128.load(x));
    x += stride(at, 0);
  }
  return v128.div<T>(sum, splat<T>(<f64>rows(at, 0)));
}

/** 1/√(variance + ε) of the columns from j on. */
function scaleOf<T>(at: usize, j: i32, centre: v128): v128 {
  let sum = splat<T>(0);
  let x = address(at, 0) + <usize>j * sizeof<T>();
  for (let i = rows(at, 0); i > 0; i--) {
    const centred = v128.sub<T>(v128.load(x), centre);
    sum = madd<T>(centred, centred, sum);
    x += stride(at, 0);
  }
  const variance = v128.div<T>(sum, splat<T>(<f64>rows(at, 0)));
  const shifted = v128.add<T>(variance, splat<T>(parameter(at, 1)));
  return v128.div<T>(splat<T>(1), v128.sqrt<T>(shifted));
}

/** Y ← F − X⟨X, F⟩/|X|². */
export function tangent<T>(at: usize): void {
  const n = columns(at, 0);
  const whole = padded<T>(at, 2);
  for (let j = 0; j < n; j += lanes<T>()) {
    const k = <usize>j * sizeof<T>();
    const s = v128.div<T>(columnProduct<T>(at, 0, 1, j), columnProduct<T>(at, 0, 0, j));
    let x = address(at, 0) + k;
    let f = address(at, 1) + k;
    let y = address(at, 2) + k;
    for (let i = rows(at, 0); i > 0; i--) {
      put<T>(y, nmadd<T>(v128.load(x), s, v128.load(f)), n - j, whole);
      x += stride(at, 0);
      f += stride(at, 1);
      y += stride(at, 2);
    }
  }
}

/** With s = ⟨X, F⟩/|X|², r = ⟨X, P⟩/|X|²: GF += P − r X, GX += 2 r s X − s P − r F. */
export function tangentPullback<T>(at: usize): void {
  const n = columns(at, 0);
  const wholeX = padded<T>(at, 3);
  const wholeF = padded<T>(at, 4);
  for (let j = 0; j < n; j += lanes<T>()) {
    const k = <usize>j * sizeof<T>();
    const square = columnProduct<T>(at, 0, 0, j);
    const s = v128.div<T>(columnProduct<T>(at, 0, 1, j), square);
    const r = v128.div<T>(columnProduct<T>(at, 0, 2, j), square);
    const twice = v128.mul<T>(v128.add<T>(r, r), s);
    let x = address(at, 0) + k;
    let f = address(at, 1) + k;
    let p = address(at, 2) + k;
    let gx = address(at, 3) + k;
    let gf = address(at, 4) + k;
    for (let i = rows(at, 0); i > 0; i--) {
      const point = v128.load(x);
      const costate = v128.load(p);
      // Two stores one after the other: gx and gf may be the same matrix.
      put<T>(gf, v128.add<T>(v128.load(gf), nmadd<T>(r, point, costate)), n - j, wholeF);
      const gradient = nmadd<T>(s, costate, nmadd<T>(r, v128.load(f), v128.mul<T>(twice, point)));
      put<T>(gx, v128.add<T>(v128.load(gx), gradient), n - j, wholeX);
      x += stride(at, 0);
      f += stride(at, 1);
      p += stride(at, 2);
      gx += stride(at, 3);
      gf += stride(at, 4);
    }
  }
}

/** ⟨A_{·j}, B_{·j}⟩ for matrices number a and b and the columns from j on. */
function columnProduct<T>(at: usize, a: i32, b: i32, j: i32): v128 {
  let sum = splat<T>(0);
  let left = address(at, a) + <usize>j * sizeof<T>();
  let right = address(at, b) + <usize>j * sizeof<T>();
  for (let i = rows(at, a); i > 0; i--) {
    sum = madd<T>(v128.load(left), v128.load(right), sum);
    left += stride(at, a);
    right += stride(at, b);
  }
  return sum;
}
