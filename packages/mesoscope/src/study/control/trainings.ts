import type { RefinementStage } from '../../control/refinement.ts';
import { solverStatusSentence } from '../../control/solvers/index.ts';
import {
  type TrainingSchedule,
  type TrainingSubject,
  trainFlow,
  trainingWork,
} from '../../control/training.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import type { StudyContext, OldResult as StudyResult } from '../whole.ts';
import { type FinishedTraining, type Progress, packProgress, unpackProgress } from './stored.ts';

/** One training of a study. */
export interface PlannedTraining {
  readonly label: string;
  /** Those of the schedule. */
  readonly stages: readonly RefinementStage[];
  /** Parameters that are kept: those at the end of every depth, of the last one, or none. */
  readonly keep: 'every depth' | 'last depth' | 'none';
  readonly subject: TrainingSubject;
  /** Made when its turn comes: what was done before may be where it starts. */
  schedule(done: readonly FinishedTraining[]): TrainingSchedule;
}

export interface Trained extends Progress {
  /** `completed` once all trainings are done. */
  readonly status: StudyResult['status'];
}

/** Runs the trainings of a study in order, from its last checkpoint where there is one. */
export async function runTrainings(
  plan: readonly PlannedTraining[],
  context: StudyContext,
): Promise<Trained> {
  const { backend, signal } = context;
  const work = plan.map(({ stages }) => trainingWork(stages));
  const total = work.reduce((sum, one) => sum + one, 0);
  let progress: Progress =
    context.resume === undefined ? { done: [] } : unpackProgress(context.resume);
  for (let i = progress.done.length; i < plan.length; i++) {
    const { label, stages, keep, subject, schedule } = plan[i];
    const before = work.slice(0, i).reduce((sum, one) => sum + one, 0);
    const { done, current } = progress;
    const models: FloatArray[] = [...(current?.models ?? [])];
    const ends = endsOf(stages, keep);
    const { status, ...state } = await trainFlow(backend, subject, schedule(done), {
      ...(current === undefined ? {} : { resume: current.state }),
      ...(signal === undefined ? {} : { signal }),
      progress: ({ layerSteps }, words) =>
        context.progress(before + layerSteps, total, `${label}: ${words}`),
      async record(record, stateNow) {
        context.metric({ phase: label, ...record });
        if (ends.has(record.step)) models.push(stateNow().refinement.parameters);
        await context.checkpoint(() =>
          packProgress({ done, current: { state: stateNow(), models } }),
        );
      },
    });
    const stopped = status.kind === 'aborted' || status.kind === 'diverged';
    progress = stopped
      ? { done, current: { state, models } }
      : { done: [...done, { records: state.records, models }] };
    const stored = progress;
    await context.checkpoint(() => packProgress(stored));
    if (stopped) {
      const message = `${label}: ${solverStatusSentence(status)}`;
      const kind = status.kind === 'aborted' ? 'interrupted' : 'diverged';
      return { ...progress, status: { kind, message } };
    }
  }
  return { ...progress, status: { kind: 'completed', message: 'All trainings are done.' } };
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
