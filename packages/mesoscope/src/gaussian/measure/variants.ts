import type { Backend } from '../../kernels/backend.ts';
import { gaussian } from '../../law/law.ts';
import { sampleLaw } from '../../law/sample.ts';
import { spectralNorm, symmetricEigen } from '../../numeric/decompositions.ts';
import {
  diagonal,
  frobeniusNorm,
  fromRows,
  identity,
  type Matrix,
  multiply,
  multiplyVector,
  scale,
  subtract,
  symmetricPart,
  trace,
  transpose,
} from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { affineVelocity } from '../closure.ts';
import { depthsUpTo, type GaussianFlow, gaussianFlow } from '../gaussian-flow.ts';
import { actingHeads, attends, distanceHead, type GaussianLayer, gaussianLayer } from '../layer.ts';
import { saturation } from '../moment-field.ts';
import { integrateMoments } from '../moment-flow.ts';
import { factored } from '../moments.ts';
import { randomLaw } from '../random-flows.ts';
import { randomMatrix } from '../random-matrices.ts';
import { sinkhornVelocity } from '../sinkhorn-particles.ts';
import { endClouds, endLaw, enoughSteps, momentErrors } from './cloud-errors.ts';
import type { Compared } from './compared.ts';
import { weightGrowth } from './weight-growth.ts';

/** Relative marginal error to which weights are made doubly stochastic. */
export const scalingTolerance = 1e-6;

/** Fraction of the largest eigenvalue of KᵀK from which K counts as injective. */
export const injective = 1e-12;

/** What clouds and closures of l2 or sinkhorn attention do. */
export interface VariantRecord {
  readonly attention: string;
  /** Relative errors of n tokens: of the moments at the end (l2), of the moments' velocities at the start (sinkhorn). */
  readonly errors: readonly number[];
  /** Root mean square relative error of the velocities of single tokens; null for l2. */
  readonly velocityErrors: readonly number[] | null;
  /** Largest relative marginal error of the doubly stochastic weights; null for l2. */
  readonly marginalError: number | null;
  /** Largest correlation τ between a token and its tilted mean, over heads; null for l2. */
  readonly correlation: number | null;
  /** {@link weightGrowth}: largest along the flow (l2), at the start (sinkhorn). */
  readonly weightGrowth: number;
  /** Smallest eigenvalue of 2βKᵀK over all heads, over the largest: 0 where K is not injective. */
  readonly keyInjectivity: number | null;
  readonly blowUpTime: number | null;
  /** How the integration of the closure ended. */
  readonly ended: string;
  /** Whether attention moves anything. */
  readonly attends: boolean;
  readonly times: readonly number[];
  readonly traces: readonly number[];
  /** Exponential bounds of the traces; empty where there are none. */
  readonly bounds: readonly number[];
}

/**
 * A rate c with `tr Σ(t) ≤ e^{2ct} tr Σ_0`: for l2 `|W| + Σ|V_h||B_h|/λ_min(A_h)`, since `(Σ^{-1} + A)^{-1} ⪯ A^{-1}`; for sinkhorn
 * `|W| + Σ|V_h|`, since the cross-covariance `TΣ = Σ^{1/2}P diag(τ)RᵀΣ^{1/2}`, τ < 1, has trace norm at most tr Σ. Infinite for
 * softmax, and for l2 where K is not injective: there is no such rate.
 */
export function growthRate(layer: GaussianLayer): number {
  const { attention, W } = layer;
  return actingHeads(layer).reduce((sum, { V, B, keyMetric }) => {
    if (attention === 'softmax') return Number.POSITIVE_INFINITY;
    if (keyMetric === undefined) return sum + spectralNorm(V);
    const { values } = symmetricEigen(keyMetric);
    return relativeSmallest(keyMetric) > injective
      ? sum + (spectralNorm(V) * spectralNorm(B)) / values[0]
      : Number.POSITIVE_INFINITY;
  }, spectralNorm(W));
}

function relativeSmallest(A: Matrix): number {
  const { values } = symmetricEigen(A);
  return values[0] / values[values.length - 1];
}

export interface VariantOptions {
  /** Numbers of tokens n. */
  readonly tokens: readonly number[];
  /** Independent clouds for each n. */
  readonly samples: number;
  readonly seed: number;
}

/**
 * Measures one layer of l2 or sinkhorn attention; under softmax nothing is moved.
 *
 * @param rateOf - of the exponential bound; others than {@link growthRate} are what a comparison must notice
 */
export function measureVariant(
  backend: Backend,
  flow: GaussianFlow,
  options: VariantOptions,
  rateOf: (layer: GaussianLayer) => number = growthRate,
): VariantRecord {
  const { layer, start, horizon } = flow;
  const closure = integrateMoments(layer, start, { horizon });
  const rate = rateOf(layer);
  const times = depthsUpTo(closure.time, 60);
  const traces = times.map((t) => frobeniusNorm(closure.at(t).factor) ** 2);
  const metrics = actingHeads(layer).flatMap(({ keyMetric }) => keyMetric ?? []);
  const sinkhorn = layer.attention === 'sinkhorn';
  const moved = sinkhorn
    ? sinkhornErrors(flow, options)
    : {
        errors: l2Errors(backend, flow, options, closure),
        velocityErrors: null,
        marginalError: null,
      };
  return {
    attention: layer.attention,
    ...moved,
    correlation: sinkhorn ? largestCorrelation(layer, start.factor) : null,
    weightGrowth: Math.max(
      ...(sinkhorn ? [0] : times).map((t) => weightGrowth(layer, closure.at(t).factor)),
    ),
    keyInjectivity: metrics.length === 0 ? null : Math.min(...metrics.map(relativeSmallest)),
    blowUpTime: closure.blowUpTime,
    ended: closure.status.kind,
    attends: attends(layer),
    times,
    traces,
    bounds: Number.isFinite(rate) ? times.map((t) => traces[0] * Math.exp(2 * rate * t)) : [],
  };
}

/** What was measured of all layers, by name. */
export function variantNumbers(records: readonly VariantRecord[]) {
  return {
    'sinkhorn.velocityErrors': records.flatMap((one) =>
      one.velocityErrors === null ? [] : [one.velocityErrors],
    ),
    'sinkhorn.correlation': records.flatMap((one) => one.correlation ?? []),
    weightGrowth: records.map((one) => one.weightGrowth),
    'growth.ratioToBoundAtEnd': records.flatMap(({ traces, bounds }) =>
      bounds.length === 0 ? [] : [traces[traces.length - 1] / bounds[bounds.length - 1]],
    ),
  };
}

/** `τ = (√(1 + 4l²) − 1)/2l` of the largest singular value l of `LᵀB_hL`. */
function largestCorrelation(layer: GaussianLayer, L: Matrix): number {
  return Math.max(
    0,
    ...actingHeads(layer).map(({ B }) => saturation(spectralNorm(multiply(transpose(L), B, L)))),
  );
}

function l2Errors(
  backend: Backend,
  flow: GaussianFlow,
  { tokens: counts, samples, seed }: VariantOptions,
  closure: { readonly status: { readonly kind: string } },
): readonly number[] {
  if (flow.layer.attention !== 'l2' || closure.status.kind !== 'completed') return [];
  const steps = enoughSteps(backend, flow, { counts, seed });
  if (steps === null) return [];
  return momentErrors(endClouds(backend, flow, { counts, samples, steps, seed }), endLaw(flow));
}

/** Root mean square errors over clouds: of the velocities of mean and covariance, and of those of single tokens. */
function sinkhornErrors(
  { layer, law, start }: GaussianFlow,
  { tokens, samples, seed }: VariantOptions,
) {
  let marginalError = 0;
  const { T: U, a: c } = affineVelocity(layer, start);
  const drift = multiplyVector(U, law.mean).map((entry, i) => entry + c[i]);
  const growth = scale(2, symmetricPart(multiply(U, law.covariance)));
  const unit = Math.sqrt(trace(law.covariance));
  const errors: number[] = [];
  const velocityErrors: number[] = [];
  for (const n of tokens) {
    let momentSquares = 0;
    let error = 0;
    let size = 0;
    for (let k = 0; k < samples; k++) {
      const stream = randomStream(seed, `cloud of ${n}`, k);
      const points = sampleLaw(gaussian(law.mean, law.covariance), n, stream);
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
      const seen = momentVelocities(points, velocity);
      const shift = Math.hypot(...seen.mean.map((entry, i) => entry - drift[i]));
      const change = frobeniusNorm(subtract(seen.covariance, growth));
      momentSquares += ((shift + change / unit) / unit) ** 2 / samples;
    }
    errors.push(Math.sqrt(momentSquares));
    velocityErrors.push(Math.sqrt(error / size));
  }
  return { errors, velocityErrors, marginalError };
}

/** `ṁ` and `Σ̇` of n tokens from their velocities. */
function momentVelocities(points: Matrix, velocity: Matrix) {
  const n = points.rows;
  const d = points.columns;
  const means = [points, velocity].map(({ data }) => {
    const mean = new Float64Array(d);
    data.forEach((entry, k) => {
      mean[k % d] += entry / n;
    });
    return mean;
  });
  const centred = points.data.map((entry, k) => entry - means[0][k % d]);
  const across = multiply(transpose(velocity), { ...points, data: centred });
  return { mean: means[1], covariance: scale(2 / n, symmetricPart(across)) };
}

/**
 * l2 attention whose keys see one direction only, `K = (1 0)`, `Q = (0 1)`, `V = diag(0, 1)`: its covariance blows up at
 * `1/(κΣ_12)`, `κ = 2β/(1 + 2βΣ_11)`, though l2 attention with injective keys never does.
 */
export function blindKeyBlowUp(beta = 0.8) {
  const covariance = fromRows([
    [1, 0.6],
    [0.6, 1.4],
  ]);
  const [Q, K] = [fromRows([[0, 1]]), fromRows([[1, 0]])];
  const layer = gaussianLayer({
    attention: 'l2',
    heads: [distanceHead({ V: diagonal([0, 1]), Q, K, scale: beta })],
  });
  const predicted = (1 + 2 * beta) / (2 * beta * 0.6);
  const law = { mean: new Float64Array(2), covariance };
  const [fine, coarse] = [1e-11, 1e-9].map((relativeTolerance) => {
    const options = { horizon: 2 * predicted, dense: false, relativeTolerance };
    return integrateMoments(layer, law, options).blowUpTime;
  });
  const compared: Compared = {
    difference: Math.abs((fine ?? Number.POSITIVE_INFINITY) - predicted),
    uncertainty: Math.abs((coarse ?? Number.POSITIVE_INFINITY) - (fine ?? 0)),
    scale: predicted,
  };
  return { predicted, integrated: fine, compared };
}

/**
 * Two heads of l2 (even index) or sinkhorn attention (odd). Queries of l2 are made shorter until the growth of the weights stays
 * below 0.4 along the flow, so that the hypothesis, below ½, is met at every seed.
 */
export function randomVariantFlow(seed: number, index: number, horizon: number): GaussianFlow {
  const stream = randomStream(seed, 'C.variants', index);
  const d = 1 + (Math.floor(index / 2) % 3);
  const entry = (size: number) => randomMatrix(stream, d, d, size / Math.sqrt(d));
  const attention = index % 2 === 0 ? 'l2' : 'sinkhorn';
  const law = randomLaw(stream, d);
  const L = factored(law).factor;
  const matrices = [0, 1].map(() => {
    const V = entry(0.5);
    if (attention === 'sinkhorn') return { V, Q: entry(0.6), K: identity(d) };
    const K = entry(0.4);
    // Keys that see every direction well, so that the bound is not idle.
    for (let i = 0; i < d; i++) K.data[i * d + i] += 0.8;
    return { V, Q: entry(0.5), K };
  });
  const W = entry(0.3);
  const b = stream.normals(new Float64Array(d));
  const start = { ...law, mean: law.mean.map((entry) => 0.5 * entry) };
  const flowOf = (share: number) => {
    const heads = matrices.map(({ V, Q, K }) =>
      attention === 'sinkhorn'
        ? // LᵀBL of norm ½: correlation 0.41.
          { V, B: scale(0.5 / spectralNorm(multiply(transpose(L), Q, L)), Q) }
        : distanceHead({ V, Q: scale(share, Q), K, scale: 0.5 }),
    );
    return gaussianFlow(gaussianLayer({ attention, heads, W, b }), start, horizon);
  };
  let share = 1;
  while (attention === 'l2' && growthAlong(flowOf(share)) > 0.4) share *= 0.75;
  return flowOf(share);
}

function growthAlong({ layer, start, horizon }: GaussianFlow): number {
  const closure = integrateMoments(layer, start, { horizon });
  const growths = depthsUpTo(closure.time, 60).map((t) =>
    weightGrowth(layer, closure.at(t).factor),
  );
  return Math.max(...growths);
}
