import { z } from 'zod';
import { logMixingGrowth, sinkhornMatrix } from '../../control/residual-mixing.ts';
import { fitLine, meanInterval } from '../../numeric/fit.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { overExperiments } from './over-experiments.ts';

const depths = Array.from({ length: 11 }, (_, j) => 2 ** j);

const instanceSchema = z.strictObject({
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
    .describe('Sinkhorn iterations; the last decides'),
  seeds: z.int().min(2).max(256).default(16).describe('independent sequences of maps'),
});

export type ResidualMixingInstance = z.infer<typeof instanceSchema>;

async function run(context: ClaimContext<ResidualMixingInstance>): Promise<Finding> {
  const { seed, setting } = context;
  const given: ResidualMixingInstance = context.instance ?? {
    ...instanceSchema.parse({}),
    seeds: setting === 'full' ? 64 : 16,
  };
  const { streams: n, deviation, iterations } = given;
  const measured = await overExperiments(context, given.seeds, 'sequences of maps', (index) => {
    const random = randomStream(seed, 'residual maps', index);
    const maps: Matrix[] = Array.from({ length: depths[depths.length - 1] }, () => ({
      rows: n,
      columns: n,
      data: Float64Array.from(
        { length: n * n },
        (_, i) => (i % (n + 1) === 0 ? 1 : 0) + deviation * random.normal(),
      ),
    }));
    return {
      free: logMixingGrowth((layer) => maps[layer - 1], n, depths),
      constrained: iterations.map((count) => {
        let error = 0;
        const logs = logMixingGrowth(
          (layer) => {
            const found = sinkhornMatrix(maps[layer - 1], count);
            error = Math.max(error, found.error);
            return found.matrix;
          },
          n,
          depths,
        );
        return { logs, error };
      }),
    };
  });
  return findingOf(given, measured);
}

interface Growth {
  readonly free: readonly number[];
  readonly constrained: readonly { readonly logs: readonly number[]; readonly error: number }[];
}

function findingOf(
  { streams, iterations }: ResidualMixingInstance,
  measured: readonly Growth[],
): Finding {
  const rates = measured.map(({ free }) => fitLine(depths, free).slope);
  const rate = meanInterval(rates);
  const largest = iterations.map((_, i) =>
    Math.exp(Math.max(...measured.flatMap(({ constrained }) => constrained[i].logs))),
  );
  const errors = iterations.map((_, i) =>
    Math.max(...measured.map(({ constrained }) => constrained[i].error)),
  );
  const last = largest[largest.length - 1];
  // Column sums are off by at most `error` a layer: ‖R‖₂² ≤ ‖R‖₁‖R‖_∞ ≤ 1 + error.
  const bound = Math.min(
    Math.sqrt(streams),
    (1 + errors[errors.length - 1]) ** (depths[depths.length - 1] / 2),
  );
  const expected = { kind: 'at-most', value: bound * (1 + 1e-12) } as const;
  const verdict = judge([], last, null, expected);
  const grows = rate.interval !== null && rate.interval[0] > 0;
  const rowsBound = largest.every((norm) => norm <= Math.sqrt(streams) * (1 + 1e-12));
  return {
    assumptions: [],
    evidence: {
      depths,
      'unconstrained.logNorms': measured.map(({ free }) => free),
      'unconstrained.ratePerLayer': rate.mean,
      'unconstrained.rateInterval': rate.interval ?? [],
      'sinkhorn.iterations': iterations,
      'sinkhorn.largestNorms': largest,
      'sinkhorn.errors': errors,
      'sinkhorn.boundOfRows': Math.sqrt(streams),
    },
    measured: last,
    expected,
    interval: null,
    verdict: verdict === 'holds' && !(grows && rowsBound) ? 'fails' : verdict,
    summary: `After ${iterations[iterations.length - 1]} Sinkhorn iterations the product of up to ${depths[depths.length - 1]} maps has norm ${last.toFixed(6)} at most (${largest[0].toFixed(3)} after ${iterations[0]}; never above √n = ${Math.sqrt(streams).toFixed(2)}); unconstrained maps grow like e^{${rate.mean.toPrecision(3)} L}.`,
    figures: [
      {
        id: 'A.residual-mixing',
        title: 'Products of residual maps over depth',
        caption:
          'Spectral norm of the product of the residual maps of L layers, mean of the logarithm over sequences. Expected: 1 for doubly stochastic maps, exponential growth without constraint.',
        x: { label: 'layers L', scale: 'log', base: 2 },
        y: { label: '‖R_L ⋯ R_1‖₂', scale: 'log' },
        marks: [
          {
            kind: 'line',
            series: 'unconstrained',
            ...drawable(measured.map(({ free }) => free)),
          },
          ...iterations.map((count, i) => ({
            kind: 'line' as const,
            series: `Sinkhorn, ${count} iteration${count === 1 ? '' : 's'}`,
            ...drawable(measured.map(({ constrained }) => constrained[i].logs)),
          })),
        ],
      },
    ],
  };
}

/** Means over sequences, up to the depth where numbers end. */
function drawable(logs: readonly (readonly number[])[]): { x: number[]; y: number[] } {
  const means = depths.map((_, i) => logs.reduce((sum, row) => sum + row[i], 0) / logs.length);
  const x = depths.filter((_, i) => Math.abs(means[i]) < 690);
  return { x, y: x.map((_, i) => Math.exp(means[i])) };
}

/** Doubly stochastic residual maps keep signals bounded in depth (arXiv 2512.24880). */
export const residualMixing = legacy<ResidualMixingInstance>({
  id: 'A.residual-mixing',
  paper: 'A',
  title: 'Residual maps that do not amplify',
  statement:
    'Products of doubly stochastic residual maps have spectral norm $1$ at every depth; of unconstrained random maps $I + G$ it grows exponentially.',
  trust: 'S',
  quantity: 'largest norm of a product over depth',
  references: [
    {
      key: 'xie2025manifold',
      title: 'mHC: Manifold-Constrained Hyper-Connections',
      authors: ['Xie', 'others'],
      year: 2025,
      arxiv: '2512.24880',
    },
  ],
  instance: instanceSchema,
  run,
});
