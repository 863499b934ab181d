import { add, identity, type Matrix, scale, trace, transpose } from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';
import { type GaussianHead, type GaussianLayer, gaussianLayer } from './layer.ts';
import type { GaussianMoments } from './moments.ts';
import { randomCovariance, randomMatrix } from './random-matrices.ts';

/** A random law on R^d whose covariance has the given rank and trace d. */
export function randomLaw(stream: RandomStream, d: number, rank = d): GaussianMoments {
  const covariance = randomCovariance(stream, d, rank, rank === d ? 0.2 : 0);
  return {
    mean: stream.normals(new Float64Array(d)),
    covariance: scale(d / trace(covariance), covariance),
  };
}

/** Heads with `V_h = v_hI` such that `M = Σ_h v_h(B_h + B_hᵀ)` is the given symmetric matrix. */
export function scalarValueHeads(
  stream: RandomStream,
  M: Matrix,
  values: readonly number[],
): GaussianHead[] {
  const d = M.rows;
  let rest = scale(0.5, M);
  const heads = values.slice(1).map((v) => {
    const B = randomMatrix(stream, d, d, 0.5);
    rest = add(rest, B, -v);
    return { V: scale(v, identity(d)), B };
  });
  // A skew part is invisible in M.
  const A = randomMatrix(stream, d, d, 0.5);
  const first = add(scale(1 / values[0], rest), add(A, transpose(A), -1));
  return [{ V: scale(values[0], identity(d)), B: first }, ...heads];
}

/** `shift·I` plus a random matrix: for shift above the matrix's norm every eigenvalue has positive real part. */
export function shiftedMatrix(stream: RandomStream, d: number, shift: number): Matrix {
  return add(scale(shift, identity(d)), randomMatrix(stream, d, d, 0.4 / Math.sqrt(d)));
}

/** A softmax layer with random heads, W and b, of entry size `size/√d`. */
export function randomSoftmaxLayer(
  stream: RandomStream,
  d: number,
  { heads = 2, size = 0.5 } = {},
): GaussianLayer {
  const entry = size / Math.sqrt(d);
  return gaussianLayer({
    heads: Array.from({ length: heads }, () => ({
      V: randomMatrix(stream, d, d, entry),
      B: randomMatrix(stream, d, d, entry),
    })),
    W: randomMatrix(stream, d, d, entry),
    b: stream.normals(new Float64Array(d)),
  });
}
