import { normalQuantile } from '../../numeric/distributions.ts';
import { sortedOrder } from './sorted-order.ts';

/**
 * A piecewise linear quantile function: stretch i of the unit interval, `mass[i]` long, is mapped evenly onto
 * [low[i], high[i]]; the stretches are in increasing order. For particles low = high.
 */
export interface QuantilePieces {
  readonly mass: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** The quantile function of weighted points on the line. Equal weights, the common case, need no index. */
export function particlePieces(values: Float64Array, weights: Float64Array): QuantilePieces {
  if (weights.every((weight) => weight === weights[0])) {
    const sorted = values.slice().sort();
    return { mass: weights, low: sorted, high: sorted };
  }
  const order = sortedOrder(values);
  const mass = new Float64Array(order.length);
  const sorted = new Float64Array(order.length);
  let kept = 0;
  for (const i of order) {
    if (!(weights[i] > 0)) continue;
    mass[kept] = weights[i];
    sorted[kept++] = values[i];
  }
  const points = sorted.subarray(0, kept);
  return { mass: mass.subarray(0, kept), low: points, high: points };
}

/** `∫_0^1 |F^{-1} − G^{-1}|^p du`: both run through at once; between two breaks the difference is linear. */
export function pieceCost(first: QuantilePieces, second: QuantilePieces, order: 1 | 2): number {
  let cost = 0;
  let i = 0;
  let j = 0;
  let usedOfFirst = 0;
  let usedOfSecond = 0;
  while (i < first.mass.length && j < second.mass.length) {
    const restOfFirst = first.mass[i] - usedOfFirst;
    const restOfSecond = second.mass[j] - usedOfSecond;
    const mass = Math.min(restOfFirst, restOfSecond);
    const start = quantile(first, i, usedOfFirst) - quantile(second, j, usedOfSecond);
    const end = quantile(first, i, usedOfFirst + mass) - quantile(second, j, usedOfSecond + mass);
    cost += mass * (order === 1 ? meanAbsolute(start, end) : meanSquare(start, end));
    usedOfFirst += mass;
    usedOfSecond += mass;
    if (restOfFirst <= restOfSecond) {
      i++;
      usedOfFirst = 0;
    }
    if (restOfSecond <= restOfFirst) {
      j++;
      usedOfSecond = 0;
    }
  }
  return cost;
}

function quantile({ mass, low, high }: QuantilePieces, i: number, used: number): number {
  return low[i] + (high[i] - low[i]) * (used / mass[i]);
}

/** `∫_0^1 |a + (b − a)u| du`. */
function meanAbsolute(a: number, b: number): number {
  if (a * b >= 0) return 0.5 * Math.abs(a + b);
  return (0.5 * (a * a + b * b)) / (Math.abs(a) + Math.abs(b));
}

/** `∫_0^1 (a + (b − a)u)² du`. */
function meanSquare(a: number, b: number): number {
  return (a * a + a * b + b * b) / 3;
}

/** `∫ Φ^{-1}(u) du` over each of consecutive stretches of the unit interval. */
export function normalStretches(masses: Float64Array): Float64Array {
  let cumulative = 0;
  let densityBefore = 0;
  return masses.map((mass, i) => {
    cumulative += mass;
    const atEnd = i === masses.length - 1 || cumulative >= 1;
    const density = atEnd ? 0 : normalDensity(normalQuantile(cumulative));
    const stretch = densityBefore - density;
    densityBefore = density;
    return stretch;
  });
}

function normalDensity(z: number): number {
  return Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
}

/**
 * `∫_0^1 |F^{-1}(u) − m − σΦ^{-1}(u)|² du` for points in increasing order: on each stretch the square of the
 * difference to the mean of m + σΦ^{-1} there, and the variance of σΦ^{-1} inside the stretches.
 *
 * @param stretches - {@link normalStretches} of the points' masses
 */
export function gaussianCost(
  { mass, low }: QuantilePieces,
  stretches: Float64Array,
  mean: number,
  deviation: number,
): number {
  let between = 0;
  let explained = 0;
  for (let i = 0; i < mass.length; i++) {
    const centre = stretches[i] / mass[i];
    between += mass[i] * (low[i] - mean - deviation * centre) ** 2;
    explained += mass[i] * centre * centre;
  }
  return between + deviation * deviation * Math.max(0, 1 - explained);
}
