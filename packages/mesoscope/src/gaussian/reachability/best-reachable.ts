import { symmetricEigen } from '../../numeric/decompositions.ts';
import {
  add,
  block,
  diagonal,
  type Matrix,
  multiply,
  symmetricPart,
  transpose,
} from '../../numeric/matrix.ts';
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
 * Where eigenvalues coincide, several laws are equally near: the directions in which the start has most variance are taken.
 *
 * @throws MesoscopeError as `factored`
 */
export function bestReachable(
  from: GaussianMoments,
  to: GaussianMoments,
  { floor = 1e-4 }: BestReachableOptions = {},
): BestReachable {
  const rank = factored(from, 'from').factor.columns;
  const targetRank = factored(to, 'to').factor.columns;
  if (targetRank === rank) {
    return { law: to, distance: 0, attained: true, reason: 'the ranks agree' };
  }
  const { values, vectors } = symmetricEigen(to.covariance);
  const d = values.length;
  const largest = values[d - 1];
  if (targetRank > rank) {
    const last = values[d - rank];
    const tied = Array.from(values.keys()).filter(
      (i) => Math.abs(values[i] - last) <= tie * largest,
    );
    const above = d - 1 - tied[tied.length - 1];
    const own = block(vectors, 0, d - above, d, above);
    const shared = widest(block(vectors, 0, tied[0], d, tied.length), rank - above, from);
    const kept = multiply(own, diagonal(values.subarray(d - above)), transpose(own));
    return {
      law: { mean: to.mean, covariance: add(kept, multiply(shared, transpose(shared)), last) },
      distance: Math.sqrt(values.subarray(0, d - rank).reduce((sum, v) => sum + Math.max(0, v), 0)),
      attained: true,
      reason: `the ${rank} largest principal directions of the target, of rank ${targetRank}`,
    };
  }
  const variance = floor * largest;
  const missing = rank - targetRank;
  const directions = widest(block(vectors, 0, 0, d, d - targetRank), missing, from);
  return {
    law: {
      mean: to.mean,
      covariance: add(to.covariance, multiply(directions, transpose(directions)), variance),
    },
    distance: Math.sqrt(variance * missing),
    attained: false,
    reason: `rank ${rank} can be squeezed towards the target's rank ${targetRank}, but not lost`,
  };
}

/** Eigenvalues this near to each other, in units of the largest, count as one. */
const tie = 1e-9;

/** Orthonormal directions of a space in which a law has most variance, `count` of them. */
function widest(basis: Matrix, count: number, { covariance }: GaussianMoments): Matrix {
  const inside = symmetricPart(multiply(transpose(basis), covariance, basis));
  const { vectors } = symmetricEigen(inside);
  return multiply(basis, block(vectors, 0, vectors.columns - count, vectors.rows, count));
}
