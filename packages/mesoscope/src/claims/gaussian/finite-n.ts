import { compareWithParticles, type FiniteComparison } from '../../gaussian/finite-n.ts';
import { type GaussianLayer, gaussianLayer } from '../../gaussian/layer.ts';
import { integrateMoments } from '../../gaussian/moment-flow.ts';
import { type GaussianFlowInstance, gaussianFlowSchema } from '../../gaussian/schema.ts';
import { gaussian } from '../../law/law.ts';
import { sampleLaw } from '../../law/sample.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { identity, type Matrix } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import type { Figure } from '../figure.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { flowOfInstance, type GaussianFlow, gaussianFlow } from './flow-instance.ts';

interface Comparison extends FiniteComparison {
  readonly tokens: number;
  /** `√(tr Σ_n + |m|²)` never exceeds `e^{ct}R + |b|(e^{ct} − 1)/c`, R the largest |x_i(0)|, c = Σ|V_h| + |W|. */
  readonly bounds: readonly number[];
  /** Largest √(tr Σ_n) over its bound along the way, and max|x_i| over its bound at the end. */
  readonly largestRatio: number;
  /** `d log √tr Σ_n / dt` over the last quarter. */
  readonly lateRate: number;
}

/** `c = Σ_h |V_h| + |W|`: no token can leave the hull faster. */
function speed(layer: GaussianLayer): number {
  return layer.heads.reduce((sum, { V }) => sum + spectralNorm(V), spectralNorm(layer.W));
}

function largestNorm(points: Matrix): number {
  let largest = 0;
  for (let i = 0; i < points.rows; i++) {
    const row = points.data.subarray(i * points.columns, (i + 1) * points.columns);
    largest = Math.max(largest, Math.hypot(...row));
  }
  return largest;
}

function compare(
  context: ClaimContext<unknown>,
  { layer, law, horizon }: GaussianFlow,
  tokens: number,
): Comparison {
  const stream = randomStream(context.seed, 'C.finite-n', tokens);
  const points = sampleLaw(gaussian(law.mean, law.covariance), tokens, stream);
  // The mean step of Runge and Kutta's scheme must stay within its region of stability, |λ|τ < 2.7.
  const steps = Math.max(60, Math.ceil(8 * speed(layer) * horizon));
  const found = compareWithParticles(context.backend, layer, points, { horizon, steps });
  const c = speed(layer);
  const push = Math.hypot(...layer.b);
  const radius = largestNorm(points);
  const bounds = Array.from(
    found.times,
    (t) => Math.exp(c * t) * radius + (c > 0 ? (push * Math.expm1(c * t)) / c : push * t),
  );
  const ratios = bounds.map((bound, k) => Math.sqrt(found.particleTrace[k]) / bound);
  const last = bounds.length - 1;
  const from = Math.floor(0.75 * last);
  return {
    ...found,
    tokens,
    bounds,
    largestRatio: Math.max(...ratios, largestNorm(found.points) / bounds[last]),
    lateRate:
      Math.log(found.particleTrace[last] / found.particleTrace[from]) /
      (2 * (found.times[last] - found.times[from])),
  };
}

/** The finding from clouds of growing size under one layer whose closure blows up. */
export function finiteTokensFinding(
  { layer, horizon }: GaussianFlow,
  lawBlowUp: number | null,
  clouds: readonly Comparison[],
): Finding {
  const finite = clouds.every((one) => one.particleTrace.every(Number.isFinite));
  const assumptions = [
    {
      name: 'softmax attention',
      holds: layer.attention === 'softmax',
      value: layer.attention,
    },
    {
      name: 'the closure blows up before the horizon',
      holds: lawBlowUp !== null,
      value: lawBlowUp ?? `not before ${horizon}`,
    },
  ];
  const measured = finite
    ? Math.max(...clouds.map((one) => one.largestRatio))
    : Number.POSITIVE_INFINITY;
  const expected = { kind: 'at-most', value: 1 } as const;
  const verdict = judge(assumptions, measured, null, expected);
  const numbers = (of: (one: Comparison) => number | null) =>
    clouds.map((one) => of(one) ?? Number.NaN);
  return {
    assumptions,
    evidence: {
      tokens: clouds.map((one) => one.tokens),
      'blowUpTime.integrated': lawBlowUp ?? 'none',
      'closure.blowUpTimes': numbers((one) => one.blowUpTime).filter(Number.isFinite),
      departure: numbers((one) => one.departure).filter(Number.isFinite),
      'departure.tiltRatio': clouds.map((one) => {
        const k = one.times.findIndex((t) => t >= (one.departure ?? horizon));
        return one.tiltRatio[k < 0 ? one.tiltRatio.length - 1 : k];
      }),
      'particles.largestRatioToBound': clouds.map((one) => one.largestRatio),
      'particles.finalTrace': clouds.map((one) => one.particleTrace[one.particleTrace.length - 1]),
      'particles.lateGrowthRate': clouds.map((one) => one.lateRate),
      'bound.rate': speed(layer),
    },
    measured,
    expected,
    interval: null,
    verdict,
    summary:
      lawBlowUp === null
        ? `The closure does not blow up before depth ${horizon}; n tokens reach at most ${measured.toPrecision(2)} of their bound.`
        : `The closure blows up at depth ${lawBlowUp.toPrecision(4)}; n tokens live on, at most ${measured.toPrecision(3)} of the bound e^{(Σ|V_h|+|W|)t}, and grow at the end at rate ${clouds[clouds.length - 1].lateRate.toPrecision(3)}.`,
    figures: [departureFigure(clouds, lawBlowUp)],
  };
}

function departureFigure(clouds: readonly Comparison[], lawBlowUp: number | null): Figure {
  const last = clouds[clouds.length - 1];
  const ceiling = 10 * Math.max(...clouds.flatMap((one) => Array.from(one.particleTrace)));
  const kept = Array.from(last.closureTrace).filter((value) => value < ceiling).length;
  const times = Array.from(last.times);
  return {
    id: 'C.finite-n',
    title: 'The closure blows up, tokens do not',
    caption: `Trace of the covariance: the Gaussian closure (started from the moments of the largest cloud) and clouds of n tokens. Dots: where a cloud departs from its closure by 20 %.`,
    x: { label: 'depth t' },
    y: { label: 'tr Σ', scale: 'log' },
    marks: [
      ...(lawBlowUp === null
        ? []
        : [
            {
              kind: 'rule' as const,
              axis: 'x' as const,
              at: lawBlowUp,
              label: `blow-up of the law, t* = ${lawBlowUp.toPrecision(3)}`,
            },
          ]),
      {
        kind: 'line',
        series: 'Gaussian closure',
        x: times.slice(0, kept),
        y: last.closureTrace.slice(0, kept),
      },
      ...clouds.flatMap((one) => {
        const k =
          one.departure === null ? -1 : one.times.findIndex((t) => t >= (one.departure ?? 0));
        const series = `n = ${one.tokens}`;
        return [
          { kind: 'line' as const, series, x: one.times, y: one.particleTrace },
          ...(k < 0
            ? []
            : [{ kind: 'dots' as const, series, x: [one.times[k]], y: [one.particleTrace[k]] }]),
        ];
      }),
    ],
  };
}

/** One attracting head on R²: the closure blows up at depth 1/2 from Σ_0 = I. */
function ownFlow(): GaussianFlow {
  const layer = gaussianLayer({ heads: [{ V: identity(2), B: identity(2) }] });
  return gaussianFlow(layer, { mean: new Float64Array(2), covariance: identity(2) }, 1.5);
}

async function run(context: ClaimContext<GaussianFlowInstance>): Promise<Finding> {
  const { instance, setting } = context;
  let flow = instance === undefined ? ownFlow() : flowOfInstance(instance);
  const { blowUpTime } = integrateMoments(flow.layer, flow.start, { horizon: flow.horizon });
  // Long after the blow-up nothing new happens, and e^{ct} becomes too large to draw.
  if (blowUpTime !== null) flow = { ...flow, horizon: Math.min(flow.horizon, 4 * blowUpTime) };
  const counts = setting === 'full' ? [64, 256, 1024, 4096] : [64, 256, 1024];
  const clouds =
    flow.layer.attention === 'sinkhorn'
      ? []
      : await overExperiments(context, counts.length, 'clouds', (index) =>
          compare(context, flow, counts[index]),
        );
  return finiteTokensFinding(flow, blowUpTime, clouds);
}

/** n tokens stay in their hull where the Gaussian closure becomes infinite. */
export const finiteTokens = legacy<GaussianFlowInstance>({
  id: 'C.finite-n',
  paper: 'C',
  title: 'Finitely many tokens never blow up',
  statement:
    'Softmax outputs lie in the convex hull of the values, so $\\max_i |x_i(t)| \\le e^{(\\sum_h|V_h| + |W|)t}\\max_i|x_i(0)|$ (for $b = 0$), also where the closure $(m, \\Sigma)$ becomes infinite in finite depth.',
  trust: 'D',
  quantity: 'largest ratio of the spread of n tokens to the bound',
  instance: gaussianFlowSchema,
  run,
});
