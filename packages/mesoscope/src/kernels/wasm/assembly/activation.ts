// Activations and their derivatives, entry by entry.
import { Activation, ActivationKind, ActivationPullback } from './generated/layout';
import { exponential, exponentialMinusOne } from './exponential';
import { lanes, madd, nmadd, put, splat } from './lanes';
import { address, columns, flag, integer, padded, rows, stride } from './operands';

/** Y ← σ(X). */
export function activation<T>(at: usize): void {
  switch (integer(at, Activation.kind)) {
    case ActivationKind.tanh:
      values<T>(at, ActivationKind.tanh);
      break;
    case ActivationKind.relu:
      values<T>(at, ActivationKind.relu);
      break;
    case ActivationKind.gelu:
      values<T>(at, ActivationKind.gelu);
      break;
    case ActivationKind.geluTanh:
      values<T>(at, ActivationKind.geluTanh);
      break;
    default:
      values<T>(at, ActivationKind.silu);
  }
}

/** G ← σ'(X) ∘ P (+ G). */
export function activationPullback<T>(at: usize): void {
  switch (integer(at, ActivationPullback.kind)) {
    case ActivationKind.tanh:
      products<T>(at, ActivationKind.tanh);
      break;
    case ActivationKind.relu:
      products<T>(at, ActivationKind.relu);
      break;
    case ActivationKind.gelu:
      products<T>(at, ActivationKind.gelu);
      break;
    case ActivationKind.geluTanh:
      products<T>(at, ActivationKind.geluTanh);
      break;
    default:
      products<T>(at, ActivationKind.silu);
  }
}

// @ts-ignore: decorator
@inline
function values<T>(at: usize, kind: i32): void {
  const n = columns(at, Activation.x);
  const whole = padded<T>(at, Activation.y);
  let x = address(at, Activation.x);
  let y = address(at, Activation.y);
  for (let i = rows(at, Activation.x); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) {
      const k = <usize>j * sizeof<T>();
      put<T>(y + k, value<T>(kind, v128.load(x + k)), n - j, whole);
    }
    x += stride(at, Activation.x);
    y += stride(at, Activation.y);
  }
}

// @ts-ignore: decorator
@inline
function products<T>(at: usize, kind: i32): void {
  const n = columns(at, ActivationPullback.x);
  const whole = padded<T>(at, ActivationPullback.g);
  const accumulate = flag(at, ActivationPullback.accumulate);
  let x = address(at, ActivationPullback.x);
  let p = address(at, ActivationPullback.p);
  let g = address(at, ActivationPullback.g);
  for (let i = rows(at, ActivationPullback.x); i > 0; i--) {
    for (let j = 0; j < n; j += lanes<T>()) {
      const k = <usize>j * sizeof<T>();
      const slope = derivative<T>(kind, v128.load(x + k));
      const from = v128.load(p + k);
      const sum = accumulate ? madd<T>(slope, from, v128.load(g + k)) : v128.mul<T>(slope, from);
      put<T>(g + k, sum, n - j, whole);
    }
    x += stride(at, ActivationPullback.x);
    p += stride(at, ActivationPullback.p);
    g += stride(at, ActivationPullback.g);
  }
}

// @ts-ignore: decorator
@inline
function value<T>(kind: i32, y: v128): v128 {
  if (kind == ActivationKind.tanh) return hyperbolicTangent<T>(y);
  if (kind == ActivationKind.relu) return v128.pmax<T>(y, splat<T>(0));
  if (kind == ActivationKind.gelu) return v128.mul<T>(y, normalCumulative<T>(y, normalExponential<T>(y)));
  if (kind == ActivationKind.geluTanh) return v128.mul<T>(y, logistic<T>(geluTanhArgument<T>(within50<T>(y))));
  return v128.mul<T>(y, logistic<T>(y));
}

// @ts-ignore: decorator
@inline
function derivative<T>(kind: i32, y: v128): v128 {
  if (kind == ActivationKind.tanh) {
    const tanh = hyperbolicTangent<T>(y);
    return nmadd<T>(tanh, tanh, splat<T>(1));
  }
  if (kind == ActivationKind.relu) return v128.and(splat<T>(1), v128.gt<T>(y, splat<T>(0)));
  if (kind == ActivationKind.gelu) {
    const e = normalExponential<T>(y);
    const density = v128.mul<T>(e, splat<T>(ONE_OVER_SQRT_TWO_PI));
    return madd<T>(y, density, normalCumulative<T>(y, e));
  }
  if (kind == ActivationKind.geluTanh) {
    const z = within50<T>(y);
    const u = geluTanhArgument<T>(z);
    const square = v128.mul<T>(z, z);
    const slope = madd<T>(square, splat<T>(3 * GELU_CUBE * TWICE_ROOT_TWO_OVER_PI), splat<T>(TWICE_ROOT_TWO_OVER_PI));
    // s and 1 − s, each to its own last digit.
    const e = exponential<T>(v128.neg<T>(v128.abs<T>(u)));
    const larger = v128.div<T>(splat<T>(1), v128.add<T>(splat<T>(1), e));
    const smaller = v128.mul<T>(e, larger);
    const s = v128.bitselect(smaller, larger, v128.lt<T>(u, splat<T>(0)));
    return madd<T>(v128.mul<T>(z, slope), v128.mul<T>(smaller, larger), s);
  }
  const s = logistic<T>(y);
  return v128.mul<T>(s, madd<T>(y, v128.sub<T>(splat<T>(1), s), splat<T>(1)));
}

const TWICE_ROOT_TWO_OVER_PI: f64 = 1.5957691216057308;
const GELU_CUBE: f64 = 0.044715;

/** `2√(2/π)(y + 0.044715y³)`: `½(1 + tanh u)` is the logistic function of 2u. */
// @ts-ignore: decorator
@inline
function geluTanhArgument<T>(y: v128): v128 {
  const square = v128.mul<T>(y, y);
  const slope = madd<T>(square, splat<T>(GELU_CUBE * TWICE_ROOT_TWO_OVER_PI), splat<T>(TWICE_ROOT_TWO_OVER_PI));
  return v128.mul<T>(y, slope);
}

/** y, moved into [−50, 50]. */
// @ts-ignore: decorator
@inline
function within50<T>(y: v128): v128 {
  return v128.pmax<T>(v128.pmin<T>(y, splat<T>(50)), splat<T>(-50));
}

/** `tanh y = −m/(2 + m)`, `m = e^{−2|y|} − 1`, with the sign of y. */
// @ts-ignore: decorator
@inline
export function hyperbolicTangent<T>(y: v128): v128 {
  const m = exponentialMinusOne<T>(v128.mul<T>(v128.abs<T>(y), splat<T>(-2)));
  const size = v128.div<T>(v128.neg<T>(m), v128.add<T>(splat<T>(2), m));
  return v128.bitselect(y, size, splat<T>(-0.0));
}

/** `1/(1 + e^{−y})`. */
// @ts-ignore: decorator
@inline
function logistic<T>(y: v128): v128 {
  const one = splat<T>(1);
  return v128.div<T>(one, v128.add<T>(one, exponential<T>(v128.neg<T>(y))));
}

const ONE_OVER_SQRT_TWO_PI: f64 = 0.3989422804014327;

/** `e^{−y²/2}`. */
// @ts-ignore: decorator
@inline
function normalExponential<T>(y: v128): v128 {
  return exponential<T>(v128.mul<T>(v128.mul<T>(y, y), splat<T>(-0.5)));
}

/**
 * Φ(y) given `e = e^{−y²/2}`, to 1e-16 (f64) and 6e-8 (f32): `Φ(−t) = e·g(u)`, t = |y|, where g, Mills' ratio over
 * √(2π), is a polynomial in `u = (t − 5)/(t + 5)` fitted with weight e.
 */
// @ts-ignore: decorator
@inline
function normalCumulative<T>(y: v128, e: v128): v128 {
  const t = v128.pmin<T>(v128.abs<T>(y), splat<T>(50));
  const u = v128.div<T>(v128.sub<T>(t, splat<T>(5)), v128.add<T>(t, splat<T>(5)));
  const tail = v128.mul<T>(e, millsPolynomial<T>(u));
  const isNegative = v128.lt<T>(y, splat<T>(0));
  return v128.bitselect(tail, v128.sub<T>(splat<T>(1), tail), isNegative);
}

// @ts-ignore: decorator
@inline
function millsPolynomial<T>(u: v128): v128 {
  const w = v128.mul<T>(u, u);
  let even: v128;
  let odd: v128;
  if (sizeof<T>() == 8) {
    even = madd<f64>(w, f64x2.splat(-1.6451084937976083e-6), f64x2.splat(6.155500618202061e-6));
    even = madd<f64>(w, even, f64x2.splat(-6.0285673517256204e-5));
    even = madd<f64>(w, even, f64x2.splat(0.00021955037622434405));
    even = madd<f64>(w, even, f64x2.splat(0.008991368630056097));
    even = madd<f64>(w, even, f64x2.splat(0.04785535242613382));
    even = madd<f64>(w, even, f64x2.splat(0.11606881188288896));
    even = madd<f64>(w, even, f64x2.splat(0.07691930497502093));
    odd = madd<f64>(w, f64x2.splat(-2.5215745601556745e-7), f64x2.splat(-2.2547666822406205e-6));
    odd = madd<f64>(w, odd, f64x2.splat(9.63805198463434e-7));
    odd = madd<f64>(w, odd, f64x2.splat(0.00013434178377164788));
    odd = madd<f64>(w, odd, f64x2.splat(-0.0023788529354920986));
    odd = madd<f64>(w, odd, f64x2.splat(-0.02341390019546725));
    odd = madd<f64>(w, odd, f64x2.splat(-0.08088387726075516));
    odd = madd<f64>(w, odd, f64x2.splat(-0.14345755526418605));
  } else {
    even = madd<f32>(w, f32x4.splat(0.013681247117761856), f32x4.splat(0.050880921933847224));
    even = madd<f32>(w, even, f32x4.splat(0.11615080254355686));
    even = madd<f32>(w, even, f32x4.splat(0.07691879729709314));
    odd = madd<f32>(w, f32x4.splat(-0.0007628832457629074), f32x4.splat(-0.018106622113890275));
    odd = madd<f32>(w, odd, f32x4.splat(-0.08003594202830658));
    odd = madd<f32>(w, odd, f32x4.splat(-0.14346278945473376));
  }
  return madd<T>(u, odd, even);
}
