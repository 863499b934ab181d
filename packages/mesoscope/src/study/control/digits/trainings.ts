import {
  type ImageFlowConfiguration,
  type ImageTraining,
  type PatchedImages,
  pickImages,
  trainImageFlow,
} from '../../../control/images/index.ts';
import { cosineRate, solverStatusSentence } from '../../../control/solvers/index.ts';
import type { StudyContext, StudyResult } from '../../study.ts';
import type { Race } from './race.ts';
import type { Digits } from './schema.ts';
import { type Progress, packProgress, unpackProgress } from './stored.ts';

interface NamedTraining {
  readonly label: string;
  readonly training: ImageTraining;
}

const reportEvery = 50;

/** All trainings of a study, in order: the judged model, then for each seed a random start and a refinement. */
function plan(
  configuration: Digits,
  training: PatchedImages,
  validation: PatchedImages,
): NamedTraining[] {
  const { seed, stages, rate, warmUp, prolongation, race } = configuration;
  const flow: ImageFlowConfiguration = configuration;
  const shared = { configuration: flow, prolongation, training };
  const looked = Math.min(race.validation, validation.count);
  const look = pickImages(
    validation,
    Int32Array.from({ length: looked }, (_, i) => i),
  );
  const finest = race.stages[race.stages.length - 1].layers;
  const start = [{ layers: finest, steps: race.steps }];
  const decaying = (list: typeof stages) => {
    const steps = list.reduce((sum, stage) => sum + stage.steps, 0);
    return cosineRate({ rate, warmUp: Math.min(warmUp, steps - 1), steps, final: 0.02 });
  };
  const judged = {
    label: 'training',
    training: {
      ...{ ...shared, seed, stages, validation, reportEvery },
      rate: decaying(stages),
    },
  };
  const raced = Array.from({ length: race.seeds }, (_, i) => i + 1).flatMap((number) => {
    const common = {
      ...shared,
      seed: seed + number,
      validation: look,
      reportEvery: race.reportEvery,
    };
    return [
      {
        label: `race ${number}, random start`,
        training: {
          ...{ ...common, stages: start },
          rate: decaying(start),
        },
      },
      {
        label: `race ${number}, refinement`,
        training: {
          ...{ ...common, stages: race.stages },
          rate: decaying(race.stages),
        },
      },
    ];
  });
  return [judged, ...raced];
}

export interface Trained extends Progress {
  /** Of the trainings; `completed` once all are done. */
  readonly status: StudyResult['status'];
  readonly races: readonly Race[];
}

/** Runs all trainings of a study, from its last checkpoint where there is one. */
export async function runTrainings(
  configuration: Digits,
  parts: { readonly training: PatchedImages; readonly validation: PatchedImages },
  context: StudyContext,
): Promise<Trained> {
  const { backend, signal } = context;
  const trainings = plan(configuration, parts.training, parts.validation);
  const work = trainings.map(({ training }) =>
    training.stages.reduce((sum, { layers, steps }) => sum + layers * steps, 0),
  );
  const total = work.reduce((sum, one) => sum + one, 0);
  let progress: Progress =
    context.resume === undefined ? { done: [] } : unpackProgress(context.resume);
  for (let i = progress.done.length; i < trainings.length; i++) {
    const { label, training } = trainings[i];
    const before = work.slice(0, i).reduce((sum, one) => sum + one, 0);
    const here = progress;
    const { status, refinement, records } = await trainImageFlow(backend, training, {
      ...(here.current === undefined ? {} : { resume: here.current }),
      ...(signal === undefined ? {} : { signal }),
      progress: (steps, words) => context.progress(before + steps, total, `${label}: ${words}`),
      record: async (record, state) => {
        context.metric({ phase: label, ...record });
        await context.checkpoint(() => packProgress({ ...here, current: state() }));
      },
    });
    if (status.kind === 'aborted' || status.kind === 'diverged') {
      progress = { ...here, current: { refinement, records } };
      const stored = progress;
      await context.checkpoint(() => packProgress(stored));
      const message = `${label}: ${solverStatusSentence(status)}`;
      const kind = status.kind === 'aborted' ? 'interrupted' : 'diverged';
      return { ...progress, status: { kind, message }, races: racesOf(progress, configuration) };
    }
    progress = {
      done: [...here.done, records],
      model: here.model ?? refinement.parameters,
    };
    const stored = progress;
    await context.checkpoint(() => packProgress(stored));
  }
  return {
    ...progress,
    status: { kind: 'completed', message: 'All trainings are done.' },
    races: racesOf(progress, configuration),
  };
}

function racesOf({ done }: Progress, { seed }: Digits): Race[] {
  const races: Race[] = [];
  for (let i = 1; i + 1 < done.length; i += 2) {
    races.push({ seed: seed + races.length + 1, random: done[i], refined: done[i + 1] });
  }
  return races;
}
