import type { Backend } from '../../kernels/backend.ts';
import { gaussian } from '../../law/law.ts';
import { sampleLaw } from '../../law/sample.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { identity, type Matrix } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { compareWithParticles, type FiniteComparison } from '../finite-n.ts';
import { type GaussianFlow, gaussianFlow } from '../gaussian-flow.ts';
import { type GaussianLayer, gaussianLayer } from '../layer.ts';
import { integrateMoments } from '../moment-flow.ts';
import { moveParticles } from '../particles.ts';

/** A cloud of n tokens next to its closure, and the bound that it cannot leave. */
export interface HullComparison extends FiniteComparison {
  readonly tokens: number;
  readonly attention: string;
  /** `e^{ct}R + |b|(e^{ct} − 1)/c`, R the largest |x_i(0)|, `c = Σ|V_h| + |W|`: no |x_i(t)| is larger. */
  readonly bounds: readonly number[];
  /** `max_i |x_i(T)|`, and by how much, relative, half as many steps change it. */
  readonly largest: number;
  readonly stepError: number;
  /** c. */
  readonly rate: number;
  /** `d log √tr Σ_n / dt` over the last quarter. */
  readonly lateRate: number;
  /** The blow-up of the law itself. */
  readonly lawBlowUp: number | null;
  readonly ended: string;
  readonly horizon: number;
}

/** `c = Σ_h |V_h| + |W|`: no token can leave the hull faster. */
export function hullSpeed({ heads, W }: GaussianLayer): number {
  return heads.reduce((sum, { V }) => sum + spectralNorm(V), spectralNorm(W));
}

function largestNorm({ rows, columns, data }: Matrix): number {
  let largest = 0;
  for (let i = 0; i < rows; i++) {
    largest = Math.max(largest, Math.hypot(...data.subarray(i * columns, (i + 1) * columns)));
  }
  return largest;
}

/** ct up to which tokens are followed: beyond it `e^{ct}` is soon no number any more, and steps are thousands. */
const farthest = 500;

/**
 * Follows a cloud up to the horizon, or four times the depth of the law's blow-up: long after it nothing new happens, and
 * `e^{ct}` becomes too large to draw; in no case beyond ct = 500.
 *
 * @param speed - c; others than {@link hullSpeed} are what a comparison must notice
 */
export function compareWithHull(
  backend: Backend,
  flow: GaussianFlow,
  { tokens, seed }: { readonly tokens: number; readonly seed: number },
  speed: (layer: GaussianLayer) => number = hullSpeed,
): HullComparison | null {
  const { layer, law, start } = flow;
  if (layer.attention === 'sinkhorn') return null;
  const { blowUpTime, status } = integrateMoments(layer, start, { horizon: flow.horizon });
  const c = speed(layer);
  const horizon = Math.min(flow.horizon, 4 * (blowUpTime ?? Infinity), farthest / c);
  const stream = randomStream(seed, 'C.finite-n', tokens);
  const points = sampleLaw(gaussian(law.mean, law.covariance), tokens, stream);
  // The mean step of Runge and Kutta's scheme must stay within its region of stability, |λ|τ < 2.7.
  const steps = Math.max(60, Math.ceil(8 * c * horizon));
  const found = compareWithParticles(backend, layer, points, { horizon, steps });
  const coarse = moveParticles(backend, layer, points, { horizon, steps: Math.ceil(steps / 2) });
  const push = Math.hypot(...layer.b);
  const radius = largestNorm(points);
  const bounds = Array.from(
    found.times,
    (t) => Math.exp(c * t) * radius + (c > 0 ? (push * Math.expm1(c * t)) / c : push * t),
  );
  const largest = largestNorm(found.points);
  const last = bounds.length - 1;
  const from = Math.floor(0.75 * last);
  const growth = Math.log(found.particleTrace[last] / found.particleTrace[from]);
  return {
    ...found,
    tokens,
    bounds,
    largest,
    horizon,
    attention: layer.attention,
    stepError: Math.abs(largestNorm(coarse) / largest - 1),
    rate: c,
    lateRate: growth / (2 * (found.times[last] - found.times[from])),
    lawBlowUp: blowUpTime,
    ended: status.kind,
  };
}

/** One attracting head on R²: the closure blows up at depth 1/2 from Σ_0 = I. */
export function attractingFlow(horizon: number): GaussianFlow {
  const layer = gaussianLayer({ heads: [{ V: identity(2), B: identity(2) }] });
  return gaussianFlow(layer, { mean: new Float64Array(2), covariance: identity(2) }, horizon);
}
