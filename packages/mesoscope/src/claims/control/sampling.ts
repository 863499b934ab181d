import { z } from 'zod';
import { binomialInterval, fitRate, meanInterval } from '../../numeric/fit.ts';
import { randomStream } from '../../numeric/random.ts';
import { rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import {
  atomLosses,
  discretisationFloor,
  drawFrequencies,
  expectation,
  limitLosses,
  lossRange,
  populationOf,
  readoutNorm,
} from '../../control/risk/finite-population.ts';
import { solveModel } from './optima.ts';
import { dataComplete, optimumShape, ownInstance } from './optimum-instance.ts';
import { orderFigure } from './order-figure.ts';
import { overExperiments } from './over-experiments.ts';
import { finiteClassBound } from '../../control/risk/risk-bounds.ts';

const instanceSchema = z
  .strictObject({
    ...optimumShape,
    layers: z.int().min(1).max(256).default(16).describe('L'),
    sampleSizes: z
      .array(z.int().min(1))
      .min(4)
      .default([16, 64, 256, 1024])
      .describe('N, increasing, at least 4')
      .refine((sizes) => sizes.every((N, i) => i === 0 || N > sizes[i - 1]), {
        message: 'must increase',
      }),
    resamples: z.int().min(100).default(1000).describe('draws of N samples, for each N'),
    failure: z.number().gt(0).lt(1).default(0.05).describe('δ'),
  })
  .refine(...dataComplete);

export type SamplingInstance = z.infer<typeof instanceSchema>;

/** Confidence of the second test, which must not fail by chance where the claim's own interval does not. */
const sideConfidence = 0.999;

/** One population: resampled risks against the risk of the flow. */
interface SamplingRecord {
  readonly covered: readonly number[];
  /** Root mean square over resamples of `R̂_N − R^ε`, the statistical part. */
  readonly deviations: readonly number[];
  /** Mean over resamples of `N (R̂_N − R^ε)² / Var ℓ`, whose expectation is 1 for every N. */
  readonly quotients: readonly number[];
  /** Mean over resamples of `|R̂_N − R|`. */
  readonly distances: readonly number[];
  readonly bounds: readonly number[];
  /** `B_ℓ √(log(2/δ)/2N)`. */
  readonly statistical: readonly number[];
  readonly floor: number;
  /** ε = T/L. */
  readonly step: number;
  readonly readoutNorm: number;
  /** `|R^ε − R|`, exact on the finite sample space. */
  readonly bias: number;
  readonly range: number;
}

function measure(
  context: ClaimContext<SamplingInstance>,
  given: SamplingInstance,
  index: number,
): SamplingRecord {
  const { backend, seed } = context;
  const { model, probabilities } = populationOf(backend, given, {
    seed,
    index,
    layers: given.layers,
  });
  // Controls that fit the population: fixed before any sample is drawn.
  solveModel({ ...model, batch: { ...model.batch, weights: probabilities } }, { tolerance: 1e-4 });
  const losses = atomLosses(model.problem, model.parameters, model.batch);
  const layered = expectation(probabilities, losses);
  const limit = expectation(probabilities, limitLosses(model));
  const [range, floor] = [lossRange(model), discretisationFloor(model)];
  const statistical = given.sampleSizes.map((samples) =>
    finiteClassBound({ range, failure: given.failure, samples }),
  );
  const bounds = statistical.map((part) => floor + part);
  const variance = expectation(
    probabilities,
    losses.map((loss) => (loss - layered) ** 2),
  );
  const results = given.sampleSizes.map((N, i) => {
    const random = randomStream(seed, `resamples of ${N}`, index);
    let covered = 0;
    let square = 0;
    let distance = 0;
    for (let r = 0; r < given.resamples; r++) {
      const empirical = expectation(drawFrequencies(probabilities, N, random), losses);
      square += (empirical - layered) ** 2 / given.resamples;
      distance += Math.abs(empirical - limit) / given.resamples;
      if (Math.abs(empirical - limit) <= bounds[i]) covered++;
    }
    return { covered, square, distance };
  });
  return {
    covered: results.map((result) => result.covered),
    deviations: results.map(({ square }) => Math.sqrt(square)),
    quotients: results.map(({ square }, i) => (given.sampleSizes[i] * square) / variance),
    distances: results.map((result) => result.distance),
    bounds,
    statistical,
    floor,
    step: given.horizon / given.layers,
    readoutNorm: readoutNorm(model),
    bias: Math.abs(layered - limit),
    range,
  };
}

/** The finding from one record for each population. */
function findingOf(given: SamplingInstance, records: readonly SamplingRecord[]): Finding {
  const { sampleSizes, resamples, failure } = given;
  const trials = resamples * sampleSizes.length * records.length;
  const covered = records.flatMap((record) => record.covered).reduce((a, b) => a + b, 0);
  const measured = covered / trials;
  const interval = binomialInterval(covered, trials);
  const expected = { kind: 'at-least', value: 1 - failure } as const;
  const finite = records.every((record) => record.bounds.every(Number.isFinite));
  const assumptions = [
    {
      name: 'the flow exists up to T',
      holds: finite,
      value: finite ? 'integrated to T' : 'diverged',
    },
  ];
  const rate = fitRate({ x: sampleSizes, y: records.map((record) => record.deviations) });
  // Flat in N: every quotient has expectation 1 exactly, at any N, and they are independent.
  const quotients = records.flatMap((record) => record.quotients);
  const quotient = meanInterval(quotients, { confidence: sideConfidence });
  const [low, high] = quotient.interval ?? [quotient.mean, quotient.mean];
  const flat = low <= 1 && 1 <= high;
  const floorRatio = Math.max(...records.map((record) => record.bias / record.floor));
  const verdict = judge(assumptions, measured, interval, expected);
  const loosest = Math.max(
    ...records.flatMap((record) => record.bounds.map((bound, i) => bound / record.distances[i])),
  );
  return {
    assumptions,
    evidence: {
      sampleSizes,
      'coverage.perSize': sampleSizes.map(
        (_, i) =>
          records.reduce((sum, record) => sum + record.covered[i], 0) /
          (resamples * records.length),
      ),
      'deviation.rootMeanSquares': rowsOrRow(records.map((record) => record.deviations)),
      'deviation.timesRootN': rowsOrRow(
        records.map((record) => record.deviations.map((x, i) => x * Math.sqrt(sampleSizes[i]))),
      ),
      'deviation.overExact': quotient.mean,
      'deviation.overExactInterval99.9': [low, high],
      'deviation.slope': rate.slope,
      'deviation.slopeInterval': rate.interval ?? [],
      'bound.values': rowsOrRow(records.map((record) => record.bounds)),
      'bound.statistical': rowsOrRow(records.map((record) => record.statistical)),
      'bound.discretisation': records.map((record) => record.floor),
      'bound.C1': records.map((record) => record.floor / record.step),
      'bound.epsilon': records.map((record) => record.step),
      'bound.readoutNorm': records.map((record) => record.readoutNorm),
      'bound.lossRange': records.map((record) => record.range),
      'bound.failure': failure,
      'bound.constants':
        'B_ℓ = log C + 2‖U‖ sup|h_T|, ‖U‖ exact and sup|h_T| measured over the atoms; C₁ε = √2‖U‖ × Grönwall’s bound, Lipschitz constants measured along the paths',
      'bound.loosest': loosest,
      'floor.measured': records.map((record) => record.bias),
      'floor.ratio': floorRatio,
    },
    measured,
    expected,
    interval,
    verdict: verdict === 'holds' && !(flat && floorRatio <= 1) ? 'fails' : verdict,
    summary: `The bound covers ${(100 * measured).toFixed(2)} % of ${trials} resamples (promised ${(100 * (1 - failure)).toFixed(0)} %), up to ${loosest.toPrecision(2)} times too wide; deviations fall like N^${rate.slope.toFixed(3)} and N E(R̂_N − R^ε)² is ${quotient.mean.toFixed(3)} of the loss's variance, to a floor of at most ${floorRatio.toPrecision(2)} of C₁ε.`,
    figures: [
      {
        ...orderFigure({
          id: 'A.sampling',
          title: 'Empirical risk of finite layers against the risk of the flow',
          caption:
            'Mean over resamples of the distance between the empirical risk of L layers and the population risk of the flow, the root mean square of its statistical part, and the bound. Band: range over populations. Expected: order 1/2 down to the floor of the discretisation.',
          quantity: '|R̂_N − R|',
          curves: [
            {
              series: 'bound',
              layers: sampleSizes,
              errors: records.map((record) => record.bounds),
            },
            {
              series: 'distance to the flow’s risk',
              layers: sampleSizes,
              errors: records.map((r) => r.distances),
            },
            {
              series: 'statistical part',
              layers: sampleSizes,
              errors: records.map((r) => r.deviations),
            },
          ],
          expected: [{ slope: -0.5, curve: 2 }],
        }),
        x: { label: 'samples N', scale: 'log' },
      },
    ],
  };
}

async function run(context: ClaimContext<SamplingInstance>): Promise<Finding> {
  const full = context.setting === 'full';
  const given: SamplingInstance = context.instance ?? {
    ...instanceSchema.parse({}),
    ...ownInstance(context),
    problems: full ? 16 : 6,
    resamples: full ? 4000 : 1000,
  };
  const records = await overExperiments(context, given.problems, 'populations', (index) =>
    measure(context, given, index),
  );
  return findingOf(given, records);
}

/** Empirical risk of finite layers against population risk of the flow (arXiv 2606.23235). */
export const sampling = legacy<SamplingInstance>({
  id: 'A.sampling',
  paper: 'A',
  title: 'Risk from samples and finite depth',
  statement:
    'For fixed controls, with probability at least $1-\\delta$: $|\\hat R_N^\\varepsilon(\\theta) - R(\\theta)| \\le C_1\\varepsilon + B_\\ell\\sqrt{\\log(2/\\delta)/2N}$, $B_\\ell = \\log C + 2\\|U\\|\\sup|h_T|$.',
  trust: 'P, form S',
  quantity: 'coverage of the bound',
  instance: instanceSchema,
  run,
});
