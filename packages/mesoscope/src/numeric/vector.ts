/** A vector in double or single precision. */
export type Vector = Float64Array | Float32Array;

/** `Σ x_i y_i`. */
export function dot(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}

/** `|x| = √(Σ x_i²)`, without overflow or underflow. */
export function norm(x: ArrayLike<number>): number {
  const square = dot(x, x);
  if (square > 1e-280 && square < Number.POSITIVE_INFINITY) return Math.sqrt(square);
  const unit = largestMagnitude(x);
  if (!(unit > 0 && unit < Number.POSITIVE_INFINITY)) return unit;
  let scaled = 0;
  for (let i = 0; i < x.length; i++) scaled += (x[i] / unit) ** 2;
  return unit * Math.sqrt(scaled);
}

/** `max_i |x_i|`; NaN if an entry is not a number, 0 for no entries. */
export function largestMagnitude(x: ArrayLike<number>): number {
  let largest = 0;
  // Math.max keeps NaN.
  for (let i = 0; i < x.length; i++) largest = Math.max(largest, Math.abs(x[i]));
  return largest;
}

/** `x ← x + α y`. */
export function addScaled(x: Vector, alpha: number, y: ArrayLike<number>): void {
  for (let i = 0; i < x.length; i++) x[i] += alpha * y[i];
}
