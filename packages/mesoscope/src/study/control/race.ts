import type { TrainingRecord } from '../../control/training.ts';
import { type Interval, meanInterval } from '../../numeric/fit.ts';

/** Validation losses of the two ways to train the finest depth, for one seed. */
export interface Race {
  readonly seed: number;
  readonly random: readonly TrainingRecord[];
  readonly refined: readonly TrainingRecord[];
}

/** What a seed's two trainings cost up to the lowest validation loss that both reach at the finest depth. */
export interface RaceOutcome {
  readonly seed: number;
  /** In nats. */
  readonly level: number;
  readonly random: TrainingRecord;
  readonly refined: TrainingRecord;
  /** Lowest validation losses within the budgets. */
  readonly lowest: { readonly random: number; readonly refined: number };
}

/** Cost from a random start over cost by refinement: above 1, refinement wins. */
export interface RaceRatio {
  /** Geometric mean over seeds. */
  readonly mean: number;
  /** Student-t, of the logarithms over seeds; null for one seed. */
  readonly interval: Interval | null;
}

/**
 * Compares at the lowest level that both reach, so that neither is favoured by a budget: each training's cost is that
 * of its first record at the finest depth that is as low.
 */
export function raceOutcome({ seed, random, refined }: Race): RaceOutcome {
  const depth = random[0].layers;
  const finest = refined.filter(({ layers }) => layers === depth);
  const lowest = { random: lowestOf(random), refined: lowestOf(finest) };
  const level = Math.max(lowest.random, lowest.refined);
  return { seed, level, lowest, random: firstAt(random, level), refined: firstAt(finest, level) };
}

/** Ratio of a cost over seeds. */
export function raceRatio(
  outcomes: readonly RaceOutcome[],
  cost: 'seconds' | 'layerGradients',
): RaceRatio {
  const logs = outcomes.map(({ random, refined }) => Math.log(random[cost] / refined[cost]));
  const { mean, interval } = meanInterval(logs);
  return {
    mean: Math.exp(mean),
    interval: interval === null ? null : [Math.exp(interval[0]), Math.exp(interval[1])],
  };
}

function lowestOf(records: readonly TrainingRecord[]): number {
  return Math.min(...records.map(({ validationLoss }) => validationLoss));
}

function firstAt(records: readonly TrainingRecord[], level: number): TrainingRecord {
  return records.find(({ validationLoss }) => validationLoss <= level) as TrainingRecord;
}
