// Row-wise log-sum-exp of a pairwise cost; lanes are the points x_i, the n × m matrix is never formed.
import { PairwiseLogSumExp } from './generated/layout';
import { logarithm } from './exponential';
import { firstLanes, keepFirst, lanes, larger, loadSplat, madd, nmadd, put, splat, VECTOR } from './lanes';
import { address, columns, padded, parameter, rows, stride, workspace } from './operands';
import { LN_2, LOG2_E, powerOfTwo, withinExponents } from './powers';

/** Vectors of points that go through the keys together, to share their loads. */
const BLOCK: i32 = 4;

/**
 * out_i ← −ε log Σ_j exp((potential_j − ½|x_i − y_j|²)/ε + logWeight_j). In powers of two:
 * `t_ij = key_j − c|x_i − y_j|²` with `key_j = log₂e (potential_j/ε + logWeight_j)`, `c = log₂e/(2ε)`.
 *
 * Workspace: the keys one after the other, each its d coordinates and then key_j; d × BLOCK vectors of coordinates;
 * BLOCK vectors of shifts and BLOCK of sums.
 */
export function pairwiseLogSumExp<T>(at: usize): void {
  const n = columns(at, PairwiseLogSumExp.x);
  const d = rows(at, PairwiseLogSumExp.x);
  const epsilon = parameter(at, PairwiseLogSumExp.epsilon);
  const c = LOG2_E / (2 * epsilon);
  const points = packKeys<T>(at, epsilon);
  const shifts = points + <usize>(BLOCK * d) * VECTOR;
  const sums = shifts + VECTOR * BLOCK;
  for (let j = 0; j < n; j += BLOCK * lanes<T>()) {
    packPoints<T>(at, points, j);
    estimateShifts<T>(at, shifts, j, -LOG2_E / epsilon);
    sumPowers<T>(at, points, c);
    if (!inRange<T>(sums, n - j)) {
      trueMaxima<T>(at, points, c);
      sumPowers<T>(at, points, c);
    }
    let out = address(at, PairwiseLogSumExp.out) + <usize>j * sizeof<T>();
    for (let v = 0; v < BLOCK && j + v * lanes<T>() < n; v++) {
      const sum = v128.load(sums + <usize>v * VECTOR);
      const shift = v128.load(shifts + <usize>v * VECTOR);
      const value = madd<T>(shift, splat<T>(LN_2), logarithm<T>(sum));
      const scaled = v128.mul<T>(value, splat<T>(-epsilon));
      put<T>(out, scaled, n - j - v * lanes<T>(), padded<T>(at, PairwiseLogSumExp.out));
      out += VECTOR;
    }
  }
}

/** Writes the keys into the workspace and returns the address behind them, a multiple of a vector. */
function packKeys<T>(at: usize, epsilon: f64): usize {
  const d = rows(at, PairwiseLogSumExp.y);
  let to = workspace();
  for (let j = 0; j < columns(at, PairwiseLogSumExp.y); j++) {
    const k = <usize>j * sizeof<T>();
    let y = address(at, PairwiseLogSumExp.y) + k;
    for (let i = d; i > 0; i--) {
      store<T>(to, load<T>(y));
      to += sizeof<T>();
      y += stride(at, PairwiseLogSumExp.y);
    }
    const potential = <f64>load<T>(address(at, PairwiseLogSumExp.potential) + k);
    const logWeight = <f64>load<T>(address(at, PairwiseLogSumExp.logWeights) + k);
    store<T>(to, <T>(LOG2_E * (potential / epsilon + logWeight)));
    to += sizeof<T>();
  }
  return (to + VECTOR - 1) & ~(VECTOR - 1);
}

/** Copies the coordinates of up to BLOCK vectors of points, 0 beyond the last: points[coordinate][vector]. */
function packPoints<T>(at: usize, points: usize, j: i32): void {
  let x = address(at, PairwiseLogSumExp.x) + <usize>j * sizeof<T>();
  let to = points;
  for (let i = rows(at, PairwiseLogSumExp.x); i > 0; i--) {
    for (let v = 0; v < BLOCK; v++) {
      const left = columns(at, PairwiseLogSumExp.x) - j - v * lanes<T>();
      const from = x + <usize>v * VECTOR;
      v128.store(to, left > 0 ? keepFirst<T>(v128.load(from), left) : splat<T>(0));
      to += VECTOR;
    }
    x += stride(at, PairwiseLogSumExp.x);
  }
}

/** The shifts that the last result implies. */
function estimateShifts<T>(at: usize, shifts: usize, j: i32, factor: f64): void {
  let previous = address(at, PairwiseLogSumExp.previous) + <usize>j * sizeof<T>();
  for (let v = 0; v < BLOCK; v++) {
    const left = columns(at, PairwiseLogSumExp.x) - j - v * lanes<T>();
    const estimate = left > 0 ? keepFirst<T>(v128.load(previous), left) : splat<T>(0);
    v128.store(shifts + <usize>v * VECTOR, v128.mul<T>(estimate, splat<T>(factor)));
    previous += VECTOR;
  }
}

/** sums_v ← Σ_j 2^(t_ij − shift_i). */
function sumPowers<T>(at: usize, points: usize, c: f64): void {
  const d = rows(at, PairwiseLogSumExp.x);
  if (d == 1) sumOverKeys<T>(at, points, c, 1);
  else if (d == 2) sumOverKeys<T>(at, points, c, 2);
  else if (d == 3) sumOverKeys<T>(at, points, c, 3);
  else sumOverKeys<T>(at, points, c, d);
}

// @ts-ignore: decorator
@inline
function sumOverKeys<T>(at: usize, points: usize, c: f64, d: i32): void {
  const shifts = points + <usize>(BLOCK * d) * VECTOR;
  const scale = splat<T>(c);
  const shift0 = v128.load(shifts);
  const shift1 = v128.load(shifts, VECTOR);
  const shift2 = v128.load(shifts, 2 * VECTOR);
  const shift3 = v128.load(shifts, 3 * VECTOR);
  let sum0 = splat<T>(0);
  let sum1 = splat<T>(0);
  let sum2 = splat<T>(0);
  let sum3 = splat<T>(0);
  let key = workspace();
  for (let j = columns(at, PairwiseLogSumExp.y); j > 0; j--) {
    let square0 = splat<T>(0);
    let square1 = splat<T>(0);
    let square2 = splat<T>(0);
    let square3 = splat<T>(0);
    let x = points;
    for (let i = 0; i < d; i++) {
      const y = loadSplat<T>(key);
      const difference0 = v128.sub<T>(v128.load(x), y);
      const difference1 = v128.sub<T>(v128.load(x, VECTOR), y);
      const difference2 = v128.sub<T>(v128.load(x, 2 * VECTOR), y);
      const difference3 = v128.sub<T>(v128.load(x, 3 * VECTOR), y);
      square0 = madd<T>(difference0, difference0, square0);
      square1 = madd<T>(difference1, difference1, square1);
      square2 = madd<T>(difference2, difference2, square2);
      square3 = madd<T>(difference3, difference3, square3);
      key += sizeof<T>();
      x += VECTOR * BLOCK;
    }
    const top = loadSplat<T>(key);
    key += sizeof<T>();
    const t0 = nmadd<T>(scale, square0, v128.sub<T>(top, shift0));
    const t1 = nmadd<T>(scale, square1, v128.sub<T>(top, shift1));
    const t2 = nmadd<T>(scale, square2, v128.sub<T>(top, shift2));
    const t3 = nmadd<T>(scale, square3, v128.sub<T>(top, shift3));
    sum0 = v128.add<T>(sum0, powerOfTwo<T>(withinExponents<T>(t0)));
    sum1 = v128.add<T>(sum1, powerOfTwo<T>(withinExponents<T>(t1)));
    sum2 = v128.add<T>(sum2, powerOfTwo<T>(withinExponents<T>(t2)));
    sum3 = v128.add<T>(sum3, powerOfTwo<T>(withinExponents<T>(t3)));
  }
  const sums = shifts + VECTOR * BLOCK;
  v128.store(sums, sum0);
  v128.store(sums, sum1, VECTOR);
  v128.store(sums, sum2, 2 * VECTOR);
  v128.store(sums, sum3, 3 * VECTOR);
}

/** False where a sum of the first `left` points overflowed, or is so small that terms may have been lost. */
function inRange<T>(sums: usize, left: i32): bool {
  const low = splat<T>(sizeof<T>() == 8 ? 1e-280 : 1e-28);
  const high = splat<T>(sizeof<T>() == 8 ? 1e300 : 1e36);
  let outside = splat<T>(0);
  for (let v = 0; v < BLOCK; v++) {
    const sum = v128.load(sums + <usize>v * VECTOR);
    const inside = v128.and(v128.gt<T>(sum, low), v128.lt<T>(sum, high));
    const counts = firstLanes<T>(left - v * lanes<T>());
    outside = v128.or(outside, v128.andnot(counts, inside));
  }
  return !v128.any_true(outside);
}

/** shifts_i ← max_j t_ij, or 0 where that is −∞. */
function trueMaxima<T>(at: usize, points: usize, c: f64): void {
  const d = rows(at, PairwiseLogSumExp.x);
  const shifts = points + <usize>(BLOCK * d) * VECTOR;
  const scale = splat<T>(c);
  for (let v = 0; v < BLOCK; v++) {
    let most = splat<T>(-Infinity);
    let key = workspace();
    for (let j = columns(at, PairwiseLogSumExp.y); j > 0; j--) {
      let square = splat<T>(0);
      for (let i = 0; i < d; i++) {
        const x = v128.load(points + <usize>(i * BLOCK + v) * VECTOR);
        const difference = v128.sub<T>(x, loadSplat<T>(key));
        square = madd<T>(difference, difference, square);
        key += sizeof<T>();
      }
      most = larger<T>(most, nmadd<T>(scale, square, loadSplat<T>(key)));
      key += sizeof<T>();
    }
    const isFinite = v128.gt<T>(most, splat<T>(-Infinity));
    v128.store(shifts + <usize>v * VECTOR, v128.and(most, isFinite));
  }
}
