import { requireCount } from '../numeric/checks.ts';
import { dot, norm as euclideanNorm, largestMagnitude } from '../numeric/vector.ts';
import { searchLine } from './line-search.ts';

/** A function's value and gradient at one point. */
export interface Evaluation {
  /** +∞ or NaN outside the function's domain: such a step is refused. */
  readonly value: number;
  readonly gradient: ArrayLike<number>;
}

/** Writes `M⁻¹ g` into `x`, M symmetric and positive; g and x may not be the same vector. */
export type Metric = (g: ArrayLike<number>, x: Float64Array) => void;

export interface LbfgsOptions {
  /** Pairs of steps and gradient changes that are kept; default 20. */
  readonly memory?: number;
  /** The most iterations; default 500. */
  readonly iterations?: number;
  /** Stops when `norm` of the gradient is at most this; default 1e-9. */
  readonly tolerance?: number;
  /** How the gradient is measured, at a value of the function; default its Euclidean norm. */
  readonly norm?: (gradient: Float64Array, value: number) => number;
  /** What the inverse second derivative is built upon, up to a factor; default the identity. */
  readonly metric?: Metric;
  /** Called after each step. */
  readonly report?: (report: LbfgsReport) => void;
}

export interface LbfgsReport {
  /** Steps taken. */
  readonly iteration: number;
  readonly value: number;
  readonly gradientNorm: number;
  /** Gradients evaluated so far. */
  readonly gradients: number;
}

/**
 * Why it stopped. `converged`: the gradient is small; `stalled`: no step along the search direction, nor along the
 * gradient, lowers the value beyond rounding; `iterations-done`; `not-finite`: already at the start.
 */
export type LbfgsStatus = 'converged' | 'stalled' | 'iterations-done' | 'not-finite';

export interface LbfgsResult extends LbfgsReport {
  readonly status: LbfgsStatus;
  readonly point: Float64Array;
  readonly gradient: Float64Array;
}

/** A norm: the gradient's largest entry, relative to the value where that is above 1. */
export function relativeLargestEntry(gradient: ArrayLike<number>, value: number): number {
  return largestMagnitude(gradient) / Math.max(1, Math.abs(value));
}

/** What a status means, and what to try. */
export const lbfgsStatusSentence: Readonly<Record<LbfgsStatus, string>> = {
  converged: 'The gradient fell to the tolerance.',
  stalled:
    'No step lowers the objective beyond rounding. Try a larger tolerance, or a smoother field: attention with hardmax and relu have kinks.',
  'iterations-done':
    'All iterations were taken; the gradient need not be small. Allow more, or start nearer.',
  'not-finite': 'The objective is not finite at the start. Try smaller controls or more layers.',
};

/**
 * L-BFGS: the two-loop recursion over the last pairs of steps and gradient changes, with steps that satisfy the strong
 * Wolfe conditions (Nocedal & Wright, Numerical Optimization, algorithms 7.5 and 3.5), near rounding their approximate
 * form (`searchLine`). For small deterministic problems: memory 2 m vectors. A coroutine: it yields the points at which it
 * wants to know the function, so that many minimisations can share their evaluations. Who evaluates may round a point in place,
 * to the precision of the function's arithmetic.
 *
 * @param start - a point where the function is finite; not changed
 * @throws MesoscopeError `invalid-value` for a memory or a number of iterations below 1
 */
export function* lbfgs(
  start: ArrayLike<number>,
  options: LbfgsOptions = {},
): Generator<Float64Array, LbfgsResult, Evaluation> {
  const { memory = 20, iterations = 500, tolerance = 1e-9, norm = euclideanNorm } = options;
  requireCount('memory', memory);
  requireCount('iterations', iterations);
  let point = Float64Array.from(start);
  const length = point.length;
  const direction = new Float64Array(length);
  const scratch = new Float64Array(length);
  const pairs: Pair[] = [];
  const first = yield point;
  let { value } = first;
  let gradient = Float64Array.from(first.gradient);
  let gradients = 1;
  for (let iteration = 0; ; iteration++) {
    const gradientNorm = norm(gradient, value);
    const here = { iteration, value, gradientNorm, gradients, point, gradient };
    if (iteration > 0) options.report?.({ iteration, value, gradientNorm, gradients });
    if (!Number.isFinite(value + gradientNorm)) return { ...here, status: 'not-finite' };
    if (gradientNorm <= tolerance) return { ...here, status: 'converged' };
    if (iteration === iterations) return { ...here, status: 'iterations-done' };
    for (;;) {
      const step = descentDirection(gradient, pairs, { direction, scratch }, options.metric);
      const search = searchLine({ value, slope: dot(gradient, direction), first: step });
      let trial = point;
      let at: Evaluation = { value, gradient };
      let request = search.next();
      while (!request.done) {
        const distance = request.value;
        trial = pointAlong(point, distance, direction);
        gradients++;
        at = yield trial;
        request = search.next({ value: at.value, slope: dot(at.gradient, direction) });
      }
      if (request.value) {
        const reached = Float64Array.from(at.gradient);
        remember(pairs, memory, difference(trial, point), difference(reached, gradient));
        [point, gradient, value] = [trial, reached, at.value];
        break;
      }
      if (pairs.length === 0) return { ...here, gradients, status: 'stalled' };
      // The remembered curvature may be what is wrong: once more along the gradient.
      pairs.length = 0;
    }
  }
}

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly curvature: number;
}

/**
 * Writes `−H g` by the two-loop recursion and returns the first step to try along it. Most of a minimisation's own time is spent
 * here: plain loops over one kind of array.
 */
function descentDirection(
  gradient: Float64Array,
  pairs: readonly Pair[],
  { direction, scratch }: { readonly direction: Float64Array; readonly scratch: Float64Array },
  metric: Metric | undefined,
): number {
  const length = direction.length;
  for (let i = 0; i < length; i++) direction[i] = -gradient[i];
  const last = pairs.at(-1);
  if (last === undefined) {
    scratch.set(direction);
    metric?.(scratch, direction);
    return 1 / Math.max(1, euclideanNorm(direction));
  }
  const alphas = new Float64Array(pairs.length);
  for (let j = pairs.length - 1; j >= 0; j--) {
    const { step, change, curvature } = pairs[j];
    let along = 0;
    for (let i = 0; i < length; i++) along += step[i] * direction[i];
    const alpha = along / curvature;
    for (let i = 0; i < length; i++) direction[i] -= alpha * change[i];
    alphas[j] = alpha;
  }
  let size = dot(last.change, last.change);
  if (metric !== undefined) {
    metric(last.change, scratch);
    size = dot(last.change, scratch);
    scratch.set(direction);
    metric(scratch, direction);
  }
  const scale = last.curvature / size;
  for (let i = 0; i < length; i++) direction[i] *= scale;
  for (let j = 0; j < pairs.length; j++) {
    const { step, change, curvature } = pairs[j];
    let along = 0;
    for (let i = 0; i < length; i++) along += change[i] * direction[i];
    const factor = alphas[j] - along / curvature;
    for (let i = 0; i < length; i++) direction[i] += factor * step[i];
  }
  return 1;
}

function remember(pairs: Pair[], memory: number, step: Float64Array, change: Float64Array): void {
  const curvature = dot(step, change);
  if (!(curvature > 1e-14 * euclideanNorm(step) * euclideanNorm(change))) return;
  pairs.push({ step, change, curvature });
  if (pairs.length > memory) pairs.shift();
}

/** `x + distance · direction`. */
function pointAlong(x: Float64Array, distance: number, direction: Float64Array) {
  const reached = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) reached[i] = x[i] + distance * direction[i];
  return reached;
}

const difference = (x: Float64Array, y: Float64Array) => pointAlong(x, -1, y);
