// Rotary positions: pairs of rows, turned column by column. The angles of a pair are the same in all heads.
import { Rotate, RotationLayout } from './generated/layout';
import { lanes, madd, nmadd, put, VECTOR } from './lanes';
import {
  address, columns, flag, integer, padded, parameter, rows, stride, workspace,
} from './operands';

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
      angles<T>(i, frequency);
      turn<T>(at, i, first, second, dimension, v128.load(workspace()), v128.load(workspace(), VECTOR));
    }
  }
}

/** Cosines and sines of the angles of the columns from i on: one vector each, in the workspace. */
function angles<T>(i: i32, frequency: f64): void {
  for (let lane = 0; lane < lanes<T>(); lane++) {
    const angle = <f64>(i + lane) * frequency;
    const to = workspace() + <usize>lane * sizeof<T>();
    store<T>(to, <T>NativeMath.cos(angle));
    store<T>(to + VECTOR, <T>NativeMath.sin(angle));
  }
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
