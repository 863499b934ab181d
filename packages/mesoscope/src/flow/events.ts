import type { FloatArray } from '../kernels/backend.ts';
import { type DenseStep, evaluateDenseStep } from './dense-output.ts';

/** Stops an integration where `value` changes its sign. */
export interface FlowEvent {
  readonly name: string;
  /** A continuous function of depth and state. The state is laid out as it was handed over; it is a view. */
  readonly value: (t: number, state: FloatArray) => number;
}

export interface EventFinder {
  /** The first event inside a step, in the direction of the integration; the next step begins where this one ended. */
  first(
    step: DenseStep,
    end: FloatArray,
  ): { readonly name: string; readonly depth: number } | undefined;
}

/** Pieces of a step between which a function is looked at where it may come near zero. */
const pieces = 32;
/** Share of a step after which a function that was 0 has a sign. */
const beginning = 2 ** -16;

/**
 * Finds sign changes on the interpolants of steps. In each step the polynomial of degree 4 through a function's values at the
 * quarters, which it is itself where it is linear in the state, shows where it turns. Unless that stays clear of zero, the
 * function is looked at there, in {@link pieces} pieces, and inside those in which it has a minimum: so every crossing is
 * found, two in one step included, unless the function is far from such a polynomial and turns more than once in one
 * piece. Then bisection, to the last bit of depth. A function that is 0 at first has its sign from its value a little later.
 */
export function createEventFinder(
  events: readonly FlowEvent[],
  from: number,
  state: FloatArray,
): EventFinder {
  const values = events.map((event) => event.value(from, state));
  const probe = new Float64Array(state.length);
  return {
    first(step, end) {
      let found: { name: string; depth: number; share: number } | undefined;
      events.forEach((event, e) => {
        const before = values[e];
        values[e] = event.value(step.to, end);
        const g = (x: number): number => {
          if (x === 0) return before;
          if (x === 1) return values[e];
          const t = depthAt(step, x);
          evaluateDenseStep(step, t, probe);
          return event.value(t, probe);
        };
        const bracket = firstBracket(g);
        if (bracket === undefined || (found !== undefined && bracket.low >= found.share)) return;
        const { share, depth } = bisect(step, g, bracket);
        if (found === undefined || share < found.share) found = { name: event.name, depth, share };
      });
      return found;
    },
  };
}

function depthAt({ from, to }: DenseStep, x: number): number {
  return x === 1 ? to : from + x * (to - from);
}

/** Shares of a step between which a function leaves the given sign. */
interface Bracket {
  readonly low: number;
  readonly high: number;
  readonly sign: number;
}

function firstBracket(g: (x: number) => number): Bracket | undefined {
  const start = g(0);
  // NaN has no sign to change.
  if (Number.isNaN(start)) return undefined;
  const values = [start, g(0.25), g(0.5), g(0.75), g(1)];
  const clear = 0.5 * Math.min(...[0, 2, 4].map((k) => Math.sign(start) * values[k]));
  if (start !== 0 && leastCoefficient(values, Math.sign(start)) > clear) return undefined;
  const polynomial = quartic(values);
  const turns = rootsInside(derivative(polynomial));
  // Where it begins at zero, a little later it has left it.
  const first = start === 0 ? beginning : 0;
  const sign = Math.sign(g(first));
  if (sign === 0) return undefined;
  const size = (x: number) => sign * g(x);
  if (start !== 0) {
    const turning = [0, ...turns, 1].map((x) => sign * evaluate(polynomial, x));
    if (Math.min(...turning) > clear) return undefined;
  }
  const grid = Array.from({ length: pieces }, (_, j) => (j + 1) / pieces);
  const points = [first, ...[...grid, ...turns].filter((x) => x > first).sort((x, y) => x - y)];
  for (let j = 1; j < points.length; j++) {
    const [low, high] = [points[j - 1], points[j]];
    if (size(high) <= 0) return { low, high, sign };
    const near = 1e-3 * (high - low);
    // Down at one end and up at the other: in between it may be below zero.
    if (size(low + near) < size(low) && size(high - near) < size(high)) {
      const dip = minimum(size, low, high);
      if (dip.value <= 0) return { low, high: dip.at, sign };
    }
  }
  return undefined;
}

/**
 * The least coefficient in Bernstein's basis of the quartic through values at 0, ¼, …, 1, times a sign: the quartic is no less in
 * between (Farouki, The Bernstein polynomial basis, Comput. Aided Geom. Design 29, 2012).
 */
function leastCoefficient([a, b, c, d, e]: readonly number[], sign: number): number {
  const second = (-13 * a + 48 * b - 36 * c + 16 * d - 3 * e) / 12;
  const third = (13 * a - 64 * b + 120 * c - 64 * d + 13 * e) / 18;
  const fourth = (-3 * a + 16 * b - 36 * c + 48 * d - 13 * e) / 12;
  return Math.min(sign * a, sign * second, sign * third, sign * fourth, sign * e);
}

/** Coefficients, lowest power first, of the polynomial through five values at 0, ¼, …, 1. */
function quartic([a, b, c, d, e]: readonly number[]): number[] {
  return [
    a,
    (-25 * a + 48 * b - 36 * c + 16 * d - 3 * e) / 3,
    (70 * a - 208 * b + 228 * c - 112 * d + 22 * e) / 3,
    (-80 * a + 288 * b - 384 * c + 224 * d - 48 * e) / 3,
    (32 * a - 128 * b + 192 * c - 128 * d + 32 * e) / 3,
  ];
}

function evaluate(polynomial: readonly number[], x: number): number {
  return polynomial.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

function derivative(polynomial: readonly number[]): number[] {
  return polynomial.slice(1).map((coefficient, m) => (m + 1) * coefficient);
}

/** Where a polynomial changes its sign inside (0, 1), in order: it is monotone between the roots of its derivative. */
function rootsInside(polynomial: readonly number[]): number[] {
  if (polynomial.length < 2) return [];
  const cuts = [0, ...rootsInside(derivative(polynomial)), 1];
  return cuts.slice(1).flatMap((end, i) => {
    let [low, high] = [cuts[i], end];
    const sign = Math.sign(evaluate(polynomial, low));
    if (sign * evaluate(polynomial, high) >= 0) return [];
    for (let k = 0; k < 60; k++) {
      const middle = 0.5 * (low + high);
      if (sign * evaluate(polynomial, middle) > 0) low = middle;
      else high = middle;
    }
    return [high];
  });
}

/** Golden-section search for a minimum in [low, high]; ends early below zero. */
function minimum(f: (x: number) => number, low: number, high: number) {
  const golden = 0.5 * (Math.sqrt(5) - 1);
  let [a, b] = [low, high];
  let [x1, x2] = [b - golden * (b - a), a + golden * (b - a)];
  let [f1, f2] = [f(x1), f(x2)];
  for (let k = 0; k < 40 && f1 > 0 && f2 > 0; k++) {
    if (f1 <= f2) {
      [b, x2, f2] = [x2, x1, f1];
      x1 = b - golden * (b - a);
      f1 = f(x1);
    } else {
      [a, x1, f1] = [x1, x2, f2];
      x2 = a + golden * (b - a);
      f2 = f(x2);
    }
  }
  return f1 <= f2 ? { at: x1, value: f1 } : { at: x2, value: f2 };
}

/** The depth at which a function has left its sign, to the last bit. */
function bisect(step: DenseStep, g: (x: number) => number, { low, high, sign }: Bracket) {
  let [a, b] = [low, high];
  for (;;) {
    const middle = 0.5 * (a + b);
    const depth = depthAt(step, middle);
    if (depth === depthAt(step, a) || depth === depthAt(step, b)) break;
    if (sign * g(middle) > 0) a = middle;
    else b = middle;
  }
  return { share: b, depth: depthAt(step, b) };
}
