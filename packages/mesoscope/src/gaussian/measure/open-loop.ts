import type { Backend } from '../../kernels/backend.ts';
import { gaussian, particles } from '../../law/law.ts';
import { momentMatchedGaussian } from '../../law/moments.ts';
import { sampleLaw } from '../../law/sample.ts';
import { fitRate } from '../../numeric/fit.ts';
import { frobeniusNorm, subtract } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { tiltRatio } from '../finite-n.ts';
import { depthsUpTo } from '../gaussian-flow.ts';
import { type GaussianMoments, unfactored } from '../moments.ts';
import { moveParticles } from '../particles.ts';
import type { Realisation, Steering } from '../reachability/steer.ts';

/** Controls found for the law, applied to n tokens. */
export interface OpenLoop {
  readonly realisation: Realisation;
  readonly counts: readonly number[];
  /** Root mean square over samples of `|m_n − m_1| + |Σ_n − Σ_1|`. */
  readonly errors: readonly number[];
  /** Largest tilt along the path over √(2 ln n), for each n: near 1 the softmax of n tokens no longer follows the law. */
  readonly tilts: readonly number[];
}

export interface OpenLoopOptions {
  readonly backend: Backend;
  readonly seed: number;
  /** Numbers of tokens n; default 64 … 512. */
  readonly tokens?: readonly number[];
  /** Clouds for each n; default 16. */
  readonly samples?: number;
}

/** Applies the controls of a steering to samples of the start, of growing size. */
export function openLoopErrors(
  { backend, seed, tokens = [64, 128, 256, 512], samples = 16 }: OpenLoopOptions,
  { realisation, steering }: { readonly realisation: Realisation; readonly steering: Steering },
  from: GaussianMoments,
): OpenLoop {
  const law = gaussian(from.mean, from.covariance);
  const { controls, endpoints, flow } = steering;
  const { horizon } = endpoints;
  const goal = unfactored(endpoints.to);
  const errors = tokens.map((n) => {
    let square = 0;
    for (let k = 0; k < samples; k++) {
      const start = sampleLaw(law, n, randomStream(seed, `open loop ${n}`, k));
      const end = moveParticles(backend, controls, start, { horizon, steps: 12 });
      const { mean, covariance } = momentMatchedGaussian(particles(end));
      const shift = Math.hypot(...mean.map((entry, i) => entry - goal.mean[i]));
      square += (shift + frobeniusNorm(subtract(covariance, goal.covariance))) ** 2 / samples;
    }
    return Math.sqrt(square);
  });
  const path = depthsUpTo(horizon, 20).map((t) => ({
    layer: controls.layerAt(t),
    moments: unfactored(flow.at(Math.min(t, flow.time))),
  }));
  const tilts = tokens.map((n) =>
    Math.max(...path.map(({ layer, moments }) => tiltRatio(layer, moments, n))),
  );
  return { realisation, counts: tokens, errors, tilts };
}

/** Log–log slope of the error in n. */
export function openLoopSlope({ counts, errors }: OpenLoop): number {
  return fitRate({ x: counts, y: [errors] }).slope;
}

/** Errors, slopes and tilts by name. */
export function openLoopNumbers(loops: readonly OpenLoop[]) {
  return Object.fromEntries(
    loops.flatMap((one): [string, number | readonly number[]][] => [
      [`particles.${one.realisation}.n`, one.counts],
      [`particles.${one.realisation}.error`, one.errors],
      [`particles.${one.realisation}.slope`, openLoopSlope(one)],
      [`particles.${one.realisation}.tiltRatio`, one.tilts],
    ]),
  );
}
