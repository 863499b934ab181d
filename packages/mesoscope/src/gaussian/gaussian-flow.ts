import type { GaussianLayer } from './layer.ts';
import { type FactoredMoments, factored, type GaussianMoments } from './moments.ts';
import { type LawAndLayer, lawOfInstance, layerOfInstance } from './schema.ts';

/** A constant layer on a Gaussian law, up to depth T. */
export interface GaussianFlow {
  readonly layer: GaussianLayer;
  readonly law: GaussianMoments;
  /** The law with a factor of its covariance: it has been checked. */
  readonly start: FactoredMoments;
  readonly horizon: number;
}

/**
 * The checked flow of an explicit instance.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`; `invalid-value` for a covariance that is not symmetric, not
 * positive semi-definite (with the offending eigenvalue) or zero
 */
export function flowOfInstance(instance: LawAndLayer, horizon: number): GaussianFlow {
  return gaussianFlow(layerOfInstance(instance), lawOfInstance(instance.law), horizon);
}

/** @throws MesoscopeError as {@link flowOfInstance} */
export function gaussianFlow(
  layer: GaussianLayer,
  law: GaussianMoments,
  horizon: number,
): GaussianFlow {
  return { layer, law, start: factored(law), horizon };
}

/** `intervals + 1` equidistant depths from 0 to exactly T. */
export function depthsUpTo(T: number, intervals: number): number[] {
  return Array.from({ length: intervals + 1 }, (_, k) =>
    k === intervals ? T : (k * T) / intervals,
  );
}
