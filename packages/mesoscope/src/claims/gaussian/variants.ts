import * as z from 'zod';
import { flowOfInstance } from '../../gaussian/gaussian-flow.ts';
import { slopeBias } from '../../gaussian/measure/slope-bias.ts';
import {
  blindKeyBlowUp,
  injective,
  measureVariant,
  randomVariantFlow,
  scalingTolerance,
  type VariantRecord,
} from '../../gaussian/measure/variants.ts';
import { finiteWeightVariance } from '../../gaussian/measure/weight-growth.ts';
import { gaussianFlowFields, headComplaints } from '../../gaussian/schema.ts';
import { agreement, bound } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount, increasing } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { decayInWords, sampledOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { completed, horizonField, largestOf } from './conditions.ts';

const variantLayers = experiments({
  label: 'layers',
  shared: {
    horizon: horizonField(1),
    tokens: increasing([32, 64, 128, 256], 4, 'numbers of tokens n', 2),
    samples: z.int().min(2).default(10).describe('independent clouds for each n and group'),
  },
  own: { layers: experimentCount(24, 'random layers, of l2 and sinkhorn attention by turns', 4) },
  data: {
    ...gaussianFlowFields,
    groups: z.int().min(2).default(6).describe('independent groups of clouds'),
  },
  full: { layers: 60, samples: 12, tokens: [64, 128, 256, 512] },
  check: (given) => (given.explicit ? headComplaints(given) : []),
  pieces: (given) => (given.explicit ? given.groups : given.layers),
});
type VariantLayers = ReturnType<typeof variantLayers.parse>;

export function variantsConclusion(
  { tokens, explicit }: Pick<VariantLayers, 'tokens' | 'explicit'>,
  records: readonly VariantRecord[],
): Conclusion {
  const attentions = [...new Set(records.map((one) => one.attention))];
  const moved = records.filter(({ errors }) => errors.length > 0);
  const rowsOf = (attention: string) =>
    moved.filter((one) => one.attention === attention).map((one) => one.errors);
  const orders = attentions.map((attention) =>
    sampledOrder({
      name: `order of the error of n tokens, ${attention}`,
      failsIf: 'n tokens do not tend to the closure, or more slowly than n^(−1/2)',
      ...{ scales: tokens, rows: rowsOf(attention), bias: slopeBias(tokens) },
      ...{ order: -0.5, side: 'at least as fast', among: attentions.length },
    }),
  );
  const growth = bound({
    name: 'tr Σ(t) over its exponential bound, t > 0',
    failsIf: 'a closure grows faster than the exponential bound',
    pairs: records.flatMap(({ traces, bounds }) =>
      bounds.slice(1).map((value, k) => ({ value: traces[k + 1], bound: value })),
    ),
    uncertainty: 1e-9,
  });
  const blind = explicit ? null : blindKeyBlowUp();
  const counterexample =
    blind === null
      ? []
      : [
          agreement({
            name: 'blow-up of l2 attention with keys that are not injective: predicted and integrated',
            failsIf: 'the depth at which this closure blows up is not 1/(κΣ₁₂)',
            of: [blind.compared],
          }),
        ];
  const variance = largestOf(records, (one) => one.weightGrowth);
  const injectivities = records.flatMap((one) => one.keyInjectivity ?? []);
  const blowUps = records.flatMap((one) => one.blowUpTime ?? []);
  const still = records.every((one) => !one.attends);
  const measuredOrders = orders.map((found, k) => `${decayInWords('n', found)} (${attentions[k]})`);
  return {
    hypotheses: [
      {
        name: 'l2 or sinkhorn attention',
        holds: !attentions.includes('softmax'),
        value: attentions.join(', '),
      },
      {
        name: 'K injective in every l2 head (smallest over largest eigenvalue of KᵀK)',
        holds: injectivities.every((value) => value > injective),
        value: injectivities.length === 0 ? 'no l2 head' : Math.min(...injectivities),
      },
      {
        name: 'weights whose variance has a finite mean over tokens (largest exponent, below 1/2)',
        holds: variance < finiteWeightVariance,
        value: variance,
      },
    ],
    resolution: [
      completed('the closure', records),
      {
        name: 'the steps of the tokens are fine enough for the largest cloud',
        holds: moved.length === records.length,
        value: `${moved.length} of ${records.length}`,
      },
      {
        name: 'the doubly stochastic weights converged (largest marginal error)',
        holds: largestOf(records, (one) => one.marginalError ?? 0) <= scalingTolerance,
        value: largestOf(records, (one) => one.marginalError ?? 0),
      },
      notTrivial(still ? 'attention moves no token here' : undefined),
    ],
    checks: [...orders, growth, ...counterexample],
    evidence: {
      tokens,
      ...Object.fromEntries(attentions.map((one) => [`${one}.errors`, rowsOf(one)])),
      'sinkhorn.velocityErrors': records.flatMap((one) =>
        one.velocityErrors === null ? [] : [one.velocityErrors],
      ),
      'sinkhorn.correlation': records.flatMap((one) => one.correlation ?? []),
      weightGrowth: records.map((one) => one.weightGrowth),
      'growth.ratioToBoundAtEnd': records.flatMap(({ traces, bounds }) =>
        bounds.length === 0 ? [] : [traces[traces.length - 1] / bounds[bounds.length - 1]],
      ),
      'blowUpTime.integrated': blowUps.length === 0 ? 'none' : blowUps,
      'keyNotInjective.blowUpTime.predicted': blind?.predicted ?? 'not run',
      'keyNotInjective.blowUpTime.integrated': blind?.integrated ?? 'none',
    },
    summary: `n tokens approach the closure ${measuredOrders.join(', ')}; ${blowUps.length === 0 ? `tr Σ reaches ${growth.measured.toPrecision(3)} of its exponential bound` : `the closure blows up at depth ${blowUps[0].toPrecision(8)}`}.`,
    figures: [
      convergenceFigure({
        id: 'C.variants',
        title: 'L2 and Sinkhorn attention keep laws Gaussian too',
        caption:
          'Relative error of the moments of n tokens against the Gaussian closure: at the end (l2), of their velocities (sinkhorn). Bands: range over random layers.',
        ...{ scale: 'tokens n', quantity: 'relative error' },
        curves: attentions.map((series) => ({
          ...{ series, scales: tokens, rows: rowsOf(series), slope: -0.5 },
        })),
      }),
      ...growthFigure(records.filter((one) => one.bounds.length > 0)),
    ],
  };
}

function growthFigure(records: readonly VariantRecord[]): Figure[] {
  const attentions = [...new Set(records.map((one) => one.attention))];
  const shown = attentions.flatMap(
    (attention) => records.find((one) => one.attention === attention) ?? [],
  );
  if (shown.length === 0) return [];
  return [
    {
      id: 'C.variants-growth',
      title: 'At most exponential growth',
      caption: 'Trace of the covariance in the closures. Dashed: the exponential bound.',
      x: { label: 'depth t' },
      y: { label: 'tr Σ', scale: 'log' },
      marks: shown.flatMap(({ attention, times, traces, bounds }) => [
        { kind: 'reference' as const, label: `bound, ${attention}`, x: times, y: bounds },
        { kind: 'line' as const, series: attention, x: times, y: traces },
      ]),
    },
  ];
}

/** The closures of l2 and sinkhorn attention (arXiv 2606.07600). */
export const variants = claim<VariantLayers, VariantRecord>({
  id: 'C.variants',
  title: 'L2 and Sinkhorn attention: closed, and at most exponential',
  statement:
    'L2 attention: tilted mean $(\\Sigma^{-1} + 2\\beta K^\\top K)^{-1}(\\Sigma^{-1}m + 2\\beta K^\\top Q x)$; Sinkhorn: $T = \\Sigma^{1/2} P \\operatorname{diag}(\\tau) R^\\top \\Sigma^{-1/2}$, $\\tau = (\\sqrt{1 + 4l^2} - 1)/2l$; n tokens follow these closures up to $O(n^{-1/2})$. For Sinkhorn, and for L2 with $K$ injective, $\\operatorname{tr}\\Sigma$ grows at most exponentially.',
  trust: { statement: 'D' },
  given: variantLayers,
  measure({ backend, given, seed, index }) {
    const { tokens, samples, horizon } = given;
    const flow = given.explicit
      ? flowOfInstance(given, horizon)
      : randomVariantFlow(seed, index, horizon);
    return measureVariant(backend, flow, { tokens, samples, seed: 10_000 * seed + index });
  },
  conclude: (records, { given }) => variantsConclusion(given, records),
});
