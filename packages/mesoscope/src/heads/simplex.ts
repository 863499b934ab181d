import { symmetricEigen } from '../numeric/decompositions.ts';
import type { Matrix } from '../numeric/matrix.ts';

/** A smooth convex function on the simplex, to second order. */
export interface SecondOrder {
  readonly value: number;
  readonly gradient: Float64Array;
  readonly hessian: Matrix;
}

/** By how much the value at {@link minimiseOnSimplex}'s weights may lie above the least, unless told otherwise. */
export const simplexTolerance = 1e-12;

/**
 * Minimises a smooth convex function over the simplex `w ≥ 0, Σw = 1` by Newton's method on the positive weights
 * (Nocedal & Wright, Numerical Optimization, ch. 16): a step that would make a weight negative ends there and the weight
 * leaves; at the minimum on a face the weight with the smallest derivative enters.
 *
 * @param tolerance - bound on `⟨∇f, w⟩ − min ∇f`, and hence on the distance to the minimal value; default 1e-12
 */
export function minimiseOnSimplex(
  f: (weights: Float64Array) => SecondOrder,
  value: (weights: Float64Array) => number,
  start: Float64Array,
  {
    tolerance = simplexTolerance,
    iterations = 200,
  }: { tolerance?: number; iterations?: number } = {},
): Float64Array {
  let weights: Float64Array = start.slice();
  const free = new Set([...weights.keys()].filter((i) => weights[i] > 0));
  for (let iteration = 0; iteration < iterations; iteration++) {
    const at = f(weights);
    const mean = weights.reduce((sum, w, i) => sum + w * at.gradient[i], 0);
    let entering = 0;
    at.gradient.forEach((g, i) => {
      if (g < at.gradient[entering]) entering = i;
    });
    if (mean - at.gradient[entering] <= tolerance) break;
    const spread = Math.max(...[...free].map((i) => mean - at.gradient[i]));
    if (!free.has(entering) && spread <= 0.5 * (mean - at.gradient[entering])) free.add(entering);
    const newton = lineSearch(weights, newtonDirection(at, [...free], weights.length), at, value);
    if (newton !== undefined) {
      weights = newton.weights;
      if (newton.blocking >= 0) free.delete(newton.blocking);
      continue;
    }
    // Towards the best vertex there is always descent; below rounding there is none to be seen.
    const towards = weights.map((w, i) => (i === entering ? 1 : 0) - w);
    const vertex = lineSearch(weights, towards, at, value);
    if (vertex === undefined) break;
    weights = vertex.weights;
    free.add(entering);
  }
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
}

/** A step along a direction that lowers the value enough, to the simplex' boundary at the most; undefined if there is none. */
function lineSearch(
  weights: Float64Array,
  direction: Float64Array,
  at: SecondOrder,
  value: (weights: Float64Array) => number,
): { weights: Float64Array; blocking: number } | undefined {
  const slope = direction.reduce((sum, x, i) => sum + x * at.gradient[i], 0);
  if (!(-slope > 1e-15 * Math.abs(at.value))) return undefined;
  let longest = 1;
  let blocking = -1;
  direction.forEach((x, i) => {
    if (x < 0 && -weights[i] / x < longest) {
      longest = -weights[i] / x;
      blocking = i;
    }
  });
  for (let step = longest; step > 1e-9 * longest; step /= 2) {
    const next = moved(weights, direction, step);
    if (!(value(next) <= at.value + 1e-4 * step * slope)) continue;
    if (step < longest) return { weights: next, blocking: -1 };
    if (blocking >= 0) next[blocking] = 0;
    return { weights: next, blocking };
  }
  return undefined;
}

/** The Newton step on the free weights, with sum 0; where the Hessian is singular, the regular part of it. */
function newtonDirection(
  { gradient, hessian }: SecondOrder,
  free: readonly number[],
  count: number,
): Float64Array {
  const direction = new Float64Array(count);
  const m = free.length - 1;
  if (m === 0) return direction;
  // Coordinates w_free[1…] with w_free[0] = 1 − Σ of the others.
  const first = free[0];
  const entry = (i: number, j: number) => hessian.data[i * count + j];
  const reduced = { rows: m, columns: m, data: new Float64Array(m * m) };
  const slope = new Float64Array(m);
  for (let a = 0; a < m; a++) {
    const i = free[a + 1];
    slope[a] = gradient[i] - gradient[first];
    for (let b = 0; b < m; b++) {
      const j = free[b + 1];
      reduced.data[a * m + b] =
        entry(i, j) - entry(i, first) - entry(first, j) + entry(first, first);
    }
  }
  const { values, vectors } = symmetricEigen(reduced);
  const floor = 1e-10 * Math.max(values[m - 1], 1e-300);
  for (let e = 0; e < m; e++) {
    let along = 0;
    for (let a = 0; a < m; a++) along += vectors.data[a * m + e] * slope[a];
    const factor = -along / Math.max(values[e], floor);
    for (let a = 0; a < m; a++) {
      direction[free[a + 1]] += factor * vectors.data[a * m + e];
      direction[first] -= factor * vectors.data[a * m + e];
    }
  }
  return direction;
}

function moved(
  weights: Float64Array,
  direction: Float64Array,
  step: number,
): Float64Array<ArrayBuffer> {
  return Float64Array.from(weights, (w, i) => Math.max(0, w + step * direction[i]));
}
