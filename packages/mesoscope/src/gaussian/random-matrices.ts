import { type Matrix, multiply, scale, transpose } from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';

/** rows × columns standard normals times `size`. */
export function randomMatrix(
  stream: RandomStream,
  rows: number,
  columns: number,
  size = 1,
): Matrix {
  return scale(size, { rows, columns, data: stream.normals(new Float64Array(rows * columns)) });
}

/** `AAᵀ + floor·I` with A of d × rank standard normals. */
export function randomCovariance(stream: RandomStream, d: number, rank = d, floor = 0): Matrix {
  const A = randomMatrix(stream, d, rank);
  const covariance = multiply(A, transpose(A));
  for (let i = 0; i < d; i++) covariance.data[i * d + i] += floor;
  return covariance;
}
