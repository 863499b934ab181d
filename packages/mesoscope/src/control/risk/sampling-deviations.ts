import { randomStream } from '../../numeric/random.ts';
import type { ControlModel } from '../control-model.ts';
import {
  atomLosses,
  discretisationFloor,
  drawFrequencies,
  expectation,
  limitLosses,
  lossRange,
  type Population,
  readoutNorm,
} from './finite-population.ts';
import { finiteClassBound } from './risk-bounds.ts';
import { missProbability } from './two-point.ts';

/** The parts of the bound `C₁ε + B_ℓ√(log(2/δ)/2N)` on one model, and what its discretisation part bounds. */
export interface RiskConstants {
  /** B_ℓ. */
  readonly range: number;
  /** C₁ε. */
  readonly floor: number;
  readonly readoutNorm: number;
  /** `|ℓ^ε − ℓ|` of every atom. */
  readonly discretisation: readonly number[];
}

/** Resampled risks of one population against the risk of the flow. */
export interface SamplingRecord extends RiskConstants {
  /** Resamples within the bound, for each N. */
  readonly covered: readonly number[];
  /** Root mean square over resamples of `R̂_N − R^ε`, the statistical part. */
  readonly deviations: readonly number[];
  /** Mean over resamples of `N (R̂_N − R^ε)² / Var ℓ`, whose expectation is 1 for every N; none where Var ℓ is 0. */
  readonly quotients: readonly number[];
  /** Mean over resamples of `|R̂_N − R|`. */
  readonly distances: readonly number[];
  readonly bounds: readonly number[];
}

function constantsOf(
  model: ControlModel,
  losses: Float64Array,
  limits: Float64Array,
): RiskConstants {
  return {
    range: lossRange(model),
    floor: discretisationFloor(model),
    readoutNorm: readoutNorm(model),
    discretisation: Array.from(losses, (loss, a) => Math.abs(loss - limits[a])),
  };
}

/**
 * Draws samples of a population at fixed controls and compares their risk on L layers with the flow's.
 *
 * @param draw - frequencies of the atoms in N samples; others than independent ones are what a comparison must notice
 */
export function measureSampling(
  { model, probabilities }: Population,
  options: {
    readonly sampleSizes: readonly number[];
    readonly resamples: number;
    /** δ. */
    readonly failure: number;
    readonly seed: number;
    readonly index: number;
  },
  draw: typeof drawFrequencies = drawFrequencies,
): SamplingRecord {
  const { sampleSizes, resamples, failure, seed, index } = options;
  const losses = atomLosses(model.problem, model.parameters, model.batch);
  const limits = limitLosses(model);
  const layered = expectation(probabilities, losses);
  const limit = expectation(probabilities, limits);
  const constants = constantsOf(model, losses, limits);
  const bounds = sampleSizes.map(
    (samples) => constants.floor + finiteClassBound({ range: constants.range, failure, samples }),
  );
  const variance = expectation(
    probabilities,
    losses.map((loss) => (loss - layered) ** 2),
  );
  // Equal losses differ by rounding only.
  const varies = variance > (constants.range * 1e-14) ** 2;
  const results = sampleSizes.map((N, i) => {
    const random = randomStream(seed, `resamples of ${N}`, index);
    let covered = 0;
    let square = 0;
    let distance = 0;
    for (let r = 0; r < resamples; r++) {
      const empirical = expectation(draw(probabilities, N, random), losses);
      square += (empirical - layered) ** 2 / resamples;
      distance += Math.abs(empirical - limit) / resamples;
      if (Math.abs(empirical - limit) <= bounds[i]) covered++;
    }
    return { covered, square, distance };
  });
  return {
    ...constants,
    covered: results.map((result) => result.covered),
    deviations: results.map(({ square }) => Math.sqrt(square)),
    quotients: varies ? results.map(({ square }, i) => (sampleSizes[i] * square) / variance) : [],
    distances: results.map((result) => result.distance),
    bounds,
  };
}

/** Exact probabilities of missing the bound on a population of two equally likely atoms. */
export interface TwoPointRecord extends RiskConstants {
  readonly misses: readonly {
    readonly samples: number;
    readonly failure: number;
    readonly probability: number;
  }[];
}

/** Levels δ at which misses are computed: the smaller δ, the sharper Hoeffding's inequality. */
export const exactFailures = [0.05, 1e-3, 1e-6, 1e-12];

/** As {@link measureSampling}, where the law of the empirical risk is known in closed form. */
export function measureTwoPoint(
  model: ControlModel,
  sampleSizes: readonly number[],
): TwoPointRecord {
  const losses = atomLosses(model.problem, model.parameters, model.batch);
  const limits = limitLosses(model);
  const constants = constantsOf(model, losses, limits);
  const target = (limits[0] + limits[1]) / 2;
  return {
    ...constants,
    misses: sampleSizes.flatMap((samples) =>
      exactFailures.map((failure) => ({
        samples,
        failure,
        probability: missProbability({
          values: [losses[0], losses[1]],
          samples,
          target,
          distance:
            constants.floor + finiteClassBound({ range: constants.range, failure, samples }),
        }),
      })),
    ),
  };
}

/** What was measured on all populations, by name. */
export function samplingNumbers(
  {
    sampleSizes,
    resamples,
  }: { readonly sampleSizes: readonly number[]; readonly resamples: number },
  records: readonly SamplingRecord[],
  sharp: readonly TwoPointRecord[],
) {
  const all = [...records, ...sharp];
  const ratios = records
    .flatMap(({ bounds, distances }) => bounds.map((most, i) => most / distances[i]))
    .filter(Number.isFinite);
  return {
    sampleSizes,
    'coverage.perSize': sampleSizes.map(
      (_, i) =>
        records.reduce((sum, record) => sum + record.covered[i], 0) / (resamples * records.length),
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
  };
}
