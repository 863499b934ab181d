import type { Matrix } from '../numeric/matrix.ts';
import type { Law } from './law.ts';
import { type GaussianLaw, gaussian } from './law.ts';
import { tiltedCovariance, tiltedMean } from './tilt.ts';

/** `∫ y dμ(y)`. */
export function lawMean(law: Law): Float64Array {
  return tiltedMean(law, new Float64Array(law.dimension));
}

/** `∫ (y − m)(y − m)ᵀ dμ(y)`. */
export function lawCovariance(law: Law): Matrix {
  return tiltedCovariance(law, new Float64Array(law.dimension));
}

/** The Gaussian law with the same mean and covariance. */
export function momentMatchedGaussian(law: Law): GaussianLaw {
  return gaussian(lawMean(law), lawCovariance(law));
}
