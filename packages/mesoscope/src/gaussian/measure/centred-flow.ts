import type { Matrix } from '../../numeric/matrix.ts';
import type { GaussianLayer } from '../layer.ts';
import { integrateMoments, type MomentFlow } from '../moment-flow.ts';

/** A covariance by two tolerances, 1e-11 and 1e-9: their difference is far more than the error of the finer one. */
export interface CentredFlows {
  readonly fine: MomentFlow;
  /** Null where the finer one did not arrive. */
  readonly coarse: MomentFlow | null;
}

/** Integrates Σ from LLᵀ with the mean at 0 and no bias, on which it does not depend. */
export function integrateCentred(
  layer: GaussianLayer,
  L: Matrix,
  limits: { readonly horizon: number; readonly stepLimit: number },
): CentredFlows {
  const centred = { ...layer, b: new Float64Array(L.rows) };
  const run = (relativeTolerance: number) =>
    integrateMoments(
      centred,
      { mean: new Float64Array(L.rows), factor: L },
      { ...limits, relativeTolerance },
    );
  const fine = run(1e-11);
  return { fine, coarse: fine.status.kind === 'completed' ? run(1e-9) : null };
}
