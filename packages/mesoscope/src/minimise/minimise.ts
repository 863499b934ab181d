import { type Evaluation, type LbfgsOptions, type LbfgsResult, lbfgs } from './lbfgs.ts';

/**
 * Minimises one function by L-BFGS.
 *
 * @param f - value and gradient; may round the point in place
 * @param start - not changed
 * @throws MesoscopeError as {@link lbfgs}
 */
export function minimise(
  f: (point: Float64Array) => Evaluation,
  start: ArrayLike<number>,
  options?: LbfgsOptions,
): LbfgsResult {
  const search = lbfgs(start, options);
  let request = search.next();
  while (!request.done) request = search.next(f(request.value));
  return request.value;
}

/**
 * Minimises from many starts at once by L-BFGS: each call of f evaluates the points that all searches wait for.
 *
 * @param f - values and gradients at M points at a time, M × D row-major
 * @param starts - points of D numbers
 * @throws MesoscopeError as {@link lbfgs}
 */
export function minimiseAll(
  f: (points: Float64Array) => { readonly values: Float64Array; readonly gradients: Float64Array },
  starts: readonly Float64Array[],
  options?: LbfgsOptions,
): LbfgsResult[] {
  const results = new Array<LbfgsResult>(starts.length);
  let open = starts.map((start, index) => {
    const search = lbfgs(start, options);
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
      const gradient = gradients.subarray(i * D, (i + 1) * D);
      run.request = run.search.next({ value: values[i], gradient });
    });
    open = open.filter(({ index, request }) => {
      if (request.done) results[index] = request.value;
      return !request.done;
    });
  }
  return results;
}
