import type { ClaimOutcome } from '../../claims/run.ts';
import { restoredOutcome } from '../../claims/stored-outcome.ts';
import type { RefinementStage } from '../../control/refinement.ts';
import { recordRows } from '../../control/training-records.ts';
import type { PlannedPiece } from '../plan.ts';
import type { Section, StudyResult } from '../study.ts';
import type { CertifiedDepth } from './certificate-sections.ts';
import { type Coarsening, coarseningHeadline, coarseningSections } from './coarsening.ts';
import type { DepthPlan } from './depth-plan.ts';
import { type Race, type RaceOutcome, raceOutcome } from './race.ts';
import type { RaceConfiguration } from './race-schema.ts';
import { raceHeadline, raceSections } from './race-sections.ts';
import type { FinishedTraining } from './training-piece.ts';

type ResultOf = <Result>(piece: PlannedPiece<Result>) => Result;

/** What the pieces that studies over depths share have found. */
export interface DepthResults {
  /** Of the first training that diverged; `completed` if none did. */
  readonly status: StudyResult['status'];
  readonly training: FinishedTraining;
  readonly races: readonly Race[];
  readonly outcomes: readonly RaceOutcome[];
  readonly coarsenings: readonly Coarsening[];
  readonly certified: readonly CertifiedDepth[];
  readonly claims: readonly ClaimOutcome[];
}

/** Gathers the results of a plan. Where a training diverged, what needs it is left out. */
export function depthResults(plan: DepthPlan, resultOf: ResultOf): DepthResults {
  const training = resultOf(plan.training);
  const pairs = plan.races.map(({ seed, random, refined, coarsened }) => ({
    seed,
    random: resultOf(random),
    refined: resultOf(refined),
    coarse: coarsened.map(resultOf).filter((one) => one !== undefined),
  }));
  const all = [training, ...pairs.flatMap(({ random, refined }) => [random, refined])];
  const diverged = all.find(({ status }) => status.kind === 'diverged');
  const sound = pairs.filter(({ random, refined }) =>
    [random, refined].every(({ status }) => status.kind === 'completed'),
  );
  const races = sound.map(({ seed, random, refined }) => ({
    seed,
    random: random.records,
    refined: refined.records,
  }));
  return {
    status: diverged?.status ?? { kind: 'completed', message: 'All trainings are done.' },
    training,
    races,
    outcomes: races.map(raceOutcome),
    coarsenings: sound.map(({ seed, refined, coarse }) => {
      const last = refined.records[refined.records.length - 1];
      return { seed, layers: last.layers, loss: last.validationLoss, coarse };
    }),
    certified: plan.certificates.map(resultOf).filter((one) => one !== undefined),
    claims: plan.claims
      .map(resultOf)
      .filter((one) => one !== undefined)
      .map((one) => restoredOutcome(one)),
  };
}

/** What the race found, and the coarsening. */
export function raceAndCoarsening(
  { races, outcomes, coarsenings }: DepthResults,
  { race }: { readonly race: RaceConfiguration },
): Section[] {
  const retraining = race.coarsening.steps;
  return [...raceSections(races, outcomes), ...coarseningSections(coarsenings, retraining)];
}

export function depthHeadline({ outcomes, coarsenings }: DepthResults): StudyResult['headline'] {
  return { ...raceHeadline(outcomes), ...coarseningHeadline(coarsenings) };
}

/** The judged model at every depth, and the record of every training, for arrays.npz. */
export function trainingArrays(
  { training: { records, models }, races }: DepthResults,
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
