import { measureTrainedClaim, trainedClaims } from '../../claims/control/trained-model.ts';
import type { StoredOutcome } from '../../claims/stored-outcome.ts';
import type { Batch } from '../../control/batch.ts';
import { certifyControls } from '../../control/certificates/index.ts';
import type { TrainedModel } from '../../control/depth/trained-experiment.ts';
import {
  type Prolongation,
  type RefinementStage,
  sampleParameters,
} from '../../control/refinement.ts';
import { cosineRate } from '../../control/solvers/index.ts';
import type { TrainingSubject } from '../../control/training.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import type { PlannedContext, PlannedPiece } from '../plan.ts';
import type { CertifiedDepth } from './certificate-sections.ts';
import type { RaceConfiguration } from './race-schema.ts';
import { type FinishedTraining, trainingPiece } from './training-piece.ts';

/** The configuration that studies over depths share. */
export interface DepthConfiguration {
  readonly seed: number;
  readonly rate: number;
  /** Steps. */
  readonly warmUp: number;
  readonly prolongation: Prolongation;
  readonly stages: readonly RefinementStage[];
  readonly race: RaceConfiguration;
}

/** What is trained over depths, made in the thread that needs it. */
export interface DepthSubjects {
  /** The training of the model that is judged. */
  judged(context: PlannedContext): Promise<TrainingSubject>;
  /** Steps between two looks at it. */
  readonly reportEvery: number;
  /** Trainings of the race, watched on fewer samples. */
  raced(context: PlannedContext): Promise<TrainingSubject>;
  /** The samples on which controls are judged. */
  batch(context: PlannedContext): Promise<Batch>;
  /** The judged model at the finest depth, with samples that it was not trained on. */
  model(context: PlannedContext, parameters: FloatArray): Promise<TrainedModel>;
}

/** A refined model on fewer layers. Losses are validation cross-entropies in nats. */
export interface CoarsenedModel {
  readonly layers: number;
  /** Of the controls sampled at these layers, before any retraining. */
  readonly sampled: number;
  readonly retrained: number;
}

/** The pieces that studies over depths share. */
export interface DepthPlan {
  readonly training: PlannedPiece<FinishedTraining>;
  /** For each seed: a random start at the finest depth, a refinement to it, and what is left of that on fewer layers. */
  readonly races: readonly {
    readonly seed: number;
    readonly random: PlannedPiece<FinishedTraining>;
    readonly refined: PlannedPiece<FinishedTraining>;
    readonly coarsened: readonly PlannedPiece<CoarsenedModel | undefined>[];
  }[];
  /** Of the judged model at every depth; undefined where it diverged. */
  readonly certificates: readonly PlannedPiece<CertifiedDepth | undefined>[];
  readonly claims: readonly PlannedPiece<StoredOutcome | undefined>[];
}

/** Plans the training of a judged model, the race with its coarsening, the certificates and the claims. */
export function planDepths(configuration: DepthConfiguration, subjects: DepthSubjects): DepthPlan {
  const { seed, stages, prolongation, race } = configuration;
  const judgedSchedule = () => ({
    seed,
    stages,
    prolongation,
    reportEvery: subjects.reportEvery,
    rate: decayingRate(configuration, stages),
  });
  const training = trainingPiece({
    label: 'training',
    stages,
    keep: 'every depth',
    wide: true,
    subject: subjects.judged,
    schedule: judgedSchedule,
  });
  const seeds = Array.from({ length: race.seeds }, (_, i) => seed + i + 1);
  return {
    training,
    races: seeds.map((one) => racePieces(one, configuration, subjects)),
    certificates: stages.map(({ layers }, i) => ({
      label: `certificate of ${layers} layers`,
      needs: [training],
      weight: 60 * layers,
      async compute(context) {
        const model = context.resultOf(training).models[i];
        return model && (await certifiedDepth(context, subjects, model, layers, seed));
      },
    })),
    claims: trainedClaims.map((claim) => ({
      label: `measuring ${claim.id}`,
      needs: [training],
      weight: 60 * stages[stages.length - 1].layers,
      async compute(context) {
        const parameters = context.resultOf(training).models[stages.length - 1];
        if (parameters === undefined) return undefined;
        return measureTrainedClaim(claim, await subjects.model(context, parameters));
      },
    })),
  };
}

/** All pieces of a plan, none before one that it needs. */
export function depthPieces(plan: DepthPlan): PlannedPiece[] {
  const { training, races, certificates, claims } = plan;
  return [
    training,
    ...races.flatMap(({ random, refined }) => [random, refined]),
    ...races.flatMap(({ coarsened }) => coarsened),
    ...certificates,
    ...claims,
  ];
}

async function certifiedDepth(
  context: PlannedContext,
  subjects: DepthSubjects,
  model: FloatArray,
  layers: number,
  seed: number,
): Promise<CertifiedDepth> {
  const problem = (await subjects.judged(context)).problem(layers);
  const parameters = context.backend.allocate(problem.layout.length);
  parameters.set(model);
  const options = { searched: 2, starts: 0, iterations: 50, seed };
  const batch = await subjects.batch(context);
  return { layers, certificate: certifyControls(problem, parameters, batch, options) };
}

/** Of as many steps on the same samples with the same rates: a random start at the finest depth, and a refinement to it. */
function racePieces(
  seed: number,
  configuration: DepthConfiguration,
  subjects: DepthSubjects,
): DepthPlan['races'][number] {
  const { race, prolongation } = configuration;
  const { reportEvery, coarsening } = race;
  const finest = race.stages[race.stages.length - 1].layers;
  const steps = race.stages.reduce((sum, stage) => sum + stage.steps, 0);
  const trained = (name: string, stages: readonly RefinementStage[], keep: 'last depth' | 'none') =>
    trainingPiece({
      label: `seed ${seed}, ${name}`,
      stages,
      keep,
      subject: subjects.raced,
      schedule: () => ({
        seed,
        stages,
        prolongation,
        reportEvery,
        rate: decayingRate(configuration, stages),
      }),
    });
  const random = trained('random start', [{ layers: finest, steps }], 'none');
  const refined = trained('refinement', race.stages, 'last depth');
  const coarsened = coarsening.layers.map((layers): PlannedPiece<CoarsenedModel | undefined> => {
    const stages = [{ layers, steps: coarsening.steps }];
    const rate = decayingRate({ rate: coarsening.rate, warmUp: 5 }, stages);
    const sampledFrom = (context: PlannedContext, subject: TrainingSubject) =>
      sampledModel(context, subject, context.resultOf(refined).models[0], finest, layers);
    const { compute, ...piece } = trainingPiece({
      label: `seed ${seed}, sampled at ${layers} layers`,
      stages,
      keep: 'none',
      needs: [refined],
      subject: subjects.raced,
      schedule: (context, subject) => ({
        seed,
        stages,
        reportEvery,
        rate,
        start: sampledFrom(context, subject),
      }),
    });
    return {
      ...piece,
      async compute(context) {
        if (context.resultOf(refined).models.length === 0) return undefined;
        const { records } = await compute(context);
        const subject = await subjects.raced(context);
        const sampled = lossOf(context, subject, sampledFrom(context, subject), layers);
        return { layers, sampled, retrained: records[records.length - 1].validationLoss };
      },
    };
  });
  return { seed, random, refined, coarsened };
}

/** Warm-up, then a cosine down to a fiftieth over all steps of a training. */
function decayingRate(
  { rate, warmUp }: Pick<DepthConfiguration, 'rate' | 'warmUp'>,
  stages: readonly RefinementStage[],
) {
  const steps = stages.reduce((sum, stage) => sum + stage.steps, 0);
  return cosineRate({ rate, warmUp: Math.min(warmUp, steps - 1), steps, final: 0.02 });
}

function lossOf(
  { backend }: PlannedContext,
  subject: TrainingSubject,
  model: FloatArray,
  layers: number,
): number {
  return backend.scoped(() => {
    const problem = subject.problem(layers);
    const parameters = backend.allocate(problem.layout.length);
    parameters.set(model);
    return subject.validate(problem, parameters);
  });
}

function sampledModel(
  { backend }: PlannedContext,
  subject: TrainingSubject,
  model: FloatArray,
  finest: number,
  layers: number,
): FloatArray {
  return backend.scoped(() => {
    const { layout, grid } = subject.problem(finest);
    return sampleParameters(layout, grid, model, subject.problem(layers).grid);
  });
}
