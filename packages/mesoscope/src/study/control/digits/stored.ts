import type { ImageTrainingRecord, ImageTrainingState } from '../../../control/images/index.ts';
import type { FloatArray } from '../../../kernels/backend.ts';
import type { Checkpoint } from '../../study.ts';

/** What the study has done: trainings that ended, in order, and the one in progress. */
export interface Progress {
  readonly done: readonly (readonly ImageTrainingRecord[])[];
  /** Parameters of the judged model, the first training. */
  readonly model?: FloatArray;
  readonly current?: ImageTrainingState;
}

const columns = [
  'layers',
  'step',
  'seconds',
  'layerGradients',
  'loss',
  'validationLoss',
] as const satisfies readonly (keyof ImageTrainingRecord)[];

const recordsPrefix = 'records.';
const memoryPrefix = 'memory.';

/** Records as rows of {@link columns}. */
export function recordRows(records: readonly ImageTrainingRecord[]) {
  const data = Float64Array.from(records.flatMap((row) => columns.map((name) => row[name])));
  return { shape: [records.length, columns.length], data };
}

export function packProgress({ done, model, current }: Progress): Checkpoint {
  const trainings = [...done, ...(current === undefined ? [] : [current.records])];
  const refinement = current?.refinement;
  const memory = Object.entries(refinement?.memory ?? {});
  return {
    meta: {
      done: done.length,
      ...(refinement === undefined ? {} : { stage: refinement.stage, step: refinement.step }),
    },
    arrays: {
      ...Object.fromEntries(
        trainings.map((records, i) => [recordsPrefix + i, recordRows(records).data]),
      ),
      ...(model === undefined ? {} : { model }),
      ...(refinement === undefined ? {} : { parameters: refinement.parameters }),
      ...Object.fromEntries(memory.map(([name, vector]) => [memoryPrefix + name, vector])),
    },
  };
}

/** The inverse of {@link packProgress}. */
export function unpackProgress({ meta, arrays }: Checkpoint): Progress {
  const count = Number(meta.done);
  const recordsAt = (i: number) => fromRows(arrays[recordsPrefix + i]);
  const memory = Object.entries(arrays)
    .filter(([name]) => name.startsWith(memoryPrefix))
    .map(([name, vector]) => [name.slice(memoryPrefix.length), vector]);
  return {
    done: Array.from({ length: count }, (_, i) => recordsAt(i)),
    ...(arrays.model === undefined ? {} : { model: arrays.model }),
    ...(arrays.parameters === undefined
      ? {}
      : {
          current: {
            refinement: {
              stage: Number(meta.stage),
              step: Number(meta.step),
              parameters: arrays.parameters,
              memory: Object.fromEntries(memory),
            },
            records: recordsAt(count),
          },
        }),
  };
}

function fromRows(rows: FloatArray): ImageTrainingRecord[] {
  return Array.from({ length: rows.length / columns.length }, (_, i) => {
    const row = columns.map((name, j) => [name, rows[i * columns.length + j]]);
    return Object.fromEntries(row) as ImageTrainingRecord;
  });
}
