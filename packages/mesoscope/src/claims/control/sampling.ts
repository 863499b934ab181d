import * as z from 'zod';
import {
  measureSampling,
  measureTwoPoint,
  type SamplingRecord,
  type TwoPointRecord,
} from '../../control/risk/sampling-deviations.ts';
import { twoPointPopulation } from '../../control/risk/two-point.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { bound, type Check, coverage, equals } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { increasing } from '../fields.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { finitePopulations, populationOf } from './populations.ts';

const given = finitePopulations({
  shared: {
    layers: z.int().min(1).max(256).default(16).describe('L'),
    sampleSizes: increasing([16, 64, 256, 1024], 1, 'sample sizes N'),
    resamples: z.int().min(100).default(1000).describe('draws of N samples, for each N'),
    failure: z.number().gt(0).lt(1).default(0.05).describe('δ'),
  },
  populations: 6,
  full: { populations: 16, resamples: 4000 },
  more: 1,
});

type Given = ReturnType<typeof given.parse>;

/** Of the side check, which must not fail by chance where the bound's own does not. */
const sideConfidence = 0.999;

/** `N E(R̂_N − R^ε)² = Var ℓ` at every N: deviations are flat in N once multiplied by √N. */
function flatness(records: readonly SamplingRecord[]): Check {
  const quotients = records.flatMap((record) => record.quotients);
  const { mean, interval } =
    quotients.length === 0
      ? { mean: Number.NaN, interval: null }
      : meanInterval(quotients, { confidence: sideConfidence });
  return equals({
    name: 'N E(R̂_N − R^ε)² over the variance of the loss (99.9 %)',
    failsIf: 'deviations do not fall like N^{-1/2}',
    measured: mean,
    interval,
    expected: 1,
    rivals: [0.5, 2],
    resolution: [
      {
        name: 'two sizes or populations or more',
        holds: quotients.length > 1,
        value: quotients.length,
      },
    ],
  });
}

/** What resampled risks say, and exact ones on a population of two points. */
export function samplingConclusion(
  { sampleSizes, resamples, failure }: Given,
  records: readonly SamplingRecord[],
  sharp: readonly TwoPointRecord[],
): Conclusion {
  const all = [...records, ...sharp];
  const finite = all.every(({ floor, range }) => Number.isFinite(floor + range));
  const covered = coverage({
    name: 'resamples within the bound',
    failsIf: 'the bound is missed more often than with probability δ',
    covered: records.flatMap((record) => record.covered).reduce((a, b) => a + b, 0),
    trials: resamples * sampleSizes.length * records.length,
    level: 1 - failure,
  });
  const exact = bound({
    name: 'exact probability to miss the bound on a population of two points, over δ',
    failsIf: 'the bound, or a constant in it, is too small by a factor of √2 or more',
    pairs: sharp.flatMap(({ misses }) =>
      misses.map(({ probability, failure: δ }) => ({ value: probability, bound: δ })),
    ),
  });
  const floor = bound({
    name: '|ℓ^ε − ℓ| of single sequences over C₁ε',
    failsIf: 'layers change a loss by more than √2 ‖U‖ times Grönwall’s bound',
    pairs: all.flatMap(({ discretisation, floor: most }) =>
      discretisation.map((value) => ({ value, bound: most })),
    ),
    rounding: 1e-13 * Math.max(...all.map(({ range }) => range)),
  });
  const flat = flatness(records);
  const equal = records.every(({ quotients }) => quotients.length === 0);
  const ratios = records
    .flatMap(({ bounds, distances }) => bounds.map((most, i) => most / distances[i]))
    .filter(Number.isFinite);
  return {
    hypotheses: [
      {
        name: 'the flow exists up to T',
        holds: finite,
        value: finite ? 'integrated to T' : 'diverged',
      },
    ],
    resolution: [
      notTrivial(
        equal ? 'all sequences have the same loss, so that every sample has the risk' : undefined,
      ),
    ],
    checks: sharp.length > 0 ? [covered, exact, floor, flat] : [covered, floor, flat],
    evidence: {
      sampleSizes,
      'coverage.perSize': sampleSizes.map(
        (_, i) =>
          records.reduce((sum, record) => sum + record.covered[i], 0) /
          (resamples * records.length),
      ),
      'deviation.rootMeanSquares': records.map((record) => record.deviations),
      'deviation.timesRootN': records.map((record) =>
        record.deviations.map((x, i) => x * Math.sqrt(sampleSizes[i])),
      ),
      'distance.means': records.map((record) => record.distances),
      'bound.values': records.map((record) => record.bounds),
      'bound.discretisation': all.map((record) => record.floor),
      'bound.readoutNorm': all.map((record) => record.readoutNorm),
      'bound.lossRange': all.map((record) => record.range),
      'bound.constants':
        'B_ℓ = log C + 2‖U‖ sup|h_T|, ‖U‖ exact and sup|h_T| measured over the atoms; C₁ε = √2‖U‖ × Grönwall’s bound, Lipschitz constants measured along the paths',
      'bound.loosest': Math.max(0, ...ratios),
      'twoPoints.misses': sharp.flatMap(({ misses }) => misses.map((miss) => miss.probability)),
    },
    summary: equal
      ? nothing
      : `The bound covers ${(100 * covered.measured).toFixed(2)} % of ${resamples * sampleSizes.length * records.length} resamples (promised ${(100 * (1 - failure)).toFixed(0)} %)${sharp.length > 0 ? `; on two points it is missed with ${exact.measured.toPrecision(2)} of the allowed probability at most` : ''}; layers change a loss by ${floor.measured.toPrecision(2)} of C₁ε at most.`,
    figures: [
      convergenceFigure({
        id: 'A.sampling',
        title: 'Empirical risk of finite layers against the risk of the flow',
        caption:
          'Mean over resamples of the distance between the empirical risk of L layers and the population risk of the flow, the root mean square of its statistical part, and the bound. Band: range over populations. Expected: order 1/2 down to the floor of the discretisation.',
        scale: 'samples N',
        quantity: '|R̂_N − R|',
        curves: [
          { series: 'bound', scales: sampleSizes, rows: records.map((r) => r.bounds) },
          {
            series: 'distance to the flow’s risk',
            scales: sampleSizes,
            rows: records.map((r) => r.distances),
          },
          {
            series: 'statistical part',
            scales: sampleSizes,
            rows: records.map((r) => r.deviations),
            slope: -0.5,
          },
        ],
      }),
    ],
  };
}

/** Empirical risk of finite layers against population risk of the flow (arXiv 2606.23235). */
export const sampling = claim<Given, SamplingRecord | TwoPointRecord>({
  id: 'A.sampling',
  title: 'Risk from samples and finite depth',
  statement:
    'For fixed controls, with probability at least $1-\\delta$: $|\\hat R_N^\\varepsilon(\\theta) - R(\\theta)| \\le C_1\\varepsilon + B_\\ell\\sqrt{\\log(2/\\delta)/2N}$, $B_\\ell = \\log C + 2\\|U\\|\\sup|h_T|$.',
  trust: { statement: 'P', form: 'S' },
  given,
  measure({ backend, given, seed, index }) {
    const { layers } = given;
    return !given.explicit && index === given.populations
      ? measureTwoPoint(twoPointPopulation(backend, { growth: 0.2, layers }), given.sampleSizes)
      : measureSampling(populationOf(backend, given, { seed, index, layers }), {
          ...given,
          seed,
          index,
        });
  },
  conclude: (measured, { given }) =>
    samplingConclusion(
      given,
      measured.filter((one) => 'covered' in one),
      measured.filter((one) => 'misses' in one),
    ),
});
