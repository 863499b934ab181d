import type { FloatArray } from '../../kernels/backend.ts';

/** `Σ x_i y_i`. */
export function dot(x: FloatArray, y: FloatArray): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}

/** `√(Σ x_i²)`. */
export function euclideanNorm(x: FloatArray): number {
  return Math.sqrt(dot(x, x));
}
