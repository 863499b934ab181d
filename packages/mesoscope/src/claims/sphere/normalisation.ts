import * as z from 'zod';
import { randomStream } from '../../numeric/random.ts';
import {
  measureNormalisation,
  type NormalisationRecord,
  randomLeaning,
} from '../../sphere/normalisation.ts';
import { tokenComplaints, tokensField } from '../../sphere/schema.ts';
import { type Check, equals, known, weakest } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { doubling, experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, deterministicOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { reached } from './conditions.ts';

const normalisedFlows = experiments({
  label: 'flows with norms',
  shared: {
    times: doubling([32, 64, 128, 256, 512, 1024], 4, 'depths t at which tokens are looked at'),
  },
  own: { flows: experimentCount(4, 'random tokens, β and v') },
  data: {
    tokens: tokensField,
    beta: z.number().max(300).default(1).describe('β, so that B = βI'),
    value: z.number().positive().default(1).describe('v > 0, so that V = vI attracts'),
  },
  full: { flows: 20, times: [32, 64, 128, 256, 512, 1024, 2048, 4096] },
  check: (given) => (given.explicit ? tokenComplaints(given.tokens) : []),
  pieces: (given) => (given.explicit ? 1 : given.flows),
});
type NormalisedFlows = ReturnType<typeof normalisedFlows.parse>;

/** What is measured at depths of one placement, and the power of t that it follows. */
function orderOf(
  flows: readonly NormalisationRecord[],
  placement: 'pre' | 'peri',
  of: 'angles' | 'sizes',
): Check {
  const angle = of === 'angles';
  return deterministicOrder({
    name: `order in t of ${angle ? 'the largest angle' : 'the smallest |x|'}, ${placement}-norm`,
    failsIf: angle
      ? 'tokens gather faster or slower than 1/t'
      : 'tokens grow faster or slower than t',
    scales: flows[0].times,
    rows: flows.map((one) => one[of][placement]),
    accuracy: flows.map((one) => one.accuracy[placement][angle ? 'angle' : 'size']),
    suprema: true,
    ...{ order: angle ? -1 : 1, side: 'exactly' },
  });
}

export function normalisationConclusion(flows: readonly NormalisationRecord[]): Conclusion {
  const near = Math.max(
    ...flows.flatMap(({ angles }) => [angles.pre[0] ?? 0, angles.peri[0] ?? 0]),
  );
  const rates = flows.flatMap(({ post }) => post ?? []);
  const angles = orderOf(flows, 'pre', 'angles');
  return {
    hypotheses: [],
    resolution: [
      reached(flows),
      notTrivial(
        flows.every(({ still }) => still)
          ? 'no token turns: one point, or an equilibrium'
          : undefined,
      ),
      {
        name: 'the tokens are within half a radian of each other at the first depth (largest angle)',
        holds: near < 0.5,
        value: near,
      },
    ],
    checks: [
      angles,
      orderOf(flows, 'pre', 'sizes'),
      orderOf(flows, 'peri', 'angles'),
      orderOf(flows, 'peri', 'sizes'),
      ...(rates.length === 0
        ? []
        : [
            weakest(
              rates.map(({ measured, open }) =>
                equals({
                  name: 'rate at which angles fall under post-norm, over v',
                  failsIf: 'tokens that stay on the sphere gather otherwise than like e^{−vt}',
                  ...known(measured, open),
                  expected: 1,
                  rivals: [0, 0.5, 2],
                }),
              ),
            ),
          ]),
    ],
    evidence: {
      times: flows[0].times,
      'angles.pre': flows.map((one) => one.angles.pre),
      'angles.peri': flows.map((one) => one.angles.peri),
      'sizes.pre': flows.map((one) => one.sizes.pre),
      'sizes.peri': flows.map((one) => one.sizes.peri),
      'rate.post': flows.map(({ post }) => post?.measured ?? -1),
    },
    summary: `Under pre-norm the largest angle falls ${decayInWords('t', angles)}; tokens that are set back on the sphere gather exponentially.`,
    figures: [
      convergenceFigure({
        id: 'E.normalisation',
        title: 'Where the norm stands decides how fast tokens gather',
        caption:
          'Largest angle between two tokens, which is what is left of the rank above 1, and size of the tokens. Bands: range over flows. Under post-norm sizes stay 1 and angles fall exponentially.',
        ...{ scale: 'depth t', quantity: 'largest angle, and size' },
        curves: (['pre', 'peri'] as const).flatMap((placement) => [
          {
            series: `angle, ${placement}-norm`,
            scales: flows[0].times,
            rows: flows.map((one) => one.angles[placement]),
            slope: -1,
          },
          {
            series: `size, ${placement}-norm`,
            scales: flows[0].times,
            rows: flows.map((one) => one.sizes[placement]),
          },
        ]),
      }),
    ],
  };
}

/** The norm's place decides growth and collapse over depth (derived here; arXiv 2510.22026 studies norms as speeds). */
export const normalisationPlacement = claim<NormalisedFlows, NormalisationRecord>({
  id: 'E.normalisation',
  title: 'Pre- and peri-norm grow and gather like 1/t, post-norm gathers exponentially',
  statement:
    'For $B = \\beta I$, $V = vI$, $v > 0$, tokens near one direction: under pre-norm, $\\dot x = f(x/|x|)$, and peri-norm, $\\dot x = f/|f|$, $|x|$ grows like $t$ and angles fall like $1/t$, since they fall at the rate $1/|x|$ in units of the speed; under post-norm $|x| = 1$ and angles fall like $e^{-vt}$.',
  trust: { statement: 'D' },
  references: [
    {
      key: 'karagodin2025normalization',
      title: 'Normalization in Attention Dynamics',
      authors: ['Karagodin', 'Ge', 'Polyanskiy', 'Rigollet'],
      year: 2025,
      arxiv: '2510.22026',
    },
  ],
  given: normalisedFlows,
  measure({ backend, given, seed, index }) {
    const one = given.explicit ? given : randomLeaning(randomStream(seed, 'norms', index));
    return measureNormalisation(backend, { ...one, times: given.times });
  },
  conclude: (flows) => normalisationConclusion(flows),
});
