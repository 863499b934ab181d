import { solveOde } from '../flow/ode.ts';
import { inverse, spectralFunction, symmetricEigen } from '../numeric/decompositions.ts';
import {
  add,
  identity,
  largestEntry,
  type Matrix,
  multiply,
  scale,
  symmetricPart,
} from '../numeric/matrix.ts';
import type { GaussianHead, GaussianLayer } from './layer.ts';
import { saturated } from './moment-field.ts';

/**
 * `Σ̇ = UΣ + ΣUᵀ` from Σ itself: no factor of it is kept, so that nothing in the arithmetic keeps its rank. With the
 * cross-covariance `S_h = T_hΣ` of a head, `Σ̇ = Σ_h (V_hS_h + S_hᵀV_hᵀ) + WΣ + ΣWᵀ`; softmax: `S = ΣBΣ`, l2:
 * `S = (I + ΣA)^{-1}ΣBΣ`, sinkhorn: `S = Rτ(RBR)R`, `R = Σ^{1/2}`.
 */
export function plainCovarianceVelocity(layer: GaussianLayer, covariance: Matrix): Matrix {
  const half = layer.heads.reduce(
    (sum, head) => add(sum, multiply(head.V, crossCovariance(layer, head, covariance))),
    multiply(layer.W, covariance),
  );
  return scale(2, symmetricPart(half));
}

function crossCovariance(
  { attention }: GaussianLayer,
  { B, keyMetric }: GaussianHead,
  covariance: Matrix,
): Matrix {
  if (attention === 'sinkhorn') {
    const R = spectralFunction(symmetricEigen(covariance), (value) =>
      Math.sqrt(Math.max(0, value)),
    );
    return multiply(R, saturated(multiply(R, B, R)), R);
  }
  const plain = multiply(covariance, B, covariance);
  if (keyMetric === undefined) return plain;
  const seen = add(identity(covariance.rows), multiply(covariance, keyMetric));
  return multiply(inverse(seen), plain);
}

/** Σ at the end of a layer, integrated as a d × d matrix. */
export interface PlainCovariance {
  readonly covariance: Matrix;
  readonly steps: number;
  /** Whether the horizon was reached. */
  readonly arrived: boolean;
}

/** Integrates {@link plainCovarianceVelocity} over one layer by an adaptive scheme of order 5. */
export function integratePlainCovariance(
  layer: GaussianLayer,
  start: Matrix,
  horizon: number,
  { relativeTolerance = 1e-12, stepLimit = 20_000 } = {},
): PlainCovariance {
  const { rows, columns } = start;
  const solution = solveOde(
    (_, y, dy) => dy.set(plainCovarianceVelocity(layer, { rows, columns, data: y }).data),
    {
      to: horizon,
      initial: Float64Array.from(start.data),
      relativeTolerance,
      absoluteTolerance: 1e-3 * relativeTolerance * largestEntry(start),
      limit: 1e300,
      stepLimit,
      dense: false,
    },
  );
  const covariance = symmetricPart({ rows, columns, data: Float64Array.from(solution.state) });
  return { covariance, steps: solution.steps, arrived: solution.status.kind === 'completed' };
}
