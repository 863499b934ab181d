import type { Batch } from '../../control/batch.ts';
import {
  type ControlCertificateOptions,
  certifyControls,
} from '../../control/certificates/index.ts';
import type { RefinementStage } from '../../control/refinement.ts';
import type { TrainingRecord, TrainingSubject } from '../../control/training.ts';
import { recordRows } from '../../control/training-state.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import type { Section } from '../study.ts';
import type { StudyContext, OldResult as StudyResult } from '../whole.ts';
import type { CertifiedDepth } from './certificate-sections.ts';
import { type Coarsening, coarseningHeadline, coarseningSections } from './coarsening.ts';
import {
  coarseningsOf,
  decayingRate,
  type RaceSetting,
  racesOf,
  raceTrainings,
} from './depth-trainings.ts';
import { type Race, type RaceOutcome, raceOutcome } from './race.ts';
import { raceHeadline, raceSections } from './race-sections.ts';
import { runTrainings } from './trainings.ts';

/** The training of the model that is judged. */
export interface JudgedTraining {
  readonly subject: TrainingSubject;
  readonly stages: readonly RefinementStage[];
  readonly reportEvery: number;
}

/** All trainings of a study over depths. */
export interface DepthTrainings {
  readonly status: StudyResult['status'];
  /** Of the judged model. */
  readonly records: readonly TrainingRecord[];
  /** Parameters of the judged model at the end of every depth; all of them once `status` is `completed`. */
  readonly models: readonly FloatArray[];
  readonly races: readonly Race[];
  readonly outcomes: readonly RaceOutcome[];
  readonly coarsenings: readonly Coarsening[];
}

/** Trains the judged model by depth refinement, then runs the race and retrains what it left on fewer layers. */
export async function runDepthTrainings(
  setting: RaceSetting,
  judged: JudgedTraining,
  context: StudyContext,
): Promise<DepthTrainings> {
  const { subject, stages, reportEvery } = judged;
  const { seed, prolongation } = setting;
  const schedule = () => ({
    ...{ seed, stages, prolongation, reportEvery },
    rate: decayingRate(setting, stages),
  });
  const first = { label: 'training', stages, keep: 'every depth' as const, subject, schedule };
  const { status, done } = await runTrainings([first, ...raceTrainings(setting, 1)], context);
  const races = racesOf(setting, done, 1);
  return {
    status,
    records: done[0]?.records ?? [],
    models: done[0]?.models ?? [],
    races,
    outcomes: races.map(raceOutcome),
    coarsenings: coarseningsOf(setting, done, 1),
  };
}

/** What the race found, and the coarsening. */
export function raceAndCoarsening(
  { races, outcomes, coarsenings }: DepthTrainings,
  { race }: Pick<RaceSetting, 'race'>,
): Section[] {
  const retraining = race.coarsening.steps;
  return [...raceSections(races, outcomes), ...coarseningSections(coarsenings, retraining)];
}

export function depthHeadline({ outcomes, coarsenings }: DepthTrainings): StudyResult['headline'] {
  return { ...raceHeadline(outcomes), ...coarseningHeadline(coarsenings) };
}

/** The judged model at every depth, and the record of every training, for arrays.npz. */
export function trainingArrays(
  { records, models, races }: DepthTrainings,
  stages: readonly RefinementStage[],
): StudyResult['arrays'] {
  return {
    ...Object.fromEntries(
      models.map((model, i) => [
        `parameters.${stages[i].layers}`,
        { shape: [model.length], data: model },
      ]),
    ),
    ...(records.length === 0 ? {} : { training: recordRows(records) }),
    ...Object.fromEntries(
      races.flatMap(({ random, refined }, i) => [
        [`race.${i + 1}.random`, recordRows(random)],
        [`race.${i + 1}.refined`, recordRows(refined)],
      ]),
    ),
  };
}

/** Judges the model at the end of every depth, on one batch; after an abort the rest is left out. */
export async function certifyDepths(
  { subject, stages }: JudgedTraining,
  models: readonly FloatArray[],
  batch: Batch,
  context: StudyContext,
  options: ControlCertificateOptions,
): Promise<CertifiedDepth[]> {
  const { backend } = context;
  const certified: CertifiedDepth[] = [];
  for (const [i, { layers }] of stages.entries()) {
    await new Promise((resume) => setTimeout(resume, 0));
    if (context.signal?.aborted) break;
    context.progress(i, stages.length, `certificate of ${layers} layers`);
    const certificate = backend.scoped(() => {
      const problem = subject.problem(layers);
      const parameters = backend.allocate(problem.layout.length);
      parameters.set(models[i]);
      return certifyControls(problem, parameters, batch, options);
    });
    certified.push({ layers, certificate });
  }
  return certified;
}
