import type { Backend } from '../../kernels/backend.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { frobeniusNorm, scale, subtract } from '../../numeric/matrix.ts';
import { assignCovariance, type CovarianceTarget } from '../assignment.ts';
import { gaussianFlow } from '../gaussian-flow.ts';
import { riccatiForm } from '../riccati.ts';
import type { Compared } from './compared.ts';
import { conditioningOf } from './conditioning.ts';
import { type EquilibriumApproach, measureApproach } from './equilibrium-approach.ts';
import { type CloudRate, measureCloudRate } from './invariance.ts';

/** A layer that was made to hold a covariance, and what it does to laws and to tokens. */
export interface AssignmentRecord {
  /** The covariance at rest that its Riccati equation has, and Σ*. */
  readonly held: Compared;
  readonly approach: EquilibriumApproach;
  readonly clouds: CloudRate;
}

/** The start of laws and clouds, as a part of Σ*, so that there is a way to go. */
const startShare = 0.5;

/** Makes the layer, and follows laws to their limit and clouds of tokens for a while. */
export function measureAssignment(
  backend: Backend,
  given: CovarianceTarget,
  clouds: { readonly tokens: readonly number[]; readonly samples: number; readonly seed: number },
  assign = assignCovariance,
): AssignmentRecord {
  const { target, W } = given;
  const layer = assign(given);
  const start = { mean: new Float64Array(W.rows), covariance: scale(startShare, target) };
  const approach = measureApproach(gaussianFlow(layer, start, 1));
  const form = riccatiForm(layer);
  const { equilibrium } = approach;
  const size = frobeniusNorm(target);
  return {
    held:
      form === null || equilibrium === null
        ? { difference: size, uncertainty: 0, scale: size }
        : {
            difference: frobeniusNorm(subtract(equilibrium, target)),
            uncertainty: conditioningOf(form, equilibrium)((_, rest) => rest),
            scale: size,
          },
    approach,
    clouds: measureCloudRate(backend, gaussianFlow(layer, start, 0.5 / spectralNorm(W)), clouds),
  };
}
