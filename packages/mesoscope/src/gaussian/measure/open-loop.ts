import { tiltRatio } from '../../gaussian/finite-n.ts';
import type { GaussianMoments } from '../../gaussian/moments.ts';
import { unfactored } from '../../gaussian/moments.ts';
import { moveParticles } from '../../gaussian/particles.ts';
import type { Realisation, Steering } from '../../gaussian/reachability/steer.ts';
import { gaussian, particles } from '../../law/law.ts';
import { momentMatchedGaussian } from '../../law/moments.ts';
import { sampleLaw } from '../../law/sample.ts';
import { fitRate } from '../../numeric/fit.ts';
import { frobeniusNorm, subtract } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import type { Figure } from '../figure.ts';
import type { ClaimContext } from '../../claims/legacy.ts';
import { depthsUpTo } from './flow-instance.ts';

/** Controls found for the law, applied to n tokens. */
export interface OpenLoop {
  readonly realisation: Realisation;
  readonly counts: readonly number[];
  /** Root mean square over samples of `|m_n − m_1| + |Σ_n − Σ_1|`. */
  readonly errors: readonly number[];
  /** Largest tilt along the path over √(2 ln n), for each n: near 1 the softmax of n tokens no longer follows the law. */
  readonly tilts: readonly number[];
}

/** Applies the controls of each steering to samples of the start, of growing size. */
export async function openLoopErrors(
  context: ClaimContext<unknown>,
  steerings: readonly { readonly realisation: Realisation; readonly steering: Steering }[],
  from: GaussianMoments,
): Promise<OpenLoop[]> {
  const full = context.setting === 'full';
  const counts = full ? [64, 128, 256, 512, 1024, 2048] : [64, 128, 256, 512];
  const samples = full ? 24 : 16;
  const law = gaussian(from.mean, from.covariance);
  return overExperiments(context, steerings.length, 'open loop on particles', (index) => {
    const { realisation, steering } = steerings[index];
    const { controls, endpoints } = steering;
    const goal = unfactored(endpoints.to);
    const errors = counts.map((n) => {
      let square = 0;
      for (let k = 0; k < samples; k++) {
        const stream = randomStream(context.seed, `open loop ${n}`, k);
        const end = moveParticles(context.backend, controls, sampleLaw(law, n, stream), {
          horizon: endpoints.horizon,
          steps: 12,
        });
        const { mean, covariance } = momentMatchedGaussian(particles(end));
        const shift = Math.hypot(...mean.map((entry, i) => entry - goal.mean[i]));
        square += (shift + frobeniusNorm(subtract(covariance, goal.covariance))) ** 2 / samples;
      }
      return Math.sqrt(square);
    });
    const tilts = counts.map((n) =>
      Math.max(
        ...depthsUpTo(endpoints.horizon, 20).map((t) =>
          tiltRatio(
            controls.layerAt(t),
            unfactored(steering.flow.at(Math.min(t, steering.flow.time))),
            n,
          ),
        ),
      ),
    );
    return { realisation, counts, errors, tilts };
  });
}

/** Log–log slope of the error in n. */
export function openLoopSlope({ counts, errors }: OpenLoop): number {
  return fitRate({ x: counts, y: [errors] }).slope;
}

/** Endpoint errors of n tokens against n, one curve for each realisation. */
export function openLoopFigure(id: string, loops: readonly OpenLoop[]): Figure {
  const [first] = loops;
  const last = first.counts.length - 1;
  return {
    id,
    title: 'The same controls on n tokens, open loop',
    caption:
      'Endpoint error of the mean and covariance of n tokens (root mean square over samples) under controls that were found for the Gaussian law. Attention tilts the law by about √(d + mᵀΣ⁻¹m): where that comes near √(2 ln n), n tokens follow more slowly than n^(−1/2).',
    x: { label: 'tokens n', scale: 'log', base: 2 },
    y: { label: '|m_n − m_1| + |Σ_n − Σ_1|', scale: 'log' },
    marks: [
      {
        kind: 'reference',
        label: 'slope −1/2',
        x: first.counts,
        y: first.counts.map((n) => 0.7 * first.errors[last] * Math.sqrt(first.counts[last] / n)),
      },
      ...loops.flatMap(({ realisation, counts, errors }) => [
        { kind: 'line' as const, series: realisation, x: counts, y: errors },
        { kind: 'dots' as const, series: realisation, x: counts, y: errors },
      ]),
    ],
  };
}
