import * as z from 'zod';
import { hiddenStates } from '../../checkpoint/hidden-states.ts';
import {
  centre,
  cloudStatistics,
  outlierFactor,
  outlierTokens,
  rowNorms,
  withoutTokens,
} from '../../checkpoint/statistics/cloud.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import { atLeast, bound, sampledMean } from '../check.ts';
import { claim } from '../claim.ts';
import { depthFigure, mean } from './depth-curves.ts';
import { givenModel, onModels, subject } from './instance.ts';

const instance = onModels({
  label: 'inputs',
  shared: {},
  own: {
    architecture: z
      .enum(['gpt2', 'llama', 'bert', 'roberta', 'albert', 'modernbert'])
      .default('gpt2')
      .describe('of the random models'),
    outlier: z
      .number()
      .positive()
      .default(100)
      .describe('factor of the first token of the random models'),
  },
});
type Instance = ReturnType<typeof instance.parse>;

/** One input, depth by depth. */
interface Measured {
  /** Largest norm over the median. */
  readonly ratio: readonly number[];
  readonly raw: readonly number[];
  /** Without outlier tokens. */
  readonly corrected: readonly number[];
  /** `1/s²`, s the share of the largest token in tr Σ: no cloud with such a token has a larger effective rank. */
  readonly ceiling: readonly number[];
}

/** The share of the token of largest norm in `n tr Σ = Σ_i |x_i − m|²`. */
function shareOfLargest(points: Matrix): number {
  const norms = rowNorms(points);
  const largest = norms.indexOf(norms.reduce((a, b) => Math.max(a, b), 0));
  const squares = rowNorms(centre(points).centred).map((r) => r * r);
  return squares[largest] / squares.reduce((sum, square) => sum + square, 0);
}

/** What one token of a hundred times the median norm does to a statistic of all. */
export const sink = claim<Instance, Measured>({
  id: 'P.sink',
  title: 'A statistic with an outlier token is about that token',
  statement:
    'A token with the share $s$ of $n\\,\\mathrm{tr}\\,\\Sigma$ bounds the effective rank, $(\\mathrm{tr}\\,\\Sigma)^2/\\mathrm{tr}\\,\\Sigma^2 \\le s^{-2}$. Where a token exceeds three times the median norm, the rank without it is more than twice the rank with it.',
  trust: { statement: 'D', factor: 'D' },
  given: instance,
  async measure(context) {
    const { backend, given, progress } = context;
    const { model, initial } = await givenModel(context);
    const { columns: d } = initial;
    if (!given.explicit) {
      for (let a = 0; a < d; a++) initial.data[a] *= given.outlier;
    }
    const depths: { ratio: number; raw: number; corrected: number; ceiling: number }[] = [];
    for await (const { states, depth } of hiddenStates(backend, model, [initial])) {
      if (depth > model.blueprint.layers) break;
      const [points] = states;
      const raw = cloudStatistics(points);
      const corrected = cloudStatistics(withoutTokens(points, outlierTokens(points)));
      depths.push({
        ratio: raw.tokenRatio,
        raw: raw.effectiveRank,
        corrected: corrected.effectiveRank,
        ceiling: shareOfLargest(points) ** -2,
      });
      await progress(depth / (model.blueprint.layers + 1));
    }
    return {
      ratio: depths.map(({ ratio }) => ratio),
      raw: depths.map(({ raw }) => raw),
      corrected: depths.map(({ corrected }) => corrected),
      ceiling: depths.map(({ ceiling }) => ceiling),
    };
  },
  conclude(measured, { given }) {
    const depths = measured[0].raw.map((_, l) => l);
    const affected = depths.filter((l) => measured.every(({ ratio }) => ratio[l] > outlierFactor));
    const gains = measured.map(({ raw, corrected }) =>
      mean(affected.map((l) => Math.log(corrected[l] / raw[l]))),
    );
    const gain = sampledMean(affected.length === 0 ? [] : gains, { as: Math.exp });
    const series = (name: string, of: keyof Measured) => ({
      series: name,
      values: depths.map((l) => measured.map((one) => one[of][l])),
    });
    const byDepth = (of: keyof Measured) => series('', of).values.map((values) => mean(values));
    return {
      hypotheses: [
        {
          name: `a token exceeds ${outlierFactor} times the median norm on every input (at some depth)`,
          holds: affected.length > 0,
          value:
            affected.length > 0
              ? `at ${affected.length} depths of ${depths.length}`
              : `largest ratio ${Math.max(...measured.flatMap(({ ratio }) => ratio)).toPrecision(3)}`,
        },
      ],
      resolution: [],
      checks: [
        atLeast({
          ...gain,
          name: 'effective rank without outlier tokens over the raw one, where there are any',
          failsIf: 'leaving the outliers out changes the effective rank by less than a factor of 2',
          expected: 2,
        }),
        bound({
          name: 'raw effective rank against the bound by the largest token',
          failsIf:
            'a cloud with a dominating token is measured with more directions than it can have',
          pairs: measured.flatMap(({ raw, ceiling }) =>
            depths.map((l) => ({ value: raw[l], bound: ceiling[l] * (1 + 1e-9) })),
          ),
        }),
      ],
      evidence: {
        'largest norm over the median, by depth': byDepth('ratio'),
        'effective rank, raw, by depth': byDepth('raw'),
        'effective rank without outliers, by depth': byDepth('corrected'),
        'bound by the largest token, by depth': byDepth('ceiling'),
        'depths with outliers on every input': affected,
        'factor of an outlier': `${outlierFactor} times the median, a choice of this project`,
      },
      summary:
        affected.length === 0
          ? `Tokens of ${subject(given)} have norms of one size: no correction changes anything.`
          : `At ${affected.length} of ${depths.length} depths of ${subject(given)} the effective rank is ${gain.measured.toPrecision(3)} times larger once its outlier tokens are left out.`,
      figures: [
        depthFigure(
          {
            id: 'P.sink',
            title: 'Effective rank with and without outlier tokens',
            caption:
              'Outlier tokens: more than three times the median norm. Bands: 95 % over inputs.',
            y: { label: 'effective rank', scale: 'log' },
          },
          [series('raw', 'raw'), series('without outliers', 'corrected')],
        ),
      ],
    };
  },
});
