// Rotary positions: pairs of rows, turned column by column. The angles of a pair are the same in all heads.
import { Rotate, RotationLayout } from './generated/layout';
import { lanes, madd, nmadd, put } from './lanes';
import { address, columns, flag, integer, padded, parameter, rows, stride } from './operands';

/** Y ← R X (+ Y). */
export function rotate<T>(at: usize): void {
  const dimension = integer(at, Rotate.dimension);
  const halves = integer(at, Rotate.layout) == RotationLayout.halves;
  const sign: f64 = flag(at, Rotate.inverse) ? -1 : 1;
  const half = dimension >> 1;
  for (let j = 0; j < half; j++) {
    const first = halves ? j : 2 * j;
    const second = halves ? j + half : 2 * j + 1;
    const frequency = sign * NativeMath.pow(parameter(at, Rotate.theta), <f64>(-2 * j) / <f64>dimension);
    for (let i = 0; i < columns(at, Rotate.x); i += lanes<T>()) {
      turn<T>(at, i, first, second, dimension, angles<T>(i, frequency, false), angles<T>(i, frequency, true));
    }
  }
}

/** Cosines, or sines, of the angles of the columns from i on. */
function angles<T>(i: i32, frequency: f64, sine: bool): v128 {
  const first = one<T>(i, frequency, sine);
  const second = one<T>(i + 1, frequency, sine);
  if (sizeof<T>() == 8) return f64x2.replace_lane(f64x2.splat(<f64>first), 1, <f64>second);
  let v = f32x4.replace_lane(f32x4.splat(<f32>first), 1, <f32>second);
  v = f32x4.replace_lane(v, 2, <f32>one<T>(i + 2, frequency, sine));
  return f32x4.replace_lane(v, 3, <f32>one<T>(i + 3, frequency, sine));
}

function one<T>(i: i32, frequency: f64, sine: bool): T {
  const angle = <f64>i * frequency;
  return <T>(sine ? NativeMath.sin(angle) : NativeMath.cos(angle));
}

/** Turns a pair of rows of every head, in the columns from i on. */
function turn<T>(at: usize, i: i32, first: i32, second: i32, dimension: i32, cosine: v128, sine: v128): void {
  const accumulate = flag(at, Rotate.accumulate);
  const whole = padded<T>(at, Rotate.y);
  const left = columns(at, Rotate.x) - i;
  const shift = <usize>i * sizeof<T>();
  for (let head = 0; head < rows(at, Rotate.x); head += dimension) {
    const x = address(at, Rotate.x) + shift;
    const y = address(at, Rotate.y) + shift;
    const u = v128.load(x + <usize>(head + first) * stride(at, Rotate.x));
    const v = v128.load(x + <usize>(head + second) * stride(at, Rotate.x));
    const toFirst = y + <usize>(head + first) * stride(at, Rotate.y);
    const toSecond = y + <usize>(head + second) * stride(at, Rotate.y);
    const turned = nmadd<T>(v, sine, v128.mul<T>(u, cosine));
    const other = madd<T>(u, sine, v128.mul<T>(v, cosine));
    put<T>(toFirst, accumulate ? v128.add<T>(v128.load(toFirst), turned) : turned, left, whole);
    put<T>(toSecond, accumulate ? v128.add<T>(v128.load(toSecond), other) : other, left, whole);
  }
}
