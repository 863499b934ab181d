import { dot, norm } from './vector.ts';

export interface PowerIterationOptions {
  /** The most iterations, one application each; default 100. */
  readonly iterations?: number;
  /** Stops when the estimate changes by less than this part; default 1e-6. */
  readonly tolerance?: number;
}

/** What a power iteration found. */
export interface PowerEstimate {
  /** The Rayleigh quotient `vᵀAv` of a unit vector v: the eigenvalue of largest modulus where the iteration has settled. */
  readonly value: number;
  readonly vector: Float64Array;
  readonly settled: boolean;
}

/** Early estimates may agree by accident. */
const fewest = 6;

/**
 * The power method `v ← Av/|Av|` for the eigenvalue of largest modulus of a symmetric map. The Rayleigh quotient lies
 * inside the spectrum, so its modulus comes from below (Golub & Van Loan, Matrix Computations, ch. 8). A coroutine: it
 * yields unit vectors v and wants to know Av, so that many iterations can share their applications.
 *
 * @param start - not changed
 */
export function* powerSteps(
  start: Float64Array,
  { iterations = 100, tolerance = 1e-6 }: PowerIterationOptions = {},
): Generator<Float64Array, PowerEstimate, Float64Array> {
  let image = start;
  let vector = start;
  let value = 0;
  for (let iteration = 0; iteration < iterations; iteration++) {
    const size = norm(image);
    if (size === 0) return { value: 0, vector, settled: true };
    vector = image.map((entry) => entry / size);
    image = yield vector;
    const next = dot(vector, image);
    if (iteration >= fewest && Math.abs(next - value) <= tolerance * Math.abs(next)) {
      return { value: next, vector, settled: true };
    }
    value = next;
  }
  return { value, vector, settled: false };
}

/** {@link powerSteps} for one map. */
export function powerIteration(
  apply: (v: Float64Array) => Float64Array,
  start: Float64Array,
  options?: PowerIterationOptions,
): PowerEstimate {
  const steps = powerSteps(start, options);
  let request = steps.next();
  while (!request.done) request = steps.next(apply(request.value));
  return request.value;
}
