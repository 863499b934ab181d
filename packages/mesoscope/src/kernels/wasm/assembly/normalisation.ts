// Normalisation and tangent projection: every lane works through its own column.
import { NormalisationKind, Normalise, NormalisePullback, Tangent, TangentPullback } from './generated/layout';
import { lanes, madd, nmadd, put, splat } from './lanes';
import { address, columns, flag, integer, padded, parameter, rows, stride } from './operands';

/** Y ← normalise(X). */
export function normalise<T>(at: usize): void {
  const n = columns(at, Normalise.x);
  const whole = padded<T>(at, Normalise.y);
  for (let j = 0; j < n; j += lanes<T>()) {
    const centre = centreOf<T>(at, j);
    const scale = scaleOf<T>(at, j, centre);
    let x = address(at, Normalise.x) + <usize>j * sizeof<T>();
    let y = address(at, Normalise.y) + <usize>j * sizeof<T>();
    for (let i = rows(at, Normalise.x); i > 0; i--) {
      put<T>(y, v128.mul<T>(v128.sub<T>(v128.load(x), centre), scale), n - j, whole);
      x += stride(at, Normalise.x);
      y += stride(at, Normalise.y);
    }
  }
}

/** G ← s (P − mean(P) − Y⟨Y, P⟩/d) (+ G), with Y = (X − mean) s; no mean(P) for rms. */
export function normalisePullback<T>(at: usize): void {
  const n = columns(at, NormalisePullback.x);
  const d = rows(at, NormalisePullback.x);
  const whole = padded<T>(at, NormalisePullback.g);
  const accumulate = flag(at, NormalisePullback.accumulate);
  const share = splat<T>(1 / <f64>d);
  for (let j = 0; j < n; j += lanes<T>()) {
    const k = <usize>j * sizeof<T>();
    const centre = centreOf<T>(at, j);
    const scale = scaleOf<T>(at, j, centre);
    let meanP = splat<T>(0);
    let alignment = splat<T>(0);
    let x = address(at, NormalisePullback.x) + k;
    let p = address(at, NormalisePullback.p) + k;
    for (let i = d; i > 0; i--) {
      const from = v128.load(p);
      meanP = v128.add<T>(meanP, from);
      alignment = madd<T>(v128.sub<T>(v128.load(x), centre), from, alignment);
      x += stride(at, NormalisePullback.x);
      p += stride(at, NormalisePullback.p);
    }
    meanP = integer(at, NormalisePullback.kind) == NormalisationKind.layer ? v128.mul<T>(meanP, share) : splat<T>(0);
    // ⟨Y, P⟩/d · s, so that it multiplies X − mean.
    alignment = v128.mul<T>(v128.mul<T>(alignment, share), v128.mul<T>(scale, scale));
    x = address(at, NormalisePullback.x) + k;
    p = address(at, NormalisePullback.p) + k;
    let g = address(at, NormalisePullback.g) + k;
    for (let i = d; i > 0; i--) {
      const centred = v128.sub<T>(v128.load(x), centre);
      const inner = nmadd<T>(centred, alignment, v128.sub<T>(v128.load(p), meanP));
      const sum = accumulate ? madd<T>(scale, inner, v128.load(g)) : v128.mul<T>(scale, inner);
      put<T>(g, sum, n - j, whole);
      x += stride(at, NormalisePullback.x);
      p += stride(at, NormalisePullback.p);
      g += stride(at, NormalisePullback.g);
    }
  }
}

/** The means of the columns from j on; 0 for rms. */
function centreOf<T>(at: usize, j: i32): v128 {
  let sum = splat<T>(0);
  if (integer(at, Normalise.kind) != NormalisationKind.layer) return sum;
  let x = address(at, Normalise.x) + <usize>j * sizeof<T>();
  for (let i = rows(at, Normalise.x); i > 0; i--) {
    sum = v128.add<T>(sum, v128.load(x));
    x += stride(at, Normalise.x);
  }
  return v128.div<T>(sum, splat<T>(<f64>rows(at, Normalise.x)));
}

/** 1/√(variance + ε) of the columns from j on. */
function scaleOf<T>(at: usize, j: i32, centre: v128): v128 {
  let sum = splat<T>(0);
  let x = address(at, Normalise.x) + <usize>j * sizeof<T>();
  for (let i = rows(at, Normalise.x); i > 0; i--) {
    const centred = v128.sub<T>(v128.load(x), centre);
    sum = madd<T>(centred, centred, sum);
    x += stride(at, Normalise.x);
  }
  const variance = v128.div<T>(sum, splat<T>(<f64>rows(at, Normalise.x)));
  const shifted = v128.add<T>(variance, splat<T>(parameter(at, Normalise.epsilon)));
  return v128.div<T>(splat<T>(1), v128.sqrt<T>(shifted));
}

/** Y ← F − X⟨X, F⟩/|X|². */
export function tangent<T>(at: usize): void {
  const n = columns(at, Tangent.x);
  const whole = padded<T>(at, Tangent.y);
  for (let j = 0; j < n; j += lanes<T>()) {
    const k = <usize>j * sizeof<T>();
    const s = v128.div<T>(columnProduct<T>(at, Tangent.x, Tangent.f, j), columnProduct<T>(at, Tangent.x, Tangent.x, j));
    let x = address(at, Tangent.x) + k;
    let f = address(at, Tangent.f) + k;
    let y = address(at, Tangent.y) + k;
    for (let i = rows(at, Tangent.x); i > 0; i--) {
      put<T>(y, nmadd<T>(v128.load(x), s, v128.load(f)), n - j, whole);
      x += stride(at, Tangent.x);
      f += stride(at, Tangent.f);
      y += stride(at, Tangent.y);
    }
  }
}

/** With s = ⟨X, F⟩/|X|², r = ⟨X, P⟩/|X|²: GF += P − r X, GX += 2 r s X − s P − r F. */
export function tangentPullback<T>(at: usize): void {
  const n = columns(at, TangentPullback.x);
  const wholeX = padded<T>(at, TangentPullback.gx);
  const wholeF = padded<T>(at, TangentPullback.gf);
  for (let j = 0; j < n; j += lanes<T>()) {
    const k = <usize>j * sizeof<T>();
    const square = columnProduct<T>(at, TangentPullback.x, TangentPullback.x, j);
    const s = v128.div<T>(columnProduct<T>(at, TangentPullback.x, TangentPullback.f, j), square);
    const r = v128.div<T>(columnProduct<T>(at, TangentPullback.x, TangentPullback.p, j), square);
    const twice = v128.mul<T>(v128.add<T>(r, r), s);
    let x = address(at, TangentPullback.x) + k;
    let f = address(at, TangentPullback.f) + k;
    let p = address(at, TangentPullback.p) + k;
    let gx = address(at, TangentPullback.gx) + k;
    let gf = address(at, TangentPullback.gf) + k;
    for (let i = rows(at, TangentPullback.x); i > 0; i--) {
      const point = v128.load(x);
      const costate = v128.load(p);
      // Two stores one after the other: gx and gf may be the same matrix.
      put<T>(gf, v128.add<T>(v128.load(gf), nmadd<T>(r, point, costate)), n - j, wholeF);
      const gradient = nmadd<T>(s, costate, nmadd<T>(r, v128.load(f), v128.mul<T>(twice, point)));
      put<T>(gx, v128.add<T>(v128.load(gx), gradient), n - j, wholeX);
      x += stride(at, TangentPullback.x);
      f += stride(at, TangentPullback.f);
      p += stride(at, TangentPullback.p);
      gx += stride(at, TangentPullback.gx);
      gf += stride(at, TangentPullback.gf);
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
