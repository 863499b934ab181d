import { createProblemEngine } from '../../control/create-problem.ts';
import type { RefinementStage } from '../../control/refinement.ts';
import { solverStatusSentence } from '../../control/solvers/index.ts';
import {
  type TrainingRecord,
  type TrainingSchedule,
  type TrainingState,
  type TrainingSubject,
  trainFlow,
  trainingWork,
} from '../../control/training.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import type { PlannedContext, PlannedPiece } from '../plan.ts';
import type { StudyResult } from '../study.ts';

/** A training that ended. */
export interface FinishedTraining {
  readonly status: StudyResult['status'];
  readonly records: readonly TrainingRecord[];
  /** Parameters that were kept, in order. */
  readonly models: readonly FloatArray[];
}

/** A training as a piece of a study. */
export interface PlannedTraining extends Pick<PlannedPiece, 'label' | 'needs' | 'wide'> {
  /** Those of the schedule. */
  readonly stages: readonly RefinementStage[];
  /** Parameters that are kept: those at the end of every depth, of the last one, or none. */
  readonly keep: 'every depth' | 'last depth' | 'none';
  subject(context: PlannedContext): Promise<TrainingSubject>;
  /** What was done before may be where it starts. */
  schedule(context: PlannedContext, subject: TrainingSubject): TrainingSchedule;
  /** Numbers of a record that live progress shows besides. */
  metric?(record: TrainingRecord): Readonly<Record<string, number>>;
}

/** From where a training goes on. */
interface Under {
  readonly state: TrainingState;
  readonly models: readonly FloatArray[];
}

/** The piece that trains, its layers run by a depth engine, and that can be continued after every record. */
export function trainingPiece(planned: PlannedTraining): PlannedPiece<FinishedTraining> {
  const { label, stages, keep, metric, subject: subjectIn, schedule, ...rest } = planned;
  const work = trainingWork(stages);
  return {
    ...rest,
    label,
    weight: work,
    async compute(context) {
      const before = context.resume as Under | undefined;
      const subject = await subjectIn(context);
      const models: FloatArray[] = [...(before?.models ?? [])];
      const ends = endsOf(stages, keep);
      const host = {
        engine: createProblemEngine,
        progress: ({ layerSteps }: { readonly layerSteps: number }, words: string) =>
          context.progress(layerSteps / work, `${label}: ${words}`),
        async record(record: TrainingRecord, state: () => TrainingState) {
          context.metric({ phase: label, ...record, ...metric?.(record) });
          if (ends.has(record.step)) models.push(state().refinement.parameters);
          await context.checkpoint((): Under => ({ state: state(), models: [...models] }));
        },
      };
      const { status, records } = await trainFlow(
        context.backend,
        subject,
        schedule(context, subject),
        before === undefined ? host : { ...host, resume: before.state },
      );
      const kind = status.kind === 'diverged' ? 'diverged' : 'completed';
      return { status: { kind, message: solverStatusSentence(status) }, records, models };
    },
  };
}

/** Steps, counted over all stages, at which the parameters are kept. */
function endsOf(stages: readonly RefinementStage[], keep: PlannedTraining['keep']): Set<number> {
  let steps = 0;
  const ends = stages.map((stage) => {
    steps += stage.steps;
    return steps;
  });
  return new Set(keep === 'none' ? [] : keep === 'last depth' ? ends.slice(-1) : ends);
}
