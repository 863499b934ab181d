import { wassersteinDistance } from '../law/distance/transport.ts';
import { type EnsembleLayout, headLawAtDepth } from './parameters.ts';

/** How far a law of heads has moved. */
export interface EnsembleMovement {
  /** `W_2(ν_s, ν'_s)` at each of the L depths, exact. */
  readonly depths: Float64Array;
  /** The conditional distance `(∫ W_2² ds)^{1/2}`. */
  readonly distance: number;
}

/**
 * The conditional (fibrewise) Wasserstein distance of two laws of heads on the same depths,
 * `d²(ν, ν') = ∫_0^1 W_2²(ν_s, ν'_s) ds`, with heads as points of R^{2kd+d²}.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`
 */
export function ensembleDistance(
  layout: EnsembleLayout,
  one: Float64Array,
  other: Float64Array,
): EnsembleMovement {
  const depths = Float64Array.from(
    { length: layout.layers },
    (_, l) =>
      wassersteinDistance(headLawAtDepth(layout, one, l), headLawAtDepth(layout, other, l)).value,
  );
  const squares = depths.reduce((sum, value) => sum + value * value, 0);
  return { depths, distance: Math.sqrt(squares / layout.layers) };
}
