import { distanceHead, gaussianLayer } from '../../gaussian/layer.ts';
import { integrateMoments } from '../../gaussian/moment-flow.ts';
import { factored } from '../../gaussian/moments.ts';
import { randomMatrix } from '../../gaussian/random-matrices.ts';
import { type GaussianFlowInstance, gaussianFlowSchema } from '../../gaussian/schema.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { fitRate, type RateFit } from '../../numeric/fit.ts';
import { diagonal, fromRows, multiply, scale, transpose } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import {
  type Assumption,
  type ClaimContext,
  type Evidence,
  type Finding,
  judge,
  legacy,
} from '../legacy.ts';
import { flowOfInstance, type GaussianFlow, gaussianFlow } from './flow-instance.ts';
import { randomLaw } from './random-flows.ts';
import { rateFigure } from './rate-figure.ts';
import { slopeBias } from './slope-bias.ts';
import {
  correlationLimit,
  injective,
  measureVariant,
  scalingTolerance,
  type VariantRecord,
} from './variant-record.ts';

/** l2 attention with `K = (1 0)`, `Q = (0 1)`, `V = diag(0, 1)`: predicted and integrated blow-up. */
function counterexample() {
  const beta = 0.8;
  const covariance = fromRows([
    [1, 0.6],
    [0.6, 1.4],
  ]);
  const head = distanceHead({
    V: diagonal([0, 1]),
    Q: fromRows([[0, 1]]),
    K: fromRows([[1, 0]]),
    scale: beta,
  });
  const layer = gaussianLayer({ attention: 'l2', heads: [head] });
  const kappa = (2 * beta) / (1 + 2 * beta);
  const predicted = 1 / (kappa * 0.6);
  const { blowUpTime } = integrateMoments(
    layer,
    { mean: new Float64Array(2), covariance },
    { horizon: 2 * predicted, dense: false },
  );
  return { predicted, integrated: blowUpTime };
}

/** The finding from layers of l2 and sinkhorn attention. */
export function variantsFinding(
  counts: readonly number[],
  records: readonly VariantRecord[],
): Finding {
  const variants = [...new Set(records.map((one) => one.attention))];
  const closed = records.every((one) => one.attention !== 'softmax');
  const injectivities = records.flatMap((one) => one.keyInjectivity ?? []);
  const assumptions: Assumption[] = [
    { name: 'l2 or sinkhorn attention', holds: closed, value: variants.join(', ') },
    {
      name: 'K injective in every l2 head (smallest over largest eigenvalue of KᵀK)',
      holds: injectivities.every((value) => value > injective),
      value: injectivities.length === 0 ? 'no l2 head' : Math.min(...injectivities),
    },
  ];
  const lost = records.find(({ ended }) => ended !== 'completed' && ended !== 'event');
  assumptions.push({
    name: 'the closure is integrated to the horizon, or to a blow-up',
    holds: lost === undefined,
    value: lost?.ended ?? 'yes',
  });
  const marginalErrors = records.flatMap((one) => one.marginalError ?? []);
  if (marginalErrors.length > 0) {
    const worst = Math.max(...marginalErrors);
    assumptions.push({
      name: 'the doubly stochastic weights converged (largest marginal error)',
      holds: worst <= scalingTolerance,
      value: worst,
    });
  }
  const correlations = records.flatMap((one) => one.correlation ?? []);
  if (correlations.length > 0) {
    const worst = Math.max(...correlations);
    assumptions.push({
      name: 'correlation τ of every sinkhorn head below 1/√3, so that mean square errors have a variance (largest)',
      holds: worst < correlationLimit,
      value: worst,
    });
  }
  const fits = variants.map((attention) => ({
    attention,
    fit: fitRate({
      x: counts,
      y: records.filter((one) => one.attention === attention).map((one) => one.errors),
    }),
  }));
  const bias = slopeBias(counts);
  const worst = fits.reduce((a, b) =>
    departure(b.fit, bias) > departure(a.fit, bias) ? b : a,
  ).fit;
  const expected = { kind: 'value', value: -0.5, tolerance: bias } as const;
  const judged = judge(assumptions, worst.slope, worst.interval, expected);
  const growth = Math.max(...records.map((one) => one.growthRatio));
  const endRatios = records.flatMap((one) => one.endRatio ?? []);
  const blowUps = records.flatMap((one) => one.blowUpTime ?? []);
  const bounded = growth <= 1 + 1e-9 && blowUps.length === 0;
  const own = records.length > 1 && variants.length > 1 ? counterexample() : null;
  return {
    assumptions,
    evidence: {
      tokens: counts,
      ...Object.fromEntries(
        fits.flatMap(({ attention, fit }): [string, Evidence][] => [
          [
            `${attention}.errors`,
            records.filter((one) => one.attention === attention).map((one) => one.errors),
          ],
          [`${attention}.slope`, fit.slope],
          [`${attention}.interval`, fit.interval ?? [fit.slope, fit.slope]],
        ]),
      ),
      'growth.largestRatioToBound': growth,
      'growth.ratioToBoundAtEnd': endRatios,
      'blowUpTime.integrated': blowUps.length === 0 ? 'none' : blowUps,
      ...(own === null
        ? {}
        : {
            'keyNotInjective.blowUpTime.predicted': own.predicted,
            'keyNotInjective.blowUpTime.integrated': own.integrated ?? 'none',
          }),
    },
    measured: worst.slope,
    expected,
    interval: worst.interval,
    verdict: judged === 'holds' && !bounded ? 'fails' : judged,
    summary: summary(fits, endRatios, blowUps, own),
    figures: [
      rateFigure({
        id: 'C.variants',
        title: 'L2 and Sinkhorn attention keep laws Gaussian too',
        caption:
          'Relative error of n tokens against the Gaussian closure: of the moments at the end (l2), of the velocities (sinkhorn). Bands: range over random layers.',
        quantity: 'relative error',
        counts,
        curves: variants.map((attention) => ({
          series: attention,
          rows: records.filter((one) => one.attention === attention).map((one) => one.errors),
        })),
      }),
      ...growthFigure(records),
    ],
  };
}

/** How far a fit is from slope −1/2, in units of its interval. */
function departure({ slope, interval }: RateFit, bias: number): number {
  const half = interval === null ? 1 : (interval[1] - interval[0]) / 2 + bias;
  return Math.abs(slope + 0.5) / half;
}

function summary(
  fits: readonly { readonly attention: string; readonly fit: RateFit }[],
  endRatios: readonly number[],
  blowUps: readonly number[],
  own: ReturnType<typeof counterexample> | null,
): string {
  const rates = fits
    .map(({ attention, fit }) => `${attention}: n^${fit.slope.toFixed(3)}`)
    .join(', ');
  const end =
    blowUps.length > 0
      ? `the covariance blows up at depth ${blowUps[0].toPrecision(8)}`
      : endRatios.length === 0
        ? 'there is no exponential bound'
        : `tr Σ ends at ${Math.min(...endRatios).toPrecision(2)} to ${Math.max(...endRatios).toPrecision(2)} of its exponential bound`;
  const exception =
    own === null
      ? ''
      : `; without an injective K, l2 attention does blow up, at ${own.integrated?.toPrecision(8)} (predicted ${own.predicted.toPrecision(8)})`;
  return `Tokens approach the closures (${rates}); ${end}${exception}.`;
}

function growthFigure(records: readonly VariantRecord[]) {
  const shown = records.filter((one) => one.bounds.length > 0).slice(0, 2);
  if (shown.length === 0) return [];
  return [
    {
      id: 'C.variants-growth',
      title: 'At most exponential growth',
      caption: 'Trace of the covariance in the closures. Dashed: the exponential bound.',
      x: { label: 'depth t' },
      y: { label: 'tr Σ', scale: 'log' as const },
      marks: shown.flatMap((one) => [
        {
          kind: 'reference' as const,
          label: `bound, ${one.attention}`,
          x: one.times,
          y: one.bounds,
        },
        { kind: 'line' as const, series: one.attention, x: one.times, y: one.traces },
      ]),
    },
  ];
}

function randomFlow(seed: number, index: number): GaussianFlow {
  const stream = randomStream(seed, 'C.variants', index);
  const d = 1 + (Math.floor(index / 2) % 3);
  const entry = (size: number) => randomMatrix(stream, d, d, size / Math.sqrt(d));
  const attention = index % 2 === 0 ? 'l2' : 'sinkhorn';
  const law = randomLaw(stream, d);
  const L = factored(law).factor;
  const heads = [0, 1].map(() => {
    const V = entry(0.5);
    if (attention === 'sinkhorn') {
      const B = entry(0.6);
      // LᵀBL of norm ½: correlation 0.41.
      return { V, B: scale(0.5 / spectralNorm(multiply(transpose(L), B, L)), B) };
    }
    const K = entry(0.4);
    // Keys that see every direction well, so that the bound is not idle.
    for (let i = 0; i < d; i++) K.data[i * d + i] += 0.8;
    return distanceHead({ V, Q: entry(0.5), K, scale: 0.5 });
  });
  const layer = gaussianLayer({
    attention,
    heads,
    W: entry(0.3),
    b: stream.normals(new Float64Array(d)),
  });
  return gaussianFlow(layer, { ...law, mean: law.mean.map((entry) => 0.5 * entry) }, 1);
}

async function run(context: ClaimContext<GaussianFlowInstance>): Promise<Finding> {
  const { instance, seed, setting } = context;
  const full = setting === 'full';
  const counts = full ? [64, 128, 256, 512] : [32, 64, 128, 256];
  if (instance !== undefined) {
    const flow = flowOfInstance(instance);
    const records = await overExperiments(context, 6, 'groups of samples', (index) =>
      measureVariant(context, flow, { counts, samples: full ? 12 : 8 }, index),
    );
    return variantsFinding(counts, records);
  }
  const records = await overExperiments(context, full ? 60 : 24, 'random layers', (index) =>
    measureVariant(context, randomFlow(seed, index), { counts, samples: full ? 12 : 10 }, index),
  );
  return variantsFinding(counts, records);
}

/** The closures of l2 and sinkhorn attention (arXiv 2606.07600). */
export const variants = legacy<GaussianFlowInstance>({
  id: 'C.variants',
  paper: 'C',
  title: 'L2 and Sinkhorn attention: closed, and at most exponential',
  statement:
    'L2 attention: tilted mean $(\\Sigma^{-1} + 2\\beta K^\\top K)^{-1}(\\Sigma^{-1}m + 2\\beta K^\\top Q x)$; Sinkhorn: $T = \\Sigma^{1/2} P \\operatorname{diag}(\\tau) R^\\top \\Sigma^{-1/2}$, $\\tau = (\\sqrt{1 + 4l^2} - 1)/2l$. For Sinkhorn, and for L2 with $K$ injective, $\\operatorname{tr}\\Sigma$ grows at most exponentially.',
  trust: 'D',
  quantity: 'log–log slope of the error in n',
  instance: gaussianFlowSchema,
  run,
});
