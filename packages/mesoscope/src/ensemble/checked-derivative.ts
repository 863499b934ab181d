import { directionalDerivative } from '../flow/finite-difference.ts';

/** First steps of extrapolated differences, in units of the largest number over the largest move. */
const firstSteps = [0.02, 0.008, 0.003];
const halvings = 8;

/**
 * A derivative by extrapolated central differences with three first steps: their median, with its distance to the nearer of the other
 * two (one of them may be too long, or too short) for what none can see of its own error, and the rounding of the value over
 * the smallest step.
 *
 * @param value reads x where it lies
 * @param roundings how many ulps of the value its evaluation loses
 */
export function checkedDerivative(
  value: () => number,
  x: Float64Array,
  direction: ArrayLike<number>,
  roundings: number,
): { readonly derivative: number; readonly uncertainty: number } {
  const largest = (entries: ArrayLike<number>) =>
    Array.from(entries).reduce((max, entry) => Math.max(max, Math.abs(entry)), 0);
  const unit = Math.max(1, largest(x)) / largest(direction);
  const [low, derivative, high] = firstSteps
    .map((step) => {
      const options = { step: step * unit, halvings };
      return directionalDerivative(value, x, direction, options).derivative;
    })
    .sort((a, b) => a - b);
  const smallest = (Math.min(...firstSteps) * unit) / 2 ** halvings;
  const rounding = (Number.EPSILON * roundings * Math.abs(value())) / smallest;
  return { derivative, uncertainty: Math.min(high - derivative, derivative - low) + rounding };
}
