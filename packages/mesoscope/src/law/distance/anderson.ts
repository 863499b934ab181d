import type { FloatArray } from '../../kernels/backend.ts';

/** Past steps that the extrapolation combines. */
const memory = 10;

/** A change of the residual closer than this to the span of newer ones carries rounding only. */
const dependence = 1e-7;

/** One accelerated step of a fixed-point iteration: writes the next x over x. */
export type Acceleration = (x: FloatArray, image: FloatArray, error: number) => void;

/** A change of the residual `G(x) − x`, and the change of the image G(x) that went with it. */
interface Change {
  readonly residual: Float64Array;
  readonly image: Float64Array;
}

/**
 * Anderson acceleration of `x ← G(x)` (Walker & Ni, SIAM J. Numer. Anal. 49, 2011): the next x is the combination of
 * the last images whose residual `G(x) − x` would be smallest if G were affine. Where the error doubles, the history
 * is forgotten and a plain step is taken.
 *
 * @param weights - of the entries, in the norm of the residual
 */
export function createAcceleration(weights: Float64Array): Acceleration {
  const n = weights.length;
  let history: Change[] = [];
  let last: Change | undefined;
  let least = Number.POSITIVE_INFINITY;

  function product(u: Float64Array, v: Float64Array): number {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += weights[i] * u[i] * v[i];
    return sum;
  }

  /** Orthonormal combinations of the changes of the residual, newest first, and the images that go with them. */
  function orthonormalChanges(): Change[] {
    const basis: Change[] = [];
    for (const change of history) {
      const residual = change.residual.slice();
      const image = change.image.slice();
      const size = Math.sqrt(product(residual, residual));
      for (const earlier of basis) {
        const part = product(earlier.residual, residual);
        addMultiple(residual, -part, earlier.residual);
        addMultiple(image, -part, earlier.image);
      }
      const length = Math.sqrt(product(residual, residual));
      if (length > dependence * size) {
        basis.push({
          residual: residual.map((value) => value / length),
          image: image.map((value) => value / length),
        });
      }
    }
    return basis;
  }

  return (x, image, error) => {
    const current = {
      image: Float64Array.from(image.subarray(0, n)),
      residual: Float64Array.from({ length: n }, (_, i) => image[i] - x[i]),
    };
    if (error > 2 * least) {
      history = [];
      least = error;
    } else {
      if (last !== undefined) {
        const before = last;
        history.unshift({
          residual: current.residual.map((value, i) => value - before.residual[i]),
          image: current.image.map((value, i) => value - before.image[i]),
        });
        history.length = Math.min(history.length, memory);
      }
      least = Math.min(least, error);
    }
    last = current;
    const next = current.image.slice();
    for (const change of orthonormalChanges()) {
      addMultiple(next, -product(change.residual, current.residual), change.image);
    }
    x.set(next);
  };
}

/** `y ← y + αx`. */
function addMultiple(y: Float64Array, alpha: number, x: Float64Array): void {
  for (let i = 0; i < y.length; i++) y[i] += alpha * x[i];
}
