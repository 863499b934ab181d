import type { Backend } from '../kernels/backend.ts';
import {
  frobeniusNorm,
  type Matrix,
  multiply,
  multiplyVector,
  subtract,
  trace,
  transpose,
} from '../numeric/matrix.ts';
import { actingHeads, type GaussianLayer } from './layer.ts';
import { integrateMoments, type LayerSchedule } from './moment-flow.ts';
import { factored, type GaussianMoments, unfactored } from './moments.ts';
import { moveParticles } from './particles.ts';

/**
 * `σ/√(2 log n)`, σ² the mean over x ~ N(m, Σ) of `|Σ^{1/2}Bx|²`, for the head where it is largest: the tilt that a typical
 * token exerts, in units of what n samples of a Gaussian law can follow. Above 1 the softmax of n tokens freezes on its largest
 * score, and the closure stops describing it. `σ² = tr(BᵀΣBΣ) + ⟨Bm, ΣBm⟩`. Heads of value 0 move nothing and do not count.
 */
export function tiltRatio(
  layer: GaussianLayer,
  { mean, covariance }: GaussianMoments,
  n: number,
): number {
  const squares = actingHeads(layer).map(({ B }) => {
    const Bm = multiplyVector(B, mean);
    const SigmaBm = multiplyVector(covariance, Bm);
    const shift = Bm.reduce((sum, entry, i) => sum + entry * SigmaBm[i], 0);
    return trace(multiply(transpose(B), covariance, B, covariance)) + shift;
  });
  return Math.sqrt(Math.max(0, ...squares) / (2 * Math.log(n)));
}

/** The closure next to n tokens, at the depths of the tokens' steps. */
export interface FiniteComparison {
  readonly times: Float64Array;
  /** tr Σ of the tokens. */
  readonly particleTrace: Float64Array;
  /** tr Σ of the closure; NaN is never written: the curve ends where the closure does. */
  readonly closureTrace: Float64Array;
  /** `|Σ_n − Σ|/|Σ|`, as long as the closure lives. */
  readonly relativeError: Float64Array;
  /** {@link tiltRatio} of the tokens' moments. */
  readonly tiltRatio: Float64Array;
  /** The first depth from which `relativeError` exceeds the threshold, null: never. */
  readonly departure: number | null;
  /** The closure's blow-up, null: none up to the horizon. */
  readonly blowUpTime: number | null;
  /** n × d, at the horizon. */
  readonly points: Matrix;
}

export interface FiniteComparisonOptions {
  readonly horizon: number;
  /** Default 400. */
  readonly steps?: number;
  /** Of the relative error that marks the departure; default 0.2. */
  readonly threshold?: number;
}

/**
 * Runs n tokens and the Gaussian closure side by side. The closure starts from the tokens' own mean and covariance, so that what is seen is
 * the closure's error and not the sample's.
 *
 * @param points - n × d, one token a row
 * @throws MesoscopeError as `moveParticles` and `integrateMoments`
 */
export function compareWithParticles(
  backend: Backend,
  controls: GaussianLayer | LayerSchedule,
  points: Matrix,
  { horizon, steps = 400, threshold = 0.2 }: FiniteComparisonOptions,
): FiniteComparison {
  const n = points.rows;
  const layerAt = (t: number) => ('layerAt' in controls ? controls.layerAt(t) : controls);
  const seen: { t: number; moments: GaussianMoments }[] = [];
  const end = moveParticles(backend, controls, points, {
    horizon,
    steps,
    observe: (t, moments) => seen.push({ t, moments }),
  });
  const closure = integrateMoments(controls, factored(seen[0].moments), { horizon });
  const alive = seen.filter(({ t }) => t <= closure.time);
  const covariances = alive.map(({ t }) => unfactored(closure.at(t)).covariance);
  const relativeError = Float64Array.from(
    alive,
    ({ moments }, k) =>
      frobeniusNorm(subtract(moments.covariance, covariances[k])) / frobeniusNorm(covariances[k]),
  );
  const departed = relativeError.findIndex((error) => error > threshold);
  return {
    times: Float64Array.from(seen, ({ t }) => t),
    particleTrace: Float64Array.from(seen, ({ moments }) => trace(moments.covariance)),
    closureTrace: Float64Array.from(covariances, trace),
    relativeError,
    tiltRatio: Float64Array.from(seen, ({ t, moments }) => tiltRatio(layerAt(t), moments, n)),
    departure: departed < 0 ? closure.blowUpTime : alive[departed].t,
    blowUpTime: closure.blowUpTime,
    points: end,
  };
}
