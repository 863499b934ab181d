import type { TrainingRecord, TrainingState } from '../../control/training.ts';
import {
  packTraining,
  recordRows,
  recordsFromRows,
  unpackTraining,
} from '../../control/training-state.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import type { Checkpoint } from '../whole.ts';

/** A training that ended. */
export interface FinishedTraining {
  readonly records: readonly TrainingRecord[];
  /** Parameters that were kept, in order. */
  readonly models: readonly FloatArray[];
}

/** What a study has done: trainings that ended, in order, and the one in progress with the models that it has kept. */
export interface Progress {
  readonly done: readonly FinishedTraining[];
  readonly current?: { readonly state: TrainingState; readonly models: readonly FloatArray[] };
}

const recordsOf = (training: number) => `done.${training}.records`;
const modelOf = (training: number, model: number) => `done.${training}.model.${model}`;

export function packProgress({ done, current }: Progress): Checkpoint {
  const state = current === undefined ? undefined : packTraining(current.state);
  const models = [...done.map((training) => training.models), current?.models ?? []];
  return {
    meta: { done: done.length, models: models.map((kept) => kept.length), ...state?.meta },
    arrays: {
      ...Object.fromEntries(done.map(({ records }, i) => [recordsOf(i), recordRows(records).data])),
      ...Object.fromEntries(
        models.flatMap((kept, i) => kept.map((model, j) => [modelOf(i, j), model])),
      ),
      ...state?.arrays,
    },
  };
}

/** The inverse of {@link packProgress}. */
export function unpackProgress(checkpoint: Checkpoint): Progress {
  const { meta, arrays } = checkpoint;
  const counts = meta.models as readonly number[];
  const models = (training: number) =>
    Array.from({ length: counts[training] }, (_, j) => arrays[modelOf(training, j)]);
  const count = Number(meta.done);
  const done = Array.from({ length: count }, (_, i) => ({
    records: recordsFromRows(arrays[recordsOf(i)]),
    models: models(i),
  }));
  if (arrays.parameters === undefined) return { done };
  return { done, current: { state: unpackTraining(checkpoint), models: models(count) } };
}
