import type { Backend } from '../../kernels/backend.ts';
import { type MardiaTest, mardiaTest } from '../../law/distance/mardia.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { scale } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { tiltRatio } from '../finite-n.ts';
import { depthsUpTo, type GaussianFlow, gaussianFlow } from '../gaussian-flow.ts';
import { attends, gaussianLayer } from '../layer.ts';
import { integrateMoments } from '../moment-flow.ts';
import { unfactored } from '../moments.ts';
import { randomLaw } from '../random-flows.ts';
import { randomMatrix } from '../random-matrices.ts';
import {
  endClouds,
  endLaw,
  enoughSteps,
  momentErrors,
  nullClouds,
  slicedErrors,
} from './cloud-errors.ts';
import { weightGrowth } from './weight-growth.ts';

/** How n tokens follow one law under one layer, at several n. */
export interface CloudRate {
  /** Relative errors of the moments; empty where the tokens were not moved. */
  readonly moments: readonly number[];
  /** Sliced W2 to N(m(T), Σ(T)), and the same for independent samples of that law. */
  readonly sliced: readonly number[];
  readonly null: readonly number[];
  readonly mardia: MardiaTest | null;
  /** Largest tilt/√(2 ln n) along the moment flow, at the smallest n. */
  readonly tilt: number;
  /** Largest {@link weightGrowth} along the moment flow. */
  readonly weightGrowth: number;
  /** Whether attention moves the tokens other than affinely at all. */
  readonly attends: boolean;
  /** The depth of the law's blow-up before the horizon. */
  readonly blowUpTime: number | null;
  /** How the integration of the law ended. */
  readonly ended: string;
  /** Runge–Kutta steps of the tokens; null: none that were tried are enough, so that the tokens were not moved. */
  readonly steps: number | null;
}

export interface CloudRateOptions {
  /** Numbers of tokens n. */
  readonly tokens: readonly number[];
  /** Independent clouds for each n. */
  readonly samples: number;
  readonly seed: number;
}

/** Moves clouds of n tokens under a softmax layer, and measures how far they are from the moment flow. */
export function measureCloudRate(
  backend: Backend,
  flow: GaussianFlow,
  { tokens, samples, seed }: CloudRateOptions,
): CloudRate {
  const { layer, start, horizon } = flow;
  const closure = integrateMoments(layer, start, { horizon });
  const along = depthsUpTo(closure.time, 20).map((t) => closure.at(t));
  const known = {
    tilt: Math.max(...along.map((moments) => tiltRatio(layer, unfactored(moments), tokens[0]))),
    weightGrowth: Math.max(...along.map(({ factor }) => weightGrowth(layer, factor))),
    attends: attends(layer),
    blowUpTime: closure.blowUpTime,
    ended: closure.status.kind,
  };
  const unmoved = { moments: [], sliced: [], null: [], mardia: null };
  if (layer.attention !== 'softmax' || known.ended !== 'completed') {
    return { ...unmoved, ...known, steps: null };
  }
  const steps = enoughSteps(backend, flow, { counts: tokens, seed });
  if (steps === null) return { ...unmoved, ...known, steps };
  const clouds = endClouds(backend, flow, { counts: tokens, samples, steps, seed });
  const law = endLaw(flow);
  return {
    moments: momentErrors(clouds, law),
    sliced: slicedErrors(clouds, law),
    null: slicedErrors(nullClouds(law, clouds, seed), law),
    mardia: mardiaTest(clouds[clouds.length - 1][0]),
    ...known,
    steps,
  };
}

/**
 * Two heads that tilt the initial law by at most 0.15 of what 64 tokens can follow, with `|B||Σ_0| ≤ 0.25`, and values too
 * small to raise that much; every other three laws have covariances of rank d − 1, for d > 1.
 */
export function randomTiltedFlow(seed: number, index: number, horizon: number): GaussianFlow {
  const stream = randomStream(seed, 'C.invariance', index);
  const d = 1 + (index % 3);
  const matrixOfNorm = (size: number) => {
    const matrix = randomMatrix(stream, d, d);
    return scale(size / spectralNorm(matrix), matrix);
  };
  const law = randomLaw(stream, d, index % 6 < 3 ? d : Math.max(1, d - 1));
  const heads = [0, 1].map(() => {
    const V = matrixOfNorm(0.2);
    const B = randomMatrix(stream, d, d);
    const tilt = tiltRatio(gaussianLayer({ heads: [{ V, B }] }), law, 64);
    const spread = spectralNorm(B) * spectralNorm(law.covariance);
    return { V, B: scale(Math.min(0.15 / tilt, 0.25 / spread), B) };
  });
  const b = stream.normals(new Float64Array(d)).map((entry) => 0.3 * entry);
  return gaussianFlow(gaussianLayer({ heads, W: matrixOfNorm(0.2), b }), law, horizon);
}

/** What was measured on all layers, by name. */
export function cloudNumbers(measured: readonly CloudRate[]) {
  const moved = measured.filter(({ moments }) => moments.length > 0);
  return {
    'moments.error': moved.map((one) => one.moments),
    'slicedDistance.value': moved.map((one) => one.sliced),
    'slicedDistance.null': moved.map((one) => one.null),
    'mardia.skewness.pValue': moved.map(({ mardia }) => mardia?.skewness.pValue ?? 1),
    'mardia.kurtosis.pValue': moved.map(({ mardia }) => mardia?.kurtosis.pValue ?? 1),
    'tilt.ratio': measured.map((one) => one.tilt),
    weightGrowth: measured.map((one) => one.weightGrowth),
    'tokens.steps': moved.map(({ steps }) => steps ?? 0),
  };
}
