/** A function's value and gradient at one point. */
export interface Evaluation {
  /** +∞ outside the function's domain. */
  readonly value: number;
  readonly gradient: Float64Array;
}

export interface QuasiNewtonOptions {
  /** Pairs of steps and gradient changes that are kept; default 12. */
  readonly memory?: number;
  /** Default 200. */
  readonly iterations?: number;
  /** Stops when the gradient's largest entry is at most this times max(1, |value|); default 1e-9. */
  readonly tolerance?: number;
}

export interface QuasiNewtonResult {
  readonly point: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
  readonly iterations: number;
  /** `converged`; `stalled`: no lower value along the step within rounding; `limit`: iterations used up. */
  readonly status: 'converged' | 'stalled' | 'limit';
}

/** Relative changes of a value that are taken for rounding. */
const rounding = 1e-15;

/**
 * L-BFGS with a line search by bisection for the weak Wolfe conditions (Nocedal & Wright, Numerical Optimization,
 * alg. 7.5; Lewis & Overton, Math. Program. 141, 2013), as a coroutine: it yields the points at which it wants to know
 * the function, so that many minimisations can share their evaluations ({@link minimiseAll}).
 *
 * @param start - a point where the function is finite; not changed
 */
export function* quasiNewton(
  start: Float64Array,
  { memory = 12, iterations = 200, tolerance = 1e-9 }: QuasiNewtonOptions = {},
): Generator<Float64Array, QuasiNewtonResult, Evaluation> {
  let point: Float64Array = start.slice();
  let { value, gradient } = yield point;
  const steps: { s: Float64Array; y: Float64Array; curvature: number }[] = [];
  for (let iteration = 0; ; iteration++) {
    const result = { point, value, gradient, iterations: iteration };
    if (largest(gradient) <= tolerance * Math.max(1, Math.abs(value))) {
      return { ...result, status: 'converged' };
    }
    if (iteration === iterations) return { ...result, status: 'limit' };
    const direction = descentDirection(gradient, steps);
    const slope = inner(direction, gradient);
    const floor = rounding * Math.abs(value);
    const found =
      -slope > floor ? yield* lineSearch({ point, value, gradient }, direction, slope) : undefined;
    if (found === undefined || value - found.value <= floor) {
      if (steps.length === 0) return { ...result, status: 'stalled' };
      // The model of the curvature may be what is wrong: once more along the gradient.
      steps.length = 0;
      continue;
    }
    const s = found.point.map((x, i) => x - point[i]);
    const y = found.gradient.map((g, i) => g - gradient[i]);
    const curvature = inner(s, y);
    if (curvature > 1e-14 * Math.sqrt(inner(s, s) * inner(y, y))) {
      steps.push({ s, y, curvature });
      if (steps.length > memory) steps.shift();
    }
    ({ point, value, gradient } = found);
  }
}

/** Minimises one function. */
export function minimise(
  f: (point: Float64Array) => Evaluation,
  start: Float64Array,
  options: QuasiNewtonOptions = {},
): QuasiNewtonResult {
  const search = quasiNewton(start, options);
  let request = search.next();
  while (!request.done) request = search.next(f(request.value));
  return request.value;
}

/**
 * Minimises from many starts at once.
 *
 * @param f - values and gradients at M points at a time, M × D row-major
 * @param starts - points of D numbers
 */
export function minimiseAll(
  f: (points: Float64Array) => { readonly values: Float64Array; readonly gradients: Float64Array },
  starts: readonly Float64Array[],
  options: QuasiNewtonOptions = {},
): QuasiNewtonResult[] {
  const results = new Array<QuasiNewtonResult>(starts.length);
  let open = starts.map((start, index) => {
    const search = quasiNewton(start, options);
    return { index, search, request: search.next() };
  });
  while (open.length > 0) {
    const D = starts[0].length;
    const points = new Float64Array(open.length * D);
    open.forEach(({ request }, i) => {
      points.set(request.value as Float64Array, i * D);
    });
    const { values, gradients } = f(points);
    open.forEach((run, i) => {
      const gradient = gradients.slice(i * D, (i + 1) * D);
      run.request = run.search.next({ value: values[i], gradient });
    });
    open = open.filter(({ index, request }) => {
      if (request.done) results[index] = request.value;
      return !request.done;
    });
  }
  return results;
}

interface Iterate extends Evaluation {
  readonly point: Float64Array;
}

/** A step with less value and less slope; undefined if bisection ends at rounding. */
function* lineSearch(
  from: Iterate,
  direction: Float64Array,
  slope: number,
): Generator<Float64Array, Iterate | undefined, Evaluation> {
  if (!(slope < 0)) return undefined;
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let step = 1;
  let best: Iterate | undefined;
  for (let trial = 0; trial < 40; trial++) {
    const point = from.point.map((x, i) => x + step * direction[i]);
    const { value, gradient } = yield point;
    if (!(value <= from.value + 1e-4 * step * slope)) high = step;
    else {
      best = { point, value, gradient };
      if (inner(gradient, direction) >= 0.9 * slope) return best;
      low = step;
    }
    if (high - low <= 1e-12 * high) break;
    step = high < Number.POSITIVE_INFINITY ? (low + high) / 2 : 2 * low;
  }
  return best;
}

/** `−H g` by the two-loop recursion. */
function descentDirection(
  gradient: Float64Array,
  steps: readonly { s: Float64Array; y: Float64Array; curvature: number }[],
): Float64Array {
  const direction = gradient.map((g) => -g);
  if (steps.length === 0) {
    const size = Math.sqrt(inner(gradient, gradient));
    return direction.map((x) => x / Math.max(1, size));
  }
  const alphas = new Array<number>(steps.length);
  for (let j = steps.length - 1; j >= 0; j--) {
    const { s, y, curvature } = steps[j];
    alphas[j] = inner(s, direction) / curvature;
    addScaled(direction, y, -alphas[j]);
  }
  const { y, curvature } = steps[steps.length - 1];
  const scale = curvature / inner(y, y);
  for (let i = 0; i < direction.length; i++) direction[i] *= scale;
  steps.forEach(({ s, y, curvature }, j) => {
    addScaled(direction, s, alphas[j] - inner(y, direction) / curvature);
  });
  return direction;
}

function addScaled(x: Float64Array, y: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i] += factor * y[i];
}

function inner(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}

function largest(x: Float64Array): number {
  let result = 0;
  for (const value of x) result = Math.max(result, Math.abs(value));
  return result;
}
