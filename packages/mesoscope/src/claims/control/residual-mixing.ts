import * as z from 'zod';
import { type MixingGrowth, measureMixing } from '../../control/residual-mixing.ts';
import { fitLine } from '../../numeric/fit.ts';
import { atLeast, bound, identical, sampledMean } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount, increasing } from '../fields.ts';
import { experiments } from '../given.ts';

const given = experiments({
  label: 'sequences of maps',
  shared: {
    streams: z.int().min(2).max(32).default(4).describe('n, residual streams'),
    deviation: z
      .number()
      .positive()
      .default(0.3)
      .describe('of the entries of G in R = I + G (unconstrained) and Sinkhorn(exp(I + G))'),
    iterations: z
      .array(z.int().min(1).max(1000))
      .min(1)
      .default([1, 2, 5, 10, 20])
      .describe('Sinkhorn iterations; the last ones are to make maps doubly stochastic'),
    depths: increasing(
      Array.from({ length: 11 }, (_, j) => 2 ** j),
      4,
      'numbers of maps L',
    ),
    sequences: experimentCount(16, 'independent sequences of maps'),
  },
  own: {},
  data: {},
  full: { sequences: 64 },
  pieces: ({ sequences }) => sequences,
});

type Given = ReturnType<typeof given.parse>;

/** What logarithms of norms of products say, one row for each sequence. */
function conclude(measured: readonly MixingGrowth[], context: { given: Given }): Conclusion {
  const { streams, iterations, depths } = context.given;
  const last = iterations.length - 1;
  const free = measured.map((one) => one.free);
  const constrained = iterations.map((_, i) => measured.map((one) => one.constrained[i]));
  const norms = constrained.map((rows) => rows.map(({ logs }) => logs.map(Math.exp)));
  const one = identical({
    name: `norm of products of maps after ${iterations[last]} Sinkhorn iterations, against 1`,
    failsIf: 'a product of doubly stochastic maps has a norm other than 1',
    of: constrained[last].flatMap(({ logs, error }) =>
      logs.map((log, i) => ({
        difference: Math.abs(Math.expm1(log)),
        uncertainty: Math.expm1(depths[i] * (Math.log1p(error) / 2 + streams * Number.EPSILON)),
        scale: 1,
      })),
    ),
  });
  const rowsOnly = bound({
    name: 'norm of products of row-stochastic maps over √n',
    failsIf: 'maps whose rows sum to 1 amplify a signal more than √n times',
    pairs: norms.flatMap((rows) =>
      rows.flatMap((row) =>
        row.map((value, i) => ({
          value,
          bound: Math.sqrt(streams) * (1 + depths[i] * streams * Number.EPSILON),
        })),
      ),
    ),
  });
  const rate = sampledMean(free.map((logs) => fitLine(depths, logs).slope));
  const grows = atLeast({
    name: 'growth of unconstrained products a map, in the mean',
    failsIf: 'the norm of unconstrained products does not grow exponentially',
    ...rate,
    expected: 0,
    resolution: [
      { name: 'two sequences or more', holds: measured.length > 1, value: measured.length },
    ],
  });
  const largest = norms.map((rows) => Math.max(...rows.flat()));
  return {
    hypotheses: [],
    resolution: [],
    checks: [one, rowsOnly, grows],
    evidence: {
      depths,
      'unconstrained.logNorms': free,
      'unconstrained.ratePerMap': rate.measured,
      'sinkhorn.iterations': iterations,
      'sinkhorn.largestNorms': largest,
      'sinkhorn.errors': constrained.map((rows) => Math.max(...rows.map(({ error }) => error))),
    },
    summary: `After ${iterations[last]} Sinkhorn iterations products of up to ${depths[depths.length - 1]} maps have norm ${largest[last].toFixed(6)} at most (${largest[0].toFixed(3)} after ${iterations[0]}; √n = ${Math.sqrt(streams).toFixed(2)}); unconstrained ones grow like e^{${rate.measured.toPrecision(3)} L}.`,
    figures: [
      convergenceFigure({
        id: 'A.residual-mixing',
        title: 'Products of residual maps over depth',
        caption:
          'Spectral norm of the product of L residual maps, geometric mean over sequences and their range. Expected: 1 for doubly stochastic maps, exponential growth without constraint.',
        scale: 'maps L',
        quantity: '‖R_L ⋯ R_1‖₂',
        curves: [
          {
            series: 'unconstrained',
            scales: depths,
            rows: free.map((logs) => logs.map(Math.exp)),
          },
          ...iterations.map((count, i) => ({
            series: `Sinkhorn, ${count} iteration${count === 1 ? '' : 's'}`,
            scales: depths,
            rows: norms[i],
          })),
        ],
      }),
    ],
  };
}

/** Doubly stochastic residual maps keep signals bounded in depth (arXiv 2512.24880). */
export const residualMixing = claim<Given, MixingGrowth>({
  id: 'A.residual-mixing',
  title: 'Residual maps that do not amplify',
  statement:
    'Products of doubly stochastic residual maps have spectral norm $1$ at every depth; of unconstrained random maps $I + G$ it grows exponentially.',
  trust: { statement: 'S' },
  references: [
    {
      key: 'xie2025manifold',
      title: 'mHC: Manifold-Constrained Hyper-Connections',
      authors: ['Xie', 'others'],
      year: 2025,
      arxiv: '2512.24880',
    },
  ],
  given,
  measure: ({ given, seed, index }) => measureMixing({ ...given, seed, index }),
  conclude,
});
