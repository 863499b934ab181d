import * as z from 'zod';
import { flowOfInstance } from '../../gaussian/gaussian-flow.ts';
import {
  type CloudRate,
  measureCloudRate,
  randomTiltedFlow,
} from '../../gaussian/measure/invariance.ts';
import { slopeBias } from '../../gaussian/measure/slope-bias.ts';
import { finiteWeightVariance } from '../../gaussian/measure/weight-growth.ts';
import { gaussianFlowFields, headComplaints } from '../../gaussian/schema.ts';
import { fitRate } from '../../numeric/fit.ts';
import { atMost, certain } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount, increasing } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, sampledOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { completed, horizonField, largestOf, softmax } from './conditions.ts';

const cloudRates = experiments({
  label: 'layers with clouds',
  shared: {
    horizon: horizonField(1),
    tokens: increasing([64, 128, 256, 512], 4, 'numbers of tokens n', 2),
    samples: z.int().min(2).default(10).describe('independent clouds for each n and group'),
  },
  own: { layers: experimentCount(18, 'random layers and laws', 2) },
  data: {
    ...gaussianFlowFields,
    groups: z.int().min(2).default(6).describe('independent groups of clouds'),
  },
  full: { layers: 36, samples: 16, tokens: [64, 128, 256, 512, 1024] },
  check: (given) => (given.explicit ? headComplaints(given) : []),
  pieces: (given) => (given.explicit ? given.groups : given.layers),
});
type CloudRates = ReturnType<typeof cloudRates.parse>;

/** Slope of the distance over its null in n: 0 in the Gaussian limit, 1/2 in any other; this is between them. */
const gaussianGrowth = 0.25;

export function invarianceConclusion(
  given: Pick<CloudRates, 'tokens'> & { readonly attention?: string },
  measured: readonly CloudRate[],
): Conclusion {
  const { tokens } = given;
  const moved = measured.filter(({ moments }) => moments.length > 0);
  const rows = (of: (one: CloudRate) => readonly number[]) => moved.map(of);
  const order = sampledOrder({
    name: 'order of the error of the moments in n',
    failsIf: 'n tokens do not tend to the moment flow, or more slowly than n^(−1/2)',
    ...{ scales: tokens, rows: rows((one) => one.moments), bias: slopeBias(tokens) },
    ...{ order: -0.5, side: 'at least as fast', among: 2 },
  });
  const overNull = rows((one) => one.sliced.map((value, i) => value / one.null[i]));
  const data = { x: tokens, y: overNull };
  const growth = moved.length < 2 ? null : fitRate(data, { confidence: 0.975 });
  const gaussian = atMost({
    name: 'growth in n of the sliced distance to N(m, Σ) over that of Gaussian samples',
    failsIf: 'the limit of the clouds is not Gaussian, or has other moments: then it is 1/2',
    measured: growth?.slope ?? Number.NaN,
    interval: growth?.interval ?? null,
    contradiction: growth === null ? null : fitRate(data, { confidence: certain }).interval,
    expected: gaussianGrowth,
  });
  const blowUp: number | undefined = measured.flatMap((one) => one.blowUpTime ?? [])[0];
  const tilt = largestOf(measured, (one) => one.tilt);
  const variance = largestOf(measured, (one) => one.weightGrowth);
  const still = measured.every((one) => !one.attends);
  const last = tokens.length - 1;
  const nearness = overNull.reduce((sum, row) => sum + row[last] / overNull.length, 0);
  return {
    hypotheses: [
      softmax(given.attention),
      {
        name: 'the law does not blow up before the horizon',
        holds: blowUp === undefined,
        value: blowUp === undefined ? 'it does not' : `blow-up at ${blowUp.toPrecision(8)}`,
      },
      { name: 'tilt below √(2 ln n), for the limit (largest ratio)', holds: tilt < 1, value: tilt },
      { name: 'tilt below ½√(2 ln n), for the rate (ratio)', holds: tilt < 0.5, value: tilt },
      {
        name: 'weights of finite variance: |Σ^½BΣ^½|² below 1/2 along the flow (largest)',
        holds: variance < finiteWeightVariance,
        value: variance,
      },
    ],
    resolution: [
      completed('the moment flow', measured),
      {
        name: 'the steps of the tokens are fine enough for the largest cloud',
        holds: moved.length === measured.length,
        value: `${moved.length} of ${measured.length}`,
      },
      notTrivial(
        still
          ? 'attention does nothing here: tokens move by an affine map, which keeps any law Gaussian'
          : undefined,
      ),
    ],
    checks: [order, gaussian],
    evidence: {
      tokens,
      'moments.error': rows((one) => one.moments),
      'slicedDistance.value': rows((one) => one.sliced),
      'slicedDistance.null': rows((one) => one.null),
      'mardia.skewness.pValue': moved.map(({ mardia }) => mardia?.skewness.pValue ?? 1),
      'mardia.kurtosis.pValue': moved.map(({ mardia }) => mardia?.kurtosis.pValue ?? 1),
      'tilt.ratio': measured.map((one) => one.tilt),
      'tilt.endOfRate': 0.5,
      'tilt.endOfClosure': 1,
      weightGrowth: measured.map((one) => one.weightGrowth),
      'tokens.steps': moved.map(({ steps }) => steps ?? 0),
    },
    summary:
      moved.length === 0
        ? 'No tokens were moved.'
        : `The moments of n tokens approach the moment flow ${decayInWords('n', order)}; at n = ${tokens[last]} the cloud is ${nearness.toFixed(2)} times as far from N(m, Σ) as a Gaussian sample. The tilt reaches ${tilt.toFixed(2)} of √(2 ln n): the rate ends at 0.5, the closure at 1.`,
    figures: [
      convergenceFigure({
        id: 'C.invariance',
        title: 'A Gaussian cloud stays Gaussian',
        caption:
          'Relative error of the moments of n tokens, and sliced W2 from n tokens to N(m, Σ) beside that of independent Gaussian samples (the null), in units of √(trΣ/d). Bands: range over layers.',
        ...{ scale: 'tokens n', quantity: 'relative error' },
        curves: [
          { series: 'moments', scales: tokens, rows: rows((one) => one.moments), slope: -0.5 },
          { series: 'sliced W2', scales: tokens, rows: rows((one) => one.sliced) },
          { series: 'sliced W2, null', scales: tokens, rows: rows((one) => one.null) },
        ],
      }),
    ],
  };
}

/** Gaussian token laws stay Gaussian (arXiv 2606.07600). */
export const invariance = claim<CloudRates, CloudRate>({
  id: 'C.invariance',
  title: 'Gaussian in, Gaussian out',
  statement:
    'For $\\mu = N(m,\\Sigma)$ the tilted mean is $m + \\Sigma B x$, so the law stays Gaussian with $\\dot m = Um + \\hat V m + b$, $\\dot\\Sigma = U\\Sigma + \\Sigma U^\\top$, $U = \\sum_h V_h\\Sigma B_h + W$; n tokens follow it up to $O(n^{-1/2})$ while the tilt stays below $\\tfrac12\\sqrt{2\\ln n}$ and $|\\Sigma^{1/2}B\\Sigma^{1/2}| < 1/\\sqrt2$, and tend to it while the tilt stays below $\\sqrt{2\\ln n}$.',
  trust: { statement: 'P', rate: 'D' },
  given: cloudRates,
  measure({ backend, given, seed, index }) {
    const { tokens, samples, horizon } = given;
    const flow = given.explicit
      ? flowOfInstance(given, horizon)
      : randomTiltedFlow(seed, index, horizon);
    return measureCloudRate(backend, flow, { tokens, samples, seed: 10_000 * seed + index });
  },
  conclude: (measured, { given }) =>
    invarianceConclusion(
      given.explicit ? given : { tokens: given.tokens, attention: 'softmax' },
      measured,
    ),
});
