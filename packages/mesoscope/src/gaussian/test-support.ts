import { fromRows, zeros } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import {
  distanceHead,
  type GaussianAttention,
  type GaussianLayer,
  gaussianLayer,
} from './layer.ts';
import { randomCovariance, randomMatrix } from './random-matrices.ts';

/** A layer with random heads of entry size `size`. */
export function randomLayer(
  seed: number,
  d: number,
  attention: GaussianAttention = 'softmax',
  { heads = 2, size = 0.5, keyDimension = d } = {},
): GaussianLayer {
  const stream = randomStream(seed, `random ${attention} layer`);
  return gaussianLayer({
    attention,
    heads: Array.from({ length: heads }, () => {
      const V = randomMatrix(stream, d, d, size);
      if (attention !== 'l2') return { V, B: randomMatrix(stream, d, d, size) };
      const Q = randomMatrix(stream, keyDimension, d, size);
      return distanceHead({ V, Q, K: randomMatrix(stream, keyDimension, d, size), scale: 0.7 });
    }),
    W: randomMatrix(stream, d, d, size),
    b: stream.normals(new Float64Array(d)),
  });
}

/** `max_ij |A_ij − B_ij|`. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}

/** Classical Runge–Kutta steps, written out: an oracle that shares nothing with the library's integrators. */
export function rungeKutta(
  f: (t: number, y: Float64Array) => Float64Array,
  y0: Float64Array,
  horizon: number,
  steps: number,
): Float64Array {
  const h = horizon / steps;
  const shifted = (y: Float64Array, k: Float64Array, c: number) => y.map((v, i) => v + c * k[i]);
  let y = y0;
  for (let s = 0; s < steps; s++) {
    const t = s * h;
    const k1 = f(t, y);
    const k2 = f(t + h / 2, shifted(y, k1, h / 2));
    const k3 = f(t + h / 2, shifted(y, k2, h / 2));
    const k4 = f(t + h, shifted(y, k3, h));
    y = y.map((v, i) => v + (h / 6) * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]));
  }
  return y;
}

export { fromRows, randomCovariance, randomMatrix, zeros };
