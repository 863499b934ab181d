import type { Backend } from '../../kernels/backend.ts';
import { slicedWasserstein } from '../../law/distance/sliced.ts';
import { type GaussianLaw, gaussian, particles } from '../../law/law.ts';
import { momentMatchedGaussian } from '../../law/moments.ts';
import { sampleLaw } from '../../law/sample.ts';
import { frobeniusNorm, type Matrix, subtract, trace } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import type { GaussianFlow } from '../gaussian-flow.ts';
import { integrateMoments } from '../moment-flow.ts';
import { unfactored } from '../moments.ts';
import { moveParticles } from '../particles.ts';

export interface CloudErrorOptions {
  /** Numbers of tokens n. */
  readonly counts: readonly number[];
  /** Independent samples for each n. */
  readonly samples: number;
  /** Runge–Kutta steps of the tokens. */
  readonly steps: number;
  readonly seed: number;
}

/** End clouds `clouds[i][k]`: sample k of `counts[i]` tokens, n × d. */
export type EndClouds = readonly (readonly Matrix[])[];

/**
 * Moves samples of the law by their own empirical attention.
 *
 * @throws MesoscopeError as `moveParticles`
 */
export function endClouds(
  backend: Backend,
  { layer, law, horizon }: GaussianFlow,
  { counts, samples, steps, seed }: CloudErrorOptions,
): EndClouds {
  const initial = gaussian(law.mean, law.covariance);
  return counts.map((n) =>
    Array.from({ length: samples }, (_, k) => {
      const cloud = sampleLaw(initial, n, randomStream(seed, `cloud of ${n}`, k));
      return moveParticles(backend, layer, cloud, { horizon, steps });
    }),
  );
}

/** The most steps that {@link enoughSteps} tries. */
const stepLimit = 384;

/**
 * Runge–Kutta steps of the tokens such that twice as many move the end of one cloud by less than a thousandth of what
 * sampling does, 1/√n: doubled from 6 on. Null where {@link stepLimit} are not enough.
 */
export function enoughSteps(
  backend: Backend,
  flow: GaussianFlow,
  { counts, seed }: Pick<CloudErrorOptions, 'counts' | 'seed'>,
): number | null {
  const allowed = 1e-3 / Math.sqrt(counts[counts.length - 1]);
  const run = (steps: number) =>
    endClouds(backend, flow, { counts: [counts[0]], samples: 1, steps, seed })[0][0];
  let coarse = run(6);
  for (let steps = 6; steps < stepLimit; steps *= 2) {
    const fine = run(2 * steps);
    const change = frobeniusNorm(subtract(fine, coarse));
    if (change <= allowed * frobeniusNorm(fine)) return steps;
    coarse = fine;
  }
  return null;
}

/** N(m(T), Σ(T)) of the moment flow. */
export function endLaw({ layer, start, horizon }: GaussianFlow): GaussianLaw {
  const { moments } = integrateMoments(layer, start, { horizon, dense: false });
  const { mean, covariance } = unfactored(moments);
  return gaussian(mean, covariance);
}

/** Root mean square over samples of `(|m_n − m| + |Σ_n − Σ|/√trΣ)/√trΣ`, for each n. */
export function momentErrors(clouds: EndClouds, { mean, covariance }: GaussianLaw): number[] {
  const spread = Math.sqrt(trace(covariance));
  return rootMeanSquares(clouds, (points) => {
    const seen = momentMatchedGaussian(particles(points));
    const shift = Math.hypot(...seen.mean.map((entry, i) => entry - mean[i]));
    const change = frobeniusNorm(subtract(seen.covariance, covariance));
    return (shift + change / spread) / spread;
  });
}

/** Root mean square over samples of sliced W2 between the tokens and N(m, Σ), over √(trΣ/d), for each n. */
export function slicedErrors(clouds: EndClouds, law: GaussianLaw): number[] {
  const unit = Math.sqrt(trace(law.covariance) / law.dimension);
  return rootMeanSquares(
    clouds,
    (points) => slicedWasserstein(particles(points), law, { directions: 16 }).value / unit,
  );
}

/** Independent samples of a law in place of end clouds: what {@link slicedErrors} shows when there is nothing to see. */
export function nullClouds(law: GaussianLaw, clouds: EndClouds, seed: number): EndClouds {
  return clouds.map((samples) =>
    samples.map(({ rows }, k) => sampleLaw(law, rows, randomStream(seed, `null of ${rows}`, k))),
  );
}

function rootMeanSquares(clouds: EndClouds, error: (points: Matrix) => number): number[] {
  return clouds.map((samples) =>
    Math.sqrt(samples.reduce((sum, points) => sum + error(points) ** 2, 0) / samples.length),
  );
}
