import { refuse } from '../numeric/checks.ts';
import { spectralFunction, symmetricEigen } from '../numeric/decompositions.ts';
import {
  largestEntry,
  type Matrix,
  multiply,
  symmetricPart,
  transpose,
} from '../numeric/matrix.ts';
import type { RiccatiForm } from './riccati.ts';

/** Where a law ends that is contracted along the range of M and left alone elsewhere. */
export interface ClusteringLimit {
  /** d × d. */
  readonly covariance: Matrix;
  /** Its rank. */
  readonly rank: number;
}

/**
 * The limit of `Σ(t) = L(I − tLᵀML)^{-1}Lᵀ` for W = 0 and M ⪯ 0: `LΠLᵀ`, Π the orthogonal projector onto ker LᵀML,
 * which for Σ_0 ≻ 0 is `N(NᵀΣ_0^{-1}N)^{-1}Nᵀ`, N a basis of ker M. With `K = −Q ∈ R^{k×d}` and `V = I`, M is `−2βQᵀQ`
 * and the rank of the limit is d − k for almost every Q.
 *
 * @param factor - L, `Σ_0 = LLᵀ`
 * @throws MesoscopeError `invalid-value` unless W = 0 and M ⪯ 0
 */
export function clusteringLimit({ M, W }: RiccatiForm, factor: Matrix): ClusteringLimit {
  const eigen = symmetricEigen(symmetricPart(multiply(transpose(factor), M, factor)));
  const size = Math.max(...eigen.values.map(Math.abs));
  const zero = (value: number) => Math.abs(value) <= 1e-12 * size;
  if (largestEntry(W) > 0 || eigen.values.some((value) => value > 0 && !zero(value))) {
    refuse(
      largestEntry(W) > 0 ? 'W' : 'M',
      largestEntry(W) > 0 ? largestEntry(W) : eigen.values[eigen.values.length - 1],
      'W = 0 and Σ_h v_h(B_h + B_hᵀ) negative semi-definite on the support',
      'Classify the layer instead: that integrates it.',
    );
  }
  const projector = spectralFunction(eigen, (value) => (zero(value) ? 1 : 0));
  return {
    covariance: multiply(factor, projector, transpose(factor)),
    rank: eigen.values.filter(zero).length,
  };
}
