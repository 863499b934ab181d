import { eigenvalues } from '../numeric/decompositions.ts';
import { type Matrix, multiply, trace, transpose, zeros } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import type { HeadMatrices } from './head-matrices.ts';

/**
 * What the weights of one head say before any token is seen. None changes under `Q → GQ, K → G⁻ᵀK` or
 * `V → GV, O → OG⁻¹`, which leave the head as it is.
 */
export interface HeadSpectra {
  /** Share of the v eigenvalues of OV that may differ from 0 whose real part is negative; V = I has 0. */
  readonly contracting: number;
  /** `max |λ|` over the eigenvalues of OV. */
  readonly radius: number;
  /** `|B − Bᵀ|²/(4|B|²)` for `B = QᵀK/√k`: 0 if B is symmetric, 1 if it is skew. */
  readonly skewShare: number;
  /** `tr B/(|B|√k)`, in [−1, 1]: how much a token attends to those like itself. */
  readonly selfAttraction: number;
  /** Share of the k eigenvalues of B that may differ from 0 whose real part is negative. */
  readonly repelling: number;
}

/**
 * The spectra of a head, by k × k products: OV has the eigenvalues of VO and d − v zeros, B those of `KQᵀ/√k`, and
 * `|B|² = ⟨QQᵀ, KKᵀ⟩/k`, `tr B² = tr (KQᵀ)²/k`.
 *
 * @throws MesoscopeError `not-finite`
 */
export function headSpectra({ Q, K, V, O }: HeadMatrices): HeadSpectra {
  const values = eigenvalues(multiply(V, O));
  const scores = multiply(K, transpose(Q));
  const squaredNorm = inner(gram(Q), gram(K));
  const moduli = values.real.map((real, i) => Math.hypot(real, values.imaginary[i]));
  return {
    contracting: negativeShare(values.real),
    radius: Math.max(...moduli),
    skewShare: (1 - inner(scores, transpose(scores)) / squaredNorm) / 2,
    selfAttraction: trace(scores) / Math.sqrt(squaredNorm * Q.rows),
    repelling: negativeShare(eigenvalues(scores).real),
  };
}

/**
 * The same of a head whose matrices are Gaussian, with the shapes and Frobenius norms of a given one: what its numbers
 * are to be compared with.
 *
 * @param seed - of the streams; draw `index` of them
 */
export function randomHead(head: HeadMatrices, seed: number, index: number): HeadMatrices {
  const random = randomStream(seed, 'a head of random weights', index);
  const like = (matrix: Matrix): Matrix => {
    const { rows, columns, data } = zeros(matrix.rows, matrix.columns);
    random.normals(data);
    const factor = Math.sqrt(inner(matrix, matrix) / data.reduce((sum, x) => sum + x * x, 0));
    return { rows, columns, data: data.map((x) => factor * x) };
  };
  return { Q: like(head.Q), K: like(head.K), V: like(head.V), O: like(head.O) };
}

function gram(a: Matrix): Matrix {
  return multiply(a, transpose(a));
}

/** `Σ a_ij b_ij`. */
function inner(a: Matrix, b: Matrix): number {
  return a.data.reduce((sum, x, i) => sum + x * b.data[i], 0);
}

function negativeShare(values: Float64Array): number {
  return values.filter((x) => x < 0).length / values.length;
}
