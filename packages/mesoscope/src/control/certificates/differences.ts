import { directionalDerivative, type FiniteDifference } from '../../flow/finite-difference.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { largestMagnitude } from '../../numeric/vector.ts';

/** First steps that are tried, in units of `max(1, |x|_∞) / |direction|_∞`. */
const firstSteps = [0.05, 0.0125, 0.003, 8e-4, 2e-4];

/** An extrapolation that estimates its own error, relative to `max(1, |derivative|)`, below this is taken as it is. */
const satisfying = 1e-10;

/**
 * A directional derivative by extrapolated finite differences, begun again with smaller steps where the extrapolation
 * itself finds its error large (a function that bends on the scale of the first step): the best by its own estimate.
 *
 * @param value reads x where it lies; x is changed in place and restored bitwise
 * @param stretch - factor of all steps; default 1
 */
export function carefulDerivative(
  value: () => number,
  x: FloatArray,
  direction: ArrayLike<number>,
  stretch = 1,
): FiniteDifference {
  const unit = (stretch * Math.max(1, largestMagnitude(x))) / largestMagnitude(direction);
  let best: FiniteDifference = { derivative: NaN, error: Infinity };
  for (const step of firstSteps) {
    const found = directionalDerivative(value, x, direction, { step: step * unit });
    if (found.error < best.error) best = found;
    if (best.error <= satisfying * Math.max(1, Math.abs(best.derivative))) break;
  }
  return best;
}

/**
 * {@link carefulDerivative} twice, with steps of ratio √2, of which no halving of one is a step of the other. An extrapolation
 * knows its error by the distance of two neighbours in its table, and these agree by chance now and then; so the error is
 * no less than the distance of the two results.
 */
export function confirmedDerivative(
  value: () => number,
  x: FloatArray,
  direction: ArrayLike<number>,
): FiniteDifference {
  const found = [1, Math.SQRT1_2].map((stretch) => carefulDerivative(value, x, direction, stretch));
  const [better, worse] = found.sort((a, b) => a.error - b.error);
  const { derivative } = better;
  return { derivative, error: Math.max(better.error, Math.abs(derivative - worse.derivative)) };
}

/** The derivative in every entry of x, and the norm of what the differences think their errors are. */
export function carefulGradient(
  value: () => number,
  x: FloatArray,
): { readonly gradient: Float64Array; readonly error: number } {
  const axis = new Float64Array(x.length);
  let square = 0;
  const gradient = Float64Array.from({ length: x.length }, (_, i) => {
    axis.fill(0);
    axis[i] = 1;
    const { derivative, error } = carefulDerivative(value, x, axis);
    square += error ** 2;
    return derivative;
  });
  return { gradient, error: Math.sqrt(square) };
}
