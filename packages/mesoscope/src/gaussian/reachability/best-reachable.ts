import { symmetricEigen } from '../../numeric/decompositions.ts';
import { add, block, type Matrix, multiply, transpose } from '../../numeric/matrix.ts';
import { factored, type GaussianMoments } from '../moments.ts';

/** The law nearest to a target among those that can be reached. */
export interface BestReachable {
  readonly law: GaussianMoments;
  /** W_2 between it and the target. */
  readonly distance: number;
  /** Whether it is the nearest, or one of a sequence that comes as near as one likes (at growing energy). */
  readonly attained: boolean;
  /** One sentence. */
  readonly reason: string;
}

export interface BestReachableOptions {
  /**
   * Where the target's rank is too low: the variance given to the missing directions, as a fraction of the target's largest
   * eigenvalue; default 1e-4.
   */
  readonly floor?: number;
}

/**
 * The best approximation in W_2 of a target by laws whose covariance has the rank r of the start, which is what controls can reach in
 * any finite depth:
 * - target of higher rank: its r largest principal directions; `W_2²` is the sum of the other eigenvalues, and no law of
 *   rank r comes nearer, coupled in any way;
 * - target of lower rank: there is no nearest; the missing directions get the variance `floor·λ_max`;
 * - equal rank: the target itself.
 *
 * @throws MesoscopeError as `factored`
 */
export function bestReachable(
  from: GaussianMoments,
  to: GaussianMoments,
  { floor = 1e-4 }: BestReachableOptions = {},
): BestReachable {
  const rank = factored(from, 'from').factor.columns;
  const target = factored(to, 'to').factor;
  if (target.columns === rank) {
    return { law: to, distance: 0, attained: true, reason: 'the ranks agree' };
  }
  if (target.columns > rank) {
    // The columns of the factor are orthogonal, in the order of increasing eigenvalues.
    const dropped = target.columns - rank;
    const variances = columnSquares(target);
    const kept = block(target, 0, dropped, target.rows, rank);
    return {
      law: { mean: to.mean, covariance: multiply(kept, transpose(kept)) },
      distance: Math.sqrt(variances.subarray(0, dropped).reduce((sum, v) => sum + v, 0)),
      attained: true,
      reason: `the ${rank} largest principal directions of the target, of rank ${target.columns}`,
    };
  }
  const variances = columnSquares(target);
  const variance = floor * variances[variances.length - 1];
  const missing = rank - target.columns;
  const { vectors } = symmetricEigen(to.covariance);
  const directions = block(vectors, 0, 0, vectors.rows, missing);
  return {
    law: {
      mean: to.mean,
      covariance: add(to.covariance, multiply(directions, transpose(directions)), variance),
    },
    distance: Math.sqrt(variance * missing),
    attained: false,
    reason: `rank ${rank} can be squeezed towards the target's rank ${target.columns}, but not lost`,
  };
}

/** Squared lengths of the columns. */
function columnSquares({ rows, columns, data }: Matrix): Float64Array {
  const result = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j] += data[i * columns + j] ** 2;
  }
  return result;
}
