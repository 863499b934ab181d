import { affineVelocity } from '../../gaussian/closure.ts';
import type { GaussianLayer } from '../../gaussian/layer.ts';
import { saturation } from '../../gaussian/moment-field.ts';
import { integrateMoments } from '../../gaussian/moment-flow.ts';
import { sinkhornVelocity } from '../../gaussian/sinkhorn-particles.ts';
import { gaussian } from '../../law/law.ts';
import { sampleLaw } from '../../law/sample.ts';
import { spectralNorm, symmetricEigen } from '../../numeric/decompositions.ts';
import { frobeniusNorm, type Matrix, multiply, transpose } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import type { ClaimContext } from '../legacy.ts';
import { endClouds, endLaw, momentErrors } from './cloud-errors.ts';
import { depthsUpTo, type GaussianFlow } from './flow-instance.ts';

/**
 * Correlation below which the mean square error of n tokens has a finite variance. At a token x the weights of the n tokens have a variance
 * `∝ e^{cx²}`, `c = τ²/(1 + τ²)` for x in standard units; its mean square over x ~ N(0, 1) is finite for 2c < ½, that is
 * τ² < 1/3. Beyond it the errors of finite samples fall more slowly than n^{−1/2}.
 */
export const correlationLimit = 1 / Math.sqrt(3);

/** `τ = (√(1 + 4l²) − 1)/2l` of the largest singular value l of `LᵀB_hL`. */
export function largestCorrelation({ heads }: GaussianLayer, L: Matrix): number {
  return Math.max(
    0,
    ...heads.map(({ B }) => saturation(spectralNorm(multiply(transpose(L), B, L)))),
  );
}

/** Relative marginal error to which weights are made doubly stochastic. */
export const scalingTolerance = 1e-6;

export interface VariantRecord {
  readonly attention: string;
  /** Errors of n tokens. */
  readonly errors: readonly number[];
  /** Largest relative marginal error of the doubly stochastic weights; null for l2. */
  readonly marginalError: number | null;
  /** Largest correlation τ between a token and its tilted mean, over heads; null for l2. */
  readonly correlation: number | null;
  /** Smallest eigenvalue of 2βKᵀK over all heads, over the largest: 0 where K is not injective. */
  readonly keyInjectivity: number | null;
  /** Largest tr Σ(t) over its exponential bound; it is 1 at depth 0. */
  readonly growthRatio: number;
  /** The same ratio at the end; null where there is no bound. */
  readonly endRatio: number | null;
  readonly blowUpTime: number | null;
  /** How the integration of the closure ended. */
  readonly ended: string;
  readonly times: readonly number[];
  readonly traces: readonly number[];
  readonly bounds: readonly number[];
}

/**
 * A rate c with `tr Σ(t) ≤ e^{2ct} tr Σ_0`: for l2 `|W| + Σ|V_h||B_h|/λ_min(A_h)`, since `(Σ^{-1} + A)^{-1} ⪯ A^{-1}`; for sinkhorn
 * `|W| + Σ|V_h|`, since the cross-covariance `TΣ = Σ^{1/2}P diag(τ)RᵀΣ^{1/2}`, τ < 1, has trace norm at most tr Σ. Infinite for
 * softmax, and for l2 where K is not injective: there is no such rate.
 */
export function growthRate({ attention, heads, W }: GaussianLayer): number {
  return heads.reduce((sum, { V, B, keyMetric }) => {
    if (attention === 'softmax') return Number.POSITIVE_INFINITY;
    if (keyMetric === undefined) return sum + spectralNorm(V);
    const { values } = symmetricEigen(keyMetric);
    return relativeSmallest(keyMetric) > injective
      ? sum + (spectralNorm(V) * spectralNorm(B)) / values[0]
      : Number.POSITIVE_INFINITY;
  }, spectralNorm(W));
}

/** Fraction of the largest eigenvalue of KᵀK from which K counts as injective. */
export const injective = 1e-12;

function relativeSmallest(A: Matrix): number {
  const { values } = symmetricEigen(A);
  return values[0] / values[values.length - 1];
}

export interface VariantScale {
  readonly counts: readonly number[];
  readonly samples: number;
}

export function measureVariant(
  { backend, seed }: Pick<ClaimContext<unknown>, 'backend' | 'seed'>,
  flow: GaussianFlow,
  { counts, samples }: VariantScale,
  index: number,
): VariantRecord {
  const { layer, start, horizon } = flow;
  const closure = integrateMoments(layer, start, { horizon });
  const rate = growthRate(layer);
  const times = depthsUpTo(closure.time, 60);
  const traces = times.map((t) => frobeniusNorm(closure.at(t).factor) ** 2);
  const bounds = times.map((t) => traces[0] * Math.exp(2 * rate * t));
  const metrics = layer.heads.flatMap(({ keyMetric }) => keyMetric ?? []);
  const seen = {
    ...flow,
    horizon: closure.status.kind === 'completed' ? horizon : 0.5 * closure.time,
  };
  const own = 1000 * seed + index;
  const { errors, marginalError } =
    layer.attention === 'sinkhorn'
      ? sinkhornErrors(flow, counts, samples, own)
      : {
          errors: momentErrors(
            endClouds(backend, seen, { counts, samples, steps: 6, seed: own }),
            endLaw(seen),
          ),
          marginalError: null,
        };
  return {
    attention: layer.attention,
    errors,
    marginalError,
    correlation: layer.attention === 'sinkhorn' ? largestCorrelation(layer, start.factor) : null,
    keyInjectivity: metrics.length === 0 ? null : Math.min(...metrics.map(relativeSmallest)),
    growthRatio: Number.isFinite(rate) ? Math.max(...traces.map((s, k) => s / bounds[k])) : 0,
    endRatio: Number.isFinite(rate) ? traces[traces.length - 1] / bounds[bounds.length - 1] : null,
    blowUpTime: closure.blowUpTime,
    ended: closure.status.kind,
    times,
    traces,
    bounds: Number.isFinite(rate) ? bounds : [],
  };
}

/** Root mean square error of the velocities of n tokens, over that of the closure's velocities. */
function sinkhornErrors(
  { layer, law, start }: GaussianFlow,
  counts: readonly number[],
  samples: number,
  seed: number,
): { readonly errors: number[]; readonly marginalError: number } {
  let marginalError = 0;
  const { T: U, a: c } = affineVelocity(layer, start);
  const sampled = gaussian(law.mean, law.covariance);
  const errors = counts.map((n) => {
    let error = 0;
    let size = 0;
    for (let k = 0; k < samples; k++) {
      const points = sampleLaw(sampled, n, randomStream(seed, `cloud of ${n}`, k));
      const { velocity, ...scaling } = sinkhornVelocity(layer, points, {
        tolerance: scalingTolerance,
      });
      marginalError = Math.max(marginalError, scaling.marginalError);
      const expected = multiply(points, transpose(U));
      velocity.data.forEach((v, i) => {
        const closure = expected.data[i] + c[i % c.length];
        error += (v - closure) ** 2;
        size += closure ** 2;
      });
    }
    return Math.sqrt(error / size);
  });
  return { errors, marginalError };
}
