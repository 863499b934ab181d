import { tiltRatio } from '../../gaussian/finite-n.ts';
import { gaussianLayer } from '../../gaussian/layer.ts';
import { integrateMoments } from '../../gaussian/moment-flow.ts';
import { unfactored } from '../../gaussian/moments.ts';
import { randomMatrix } from '../../gaussian/random-matrices.ts';
import { type GaussianFlowInstance, gaussianFlowSchema } from '../../gaussian/schema.ts';
import { type MardiaTest, mardiaTest } from '../../law/distance/mardia.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { fitRate } from '../../numeric/fit.ts';
import { scale } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { endClouds, endLaw, momentErrors, nullClouds, slicedErrors } from './cloud-errors.ts';
import { depthsUpTo, flowOfInstance, type GaussianFlow, gaussianFlow } from './flow-instance.ts';
import { randomLaw } from './random-flows.ts';
import { rateFigure } from './rate-figure.ts';
import { slopeBias } from './slope-bias.ts';

/** Slope of the distance over its null in n: 0 in the Gaussian limit, 1/2 in any other. */
const gaussianGrowth = 0.25;

/** One law and layer at several n. */
interface Experiment {
  /** Errors of the moments. */
  readonly moments: readonly number[];
  /** Sliced W2 to N(m(T), Σ(T)), and the same for independent samples of that law. */
  readonly sliced: readonly number[];
  readonly null: readonly number[];
  readonly mardia: MardiaTest;
  /** Largest tilt/√(2 ln n) along the moment flow, at the smallest n. */
  readonly tilt: number;
  /** The depth of the law's blow-up before the horizon. */
  readonly blowUpTime: number | null;
  /** How the integration of the law ended. */
  readonly ended: string;
}

interface Scale {
  readonly counts: readonly number[];
  readonly samples: number;
}

function measure(
  { backend, seed }: ClaimContext<unknown>,
  flow: GaussianFlow,
  { counts, samples }: Scale,
  index: number,
): Experiment {
  const { layer, start, horizon } = flow;
  const closure = integrateMoments(layer, start, { horizon });
  const tilt = Math.max(
    ...depthsUpTo(closure.time, 20).map((t) =>
      tiltRatio(layer, unfactored(closure.at(t)), counts[0]),
    ),
  );
  // Where the law does not get to the horizon, tokens are compared with it on the way there.
  const until = closure.status.kind === 'completed' ? horizon : 0.5 * closure.time;
  const seen = { ...flow, horizon: until };
  const own = 1000 * seed + index;
  const clouds = endClouds(backend, seen, { counts, samples, steps: 6, seed: own });
  const law = endLaw(seen);
  return {
    moments: momentErrors(clouds, law),
    sliced: slicedErrors(clouds, law),
    null: slicedErrors(nullClouds(law, clouds, own), law),
    mardia: mardiaTest(clouds[clouds.length - 1][0]),
    tilt,
    blowUpTime: closure.blowUpTime,
    ended: closure.status.kind,
  };
}

/** The finding from experiments at the same numbers of tokens. */
export function invarianceFinding(
  counts: readonly number[],
  experiments: readonly Experiment[],
): Finding {
  const tilt = Math.max(...experiments.map((one) => one.tilt));
  const unfinished = experiments.find((one) => one.ended !== 'completed');
  const blowUps = experiments.flatMap((one) => one.blowUpTime ?? []);
  const assumptions = [
    {
      name: 'the law does not blow up before the horizon',
      holds: unfinished === undefined,
      value:
        blowUps.length > 0
          ? `blow-up at ${blowUps[0].toPrecision(8)}`
          : (unfinished?.ended ?? 'integrated to T'),
    },
    { name: 'tilt below √(2 ln n) (largest ratio)', holds: tilt < 1, value: tilt },
  ];
  const fit = fitRate({ x: counts, y: experiments.map((one) => one.moments) });
  const growth = fitRate({
    x: counts,
    y: experiments.map((one) => one.sliced.map((value, i) => value / one.null[i])),
  });
  const expected = { kind: 'value', value: -0.5, tolerance: slopeBias(counts) } as const;
  const judged = judge(assumptions, fit.slope, fit.interval, expected);
  const gaussian = (growth.interval?.[0] ?? growth.slope) <= gaussianGrowth;
  const verdict = judged === 'holds' && !gaussian ? 'fails' : judged;
  const last = counts.length - 1;
  return {
    assumptions,
    evidence: {
      tokens: counts,
      'moments.error': experiments.map((one) => one.moments),
      'slicedDistance.value': experiments.map((one) => one.sliced),
      'slicedDistance.null': experiments.map((one) => one.null),
      'slicedDistance.growthOverNull': growth.slope,
      'slicedDistance.growthInterval': growth.interval ?? [growth.slope, growth.slope],
      'mardia.skewness.pValue': experiments.map((one) => one.mardia.skewness.pValue),
      'mardia.kurtosis.pValue': experiments.map((one) => one.mardia.kurtosis.pValue),
      'mardia.tokens': counts[last],
      'tilt.largestRatio': tilt,
      ...(blowUps.length === 0 ? {} : { 'blowUpTime.integrated': blowUps[0] }),
    },
    measured: fit.slope,
    expected,
    interval: fit.interval,
    verdict,
    summary: gaussian
      ? `The moments of n tokens approach the moment flow like n^${fit.slope.toFixed(3)}; the cloud stays as near to N(m, Σ) as a Gaussian sample does (${(experiments.reduce((sum, one) => sum + one.sliced[last] / one.null[last], 0) / experiments.length).toFixed(2)} of the null at n = ${counts[last]}).`
      : `The cloud departs from the Gaussian law: its distance over that of a Gaussian sample grows like n^${growth.slope.toFixed(2)}.`,
    figures: [
      rateFigure({
        id: 'C.invariance',
        title: 'A Gaussian cloud stays Gaussian',
        caption:
          'Relative error of the moments of n tokens, and sliced W2 from n tokens to N(m, Σ) beside that of independent Gaussian samples (the null), in units of √(trΣ/d). Bands: range over random layers.',
        quantity: 'relative error',
        counts,
        curves: [
          { series: 'moments', rows: experiments.map((one) => one.moments) },
          { series: 'sliced W2', rows: experiments.map((one) => one.sliced) },
          { series: 'sliced W2, null', rows: experiments.map((one) => one.null) },
        ],
      }),
    ],
  };
}

/** Two heads that tilt the initial law by 0.15 of what 64 tokens can follow, and values too small to raise that much. */
function randomFlow(seed: number, index: number): GaussianFlow {
  const stream = randomStream(seed, 'C.invariance', index);
  const d = 1 + (index % 3);
  const matrixOfNorm = (size: number) => {
    const matrix = randomMatrix(stream, d, d);
    return scale(size / spectralNorm(matrix), matrix);
  };
  const law = randomLaw(stream, d);
  const heads = [0, 1].map(() => {
    const V = matrixOfNorm(0.2);
    const B = randomMatrix(stream, d, d);
    const tilt = tiltRatio(gaussianLayer({ heads: [{ V, B }] }), law, 64);
    return { V, B: scale(0.15 / tilt, B) };
  });
  const b = stream.normals(new Float64Array(d)).map((entry) => 0.3 * entry);
  return gaussianFlow(gaussianLayer({ heads, W: matrixOfNorm(0.2), b }), law, 1);
}

async function run(context: ClaimContext<GaussianFlowInstance>): Promise<Finding> {
  const { instance, seed, setting } = context;
  const full = setting === 'full';
  const counts = full ? [64, 128, 256, 512, 1024] : [64, 128, 256, 512];
  if (instance !== undefined) {
    const flow = flowOfInstance(instance);
    const samples = full ? 16 : 8;
    const experiments = await overExperiments(context, 6, 'groups of samples', (index) =>
      measure(context, flow, { counts, samples }, index),
    );
    return invarianceFinding(counts, experiments);
  }
  const experiments = await overExperiments(context, full ? 36 : 18, 'random layers', (index) =>
    measure(context, randomFlow(seed, index), { counts, samples: full ? 16 : 10 }, index),
  );
  return invarianceFinding(counts, experiments);
}

/** Gaussian token laws stay Gaussian (arXiv 2606.07600). */
export const invariance = legacy<GaussianFlowInstance>({
  id: 'C.invariance',
  paper: 'C',
  title: 'Gaussian in, Gaussian out',
  statement:
    'For $\\mu = N(m,\\Sigma)$ the tilted mean is $m + \\Sigma B x$, so the law stays Gaussian with $\\dot m = Um + \\hat V m + b$, $\\dot\\Sigma = U\\Sigma + \\Sigma U^\\top$, $U = \\sum_h V_h\\Sigma B_h + W$; n tokens follow it up to $O(n^{-1/2})$ while the tilt stays below $\\sqrt{2\\ln n}$.',
  trust: 'P',
  quantity: 'log–log slope of the moment error in n',
  instance: gaussianFlowSchema,
  run,
});
