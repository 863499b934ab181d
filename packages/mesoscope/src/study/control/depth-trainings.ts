import { z } from 'zod';
import {
  type Prolongation,
  type RefinementStage,
  sampleParameters,
} from '../../control/refinement.ts';
import { cosineRate } from '../../control/solvers/index.ts';
import type { TrainingSubject } from '../../control/training.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import type { Coarsening } from './coarsening.ts';
import type { Race } from './race.ts';
import type { FinishedTraining } from './stored.ts';
import type { PlannedTraining } from './trainings.ts';

const count = z.int().min(1);

/** Depths and steps at each; every depth is twice the one before. */
export const stagesSchema = z
  .array(z.strictObject({ layers: count, steps: count }))
  .min(1)
  .refine((list) => list.every(({ layers }, i) => i === 0 || layers === 2 * list[i - 1].layers), {
    message: 'each depth must be twice the one before',
  });

/** What the two ways of training the finest depth are given, and what is done with the refined models. */
export function raceSchema(defaults: { readonly validation: number }) {
  return z
    .strictObject({
      seeds: z.int().min(0).default(5).describe('0: no race'),
      stages: stagesSchema
        .default([
          { layers: 2, steps: 100 },
          { layers: 4, steps: 60 },
          { layers: 8, steps: 40 },
          { layers: 16, steps: 24 },
          { layers: 32, steps: 16 },
        ])
        .describe('of the refinement; the random start takes all its steps at the last depth'),
      reportEvery: count.default(8).describe('steps between two looks at the validation loss'),
      validation: z
        .int()
        .min(2)
        .default(defaults.validation)
        .describe('samples of a look, of the validation part'),
      coarsening: z
        .strictObject({
          layers: z
            .array(count)
            .default([16, 8])
            .describe('numbers of layers at which the refined model is sampled'),
          steps: count.default(40).describe('of the retraining of each'),
          rate: z.number().positive().default(0.003).describe('of Adam in the retraining'),
        })
        .prefault({})
        .describe('what is left of the trained model on fewer layers'),
    })
    .prefault({})
    .describe('depth refinement against training the finest depth from a random start');
}

export type RaceConfiguration = z.infer<ReturnType<typeof raceSchema>>;

/** What the trainings of a race share. */
export interface RaceSetting {
  readonly backend: Backend;
  readonly subject: TrainingSubject;
  readonly seed: number;
  readonly rate: number;
  /** Steps. */
  readonly warmUp: number;
  readonly prolongation: Prolongation;
  readonly race: RaceConfiguration;
}

/** Warm-up, then a cosine down to a fiftieth over all steps of a training. */
export function decayingRate(
  { rate, warmUp }: Pick<RaceSetting, 'rate' | 'warmUp'>,
  stages: readonly RefinementStage[],
) {
  const steps = stages.reduce((sum, stage) => sum + stage.steps, 0);
  return cosineRate({ rate, warmUp: Math.min(warmUp, steps - 1), steps, final: 0.02 });
}

/**
 * The race's trainings: for each seed a random start at the finest depth and a refinement to it, of as many steps on the
 * same samples with the same rates; then for each seed the refined model, sampled at fewer layers and retrained shortly.
 *
 * @param before - trainings of the study that come first
 */
export function raceTrainings(setting: RaceSetting, before: number): PlannedTraining[] {
  const { subject, seed, race, prolongation } = setting;
  const { reportEvery, coarsening } = race;
  const seeds = Array.from({ length: race.seeds }, (_, i) => i + 1);
  const steps = race.stages.reduce((sum, stage) => sum + stage.steps, 0);
  const start = [{ layers: finestOf(race), steps }];
  const planned = (
    number: number,
    name: string,
    stages: readonly RefinementStage[],
    keep: PlannedTraining['keep'],
  ): PlannedTraining => ({
    ...{ label: `seed ${number}, ${name}`, stages, keep, subject },
    schedule: () => ({
      ...{ seed: seed + number, stages, prolongation, reportEvery },
      rate: decayingRate(setting, stages),
    }),
  });
  const retrained = (number: number, layers: number): PlannedTraining => {
    const stages = [{ layers, steps: coarsening.steps }];
    const rate = decayingRate({ rate: coarsening.rate, warmUp: 5 }, stages);
    return {
      ...{ label: `seed ${number}, sampled at ${layers} layers`, stages, keep: 'none', subject },
      schedule: (done) => ({
        ...{ seed: seed + number, stages, reportEvery, rate },
        start: sampledModel(setting, refinedModel(done, before, number), layers),
      }),
    };
  };
  return [
    ...seeds.flatMap((number) => [
      planned(number, 'random start', start, 'none'),
      planned(number, 'refinement', race.stages, 'last depth'),
    ]),
    ...seeds.flatMap((number) => coarsening.layers.map((layers) => retrained(number, layers))),
  ];
}

/** The races among the trainings that are done. */
export function racesOf(
  { seed, race }: Pick<RaceSetting, 'seed' | 'race'>,
  done: readonly FinishedTraining[],
  before: number,
): Race[] {
  const races: Race[] = [];
  for (let i = before; i + 1 < done.length && races.length < race.seeds; i += 2) {
    const [random, refined] = [done[i].records, done[i + 1].records];
    races.push({ seed: seed + races.length + 1, random, refined });
  }
  return races;
}

/** What became of the refined models on fewer layers; nothing until all are retrained. */
export function coarseningsOf(
  setting: RaceSetting,
  done: readonly FinishedTraining[],
  before: number,
): Coarsening[] {
  const { race, seed } = setting;
  const depths = race.coarsening.layers;
  const first = before + 2 * race.seeds;
  if (done.length < first + race.seeds * depths.length) return [];
  return Array.from({ length: race.seeds }, (_, s) => ({
    seed: seed + s + 1,
    layers: finestOf(race),
    loss: lossAtEnd(done[before + 2 * s + 1]),
    coarse: depths.map((layers, i) => ({
      layers,
      sampled: lossOf(
        setting,
        sampledModel(setting, refinedModel(done, before, s + 1), layers),
        layers,
      ),
      retrained: lossAtEnd(done[first + s * depths.length + i]),
    })),
  }));
}

/** The last depth of a race. */
export function finestOf({ stages }: Pick<RaceConfiguration, 'stages'>): number {
  return stages[stages.length - 1].layers;
}

function lossOf({ backend, subject }: RaceSetting, model: FloatArray, layers: number): number {
  return backend.scoped(() => {
    const problem = subject.problem(layers);
    const parameters = backend.allocate(problem.layout.length);
    parameters.set(model);
    return subject.validate(problem, parameters);
  });
}

function lossAtEnd({ records }: FinishedTraining): number {
  return records[records.length - 1].validationLoss;
}

/** The model that a seed's refinement left at the finest depth. */
function refinedModel(done: readonly FinishedTraining[], before: number, number: number) {
  return done[before + 2 * number - 1].models[0];
}

function sampledModel(
  { backend, subject, race }: RaceSetting,
  model: FloatArray,
  layers: number,
): FloatArray {
  return backend.scoped(() => {
    const { layout, grid } = subject.problem(finestOf(race));
    return sampleParameters(layout, grid, model, subject.problem(layers).grid);
  });
}
