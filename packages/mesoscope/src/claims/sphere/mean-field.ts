import * as z from 'zod';
import { randomStream } from '../../numeric/random.ts';
import { type MeanFieldRecord, measureMeanField, randomArc } from '../../sphere/mean-field.ts';
import { atMost } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { doubling, experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, deterministicOrder, sampledOrder } from '../order.ts';
import { reached, sphereReferences } from './conditions.ts';

const arcs = experiments({
  label: 'laws on an arc',
  shared: {
    tokens: doubling([16, 32, 64, 128], 4, 'numbers of tokens n', 4),
    cells: doubling([16, 32, 64, 128], 4, 'cells of the grid', 8),
    draws: z.int().min(2).default(16).describe('clouds of n tokens for each n and law'),
    reference: z
      .int()
      .min(64)
      .multipleOf(2)
      .default(256)
      .describe('cells of the law whose ends are followed'),
  },
  own: { laws: experimentCount(6, 'random laws on an arc, and β', 2) },
  data: {
    halfWidth: z
      .number()
      .positive()
      .max(1.5)
      .default(1)
      .describe('A: the law lies on the angles from −A to A, in radians'),
    skew: z
      .number()
      .min(-0.99)
      .max(0.99)
      .default(0.3)
      .describe('s in the density (1 − x²)²(1 + sx), x = θ/A'),
    beta: z.number().min(0).max(100).default(2).describe('β, so that B = βI'),
    horizon: z.number().positive().max(20).default(1).describe('T'),
    groups: z.int().min(2).default(6).describe('independent groups of clouds'),
  },
  full: { laws: 20, tokens: [16, 32, 64, 128, 256, 512], reference: 1024 },
  pieces: (given) => (given.explicit ? given.groups : given.laws),
});
type Arcs = ReturnType<typeof arcs.parse>;

export function meanFieldConclusion(
  { tokens, cells }: Pick<Arcs, 'tokens' | 'cells'>,
  laws: readonly MeanFieldRecord[],
): Conclusion {
  const sampled = sampledOrder({
    name: 'order in n of W₂ between n sampled tokens and the law',
    failsIf: 'tokens do not tend to the continuity equation, or more slowly than n^(−1/2)',
    ...{ scales: tokens, rows: laws.map((law) => law.sampled), order: -0.5 },
    side: 'at least as fast',
  });
  const density = deterministicOrder({
    name: 'order in the cells of W₂ between the density on a grid and the law along characteristics',
    failsIf:
      'the continuity equation has another solution than its characteristics; an upwind scheme has order 1/2 at the least, 1 for smooth laws',
    scales: cells,
    rows: laws.map((law) => law.density),
    accuracy: laws.map((law) => law.accuracy),
    ...{ order: -0.5, side: 'at least as fast', rivals: [0] },
  });
  const massError = Math.max(...laws.map((law) => law.massError));
  return {
    hypotheses: [],
    resolution: [reached(laws)],
    checks: [
      sampled,
      density,
      atMost({
        name: 'mass that the grid loses or gains',
        failsIf: 'the scheme is not conservative',
        measured: massError,
        expected: 1e-10,
      }),
    ],
    evidence: {
      tokens,
      'distance.sampled': laws.map((law) => law.sampled),
      cells,
      'distance.density': laws.map((law) => law.density),
      'reference.accuracy': laws.map((law) => law.accuracy),
    },
    summary: `Sampled tokens near the law ${decayInWords('n', sampled)}, the density on a grid ${decayInWords('cells', density)}.`,
    figures: [
      convergenceFigure({
        id: 'E.mean-field',
        title: 'Tokens on the circle and the continuity equation',
        caption:
          'W₂, in radians, to the law after the time: of n sampled tokens, and of the density on a grid. Bands: range over laws.',
        ...{ scale: 'tokens n, or cells', quantity: 'W₂, radians' },
        curves: [
          {
            ...{ series: 'sampled tokens', scales: tokens, slope: -0.5 },
            rows: laws.map((law) => law.sampled),
          },
          {
            ...{ series: 'density on a grid', scales: cells, slope: -1 },
            rows: laws.map((law) => law.density),
          },
        ],
      }),
    ],
  };
}

/** Many tokens on the circle follow a continuity equation (arXiv 2312.10794). */
export const meanField = claim<Arcs, MeanFieldRecord>({
  id: 'E.mean-field',
  title: 'Many tokens on the circle follow a continuity equation',
  statement:
    'For $n$ tokens sampled from a smooth law on an arc, $B = \\beta I$, $V = I$ and softmax, $W_2(\\mu_n(t),\\mu(t)) = O(n^{-1/2})$, where $\\partial_t\\mu + \\partial_\\theta(\\mu\\,v[\\mu]) = 0$, $v[\\mu](\\theta) = \\int e^{\\beta\\cos(\\varphi-\\theta)}\\sin(\\varphi-\\theta)\\,d\\mu(\\varphi)\\big/\\int e^{\\beta\\cos(\\varphi-\\theta)}\\,d\\mu(\\varphi)$.',
  trust: { statement: 'S', rate: 'D' },
  references: sphereReferences,
  given: arcs,
  measure({ backend, given, seed, index }) {
    const experiment = given.explicit ? given : randomArc(randomStream(seed, 'arcs', index));
    const stream = randomStream(seed, 'tokens on an arc', index);
    return measureMeanField(backend, experiment, given, stream);
  },
  conclude: (laws, { given }) => meanFieldConclusion(given, laws),
});
