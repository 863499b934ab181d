import { refuse, requireFinite } from '../numeric/checks.ts';
import { type Matrix, multiply, transpose, zeros } from '../numeric/matrix.ts';
import { positiveSemidefiniteEigen } from '../numeric/matrix-functions.ts';
import { requireLength } from './layer.ts';

/** Mean and covariance of a Gaussian token law N(m, Σ); Σ may be singular. */
export interface GaussianMoments {
  /** m ∈ R^d. */
  readonly mean: Float64Array;
  /** Σ, d × d, symmetric positive semi-definite. */
  readonly covariance: Matrix;
}

/** A Gaussian law with a factor of its covariance, `Σ = LLᵀ`. */
export interface FactoredMoments {
  readonly mean: Float64Array;
  /** L, d × r with linearly independent columns; r is the rank of Σ. */
  readonly factor: Matrix;
}

/** Eigenvalues of Σ below this fraction of the largest count as zero. */
export const rankTolerance = 1e-12;

/**
 * `Σ = LLᵀ` with L = E diag(√λ), the eigenvectors of the r positive eigenvalues λ, in increasing order.
 *
 * @throws MesoscopeError `invalid-value` for a covariance that is not symmetric, not positive semi-definite (with the
 * offending eigenvalue) or zero; `shape-mismatch`; `not-finite`
 */
export function covarianceFactor(covariance: Matrix, path = 'covariance'): Matrix {
  requireFinite(path, covariance.data);
  const { values, vectors } = positiveSemidefiniteEigen(covariance, path);
  const d = values.length;
  const largest = values[d - 1];
  const kept = Array.from(values.keys()).filter((i) => values[i] > rankTolerance * largest);
  if (kept.length === 0) {
    refuse(
      path,
      'a matrix of rank 0',
      'a covariance of rank ≥ 1',
      'A single point moves with the mean alone; give it some spread.',
    );
  }
  const factor = zeros(d, kept.length);
  kept.forEach((column, j) => {
    const size = Math.sqrt(values[column]);
    for (let i = 0; i < d; i++) {
      factor.data[i * kept.length + j] = size * vectors.data[i * d + column];
    }
  });
  return factor;
}

/**
 * A checked law in factored form.
 *
 * @throws MesoscopeError as {@link covarianceFactor}; `shape-mismatch` if m and Σ do not fit
 */
export function factored(law: GaussianMoments, path = 'law'): FactoredMoments {
  requireLength(`${path}.mean`, law.mean, law.covariance.rows);
  const factor = covarianceFactor(law.covariance, `${path}.covariance`);
  return { mean: Float64Array.from(law.mean), factor };
}

/** `Σ = LLᵀ`, exactly symmetric. */
export function unfactored({ mean, factor }: FactoredMoments): GaussianMoments {
  return { mean, covariance: multiply(factor, transpose(factor)) };
}

/** `y = (m, L)`, the state of the moment flow: d + d·r numbers. */
export function packMoments({ mean, factor }: FactoredMoments): Float64Array {
  const y = new Float64Array(mean.length + factor.data.length);
  y.set(mean);
  y.set(factor.data, mean.length);
  return y;
}

/** The inverse of {@link packMoments}; copies. */
export function unpackMoments(y: Float64Array, dimension: number): FactoredMoments {
  const rank = (y.length - dimension) / dimension;
  return {
    mean: y.slice(0, dimension),
    factor: { rows: dimension, columns: rank, data: y.slice(dimension) },
  };
}
