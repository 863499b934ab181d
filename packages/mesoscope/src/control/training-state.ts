import type { FloatArray } from '../kernels/backend.ts';
import type { TrainingRecord, TrainingState } from './training.ts';

/** A training's state as a host stores it: small facts, and arrays by name. */
export interface StoredTraining {
  readonly meta: Readonly<Record<string, number | string | readonly number[]>>;
  readonly arrays: Readonly<Record<string, FloatArray>>;
}

const columns = [
  'layers',
  'step',
  'seconds',
  'layerGradients',
  'loss',
  'validationLoss',
] as const satisfies readonly (keyof TrainingRecord)[];

const memoryPrefix = 'memory.';

/** Records as rows of layers, step, seconds, layer gradients, loss, validation loss. */
export function recordRows(records: readonly TrainingRecord[]) {
  const data = Float64Array.from(records.flatMap((row) => columns.map((name) => row[name])));
  return { shape: [records.length, columns.length], data };
}

/** The inverse of {@link recordRows}. */
export function recordsFromRows(rows: FloatArray): TrainingRecord[] {
  return Array.from({ length: rows.length / columns.length }, (_, i) => {
    const row = columns.map((name, j) => [name, rows[i * columns.length + j]]);
    return Object.fromEntries(row) as TrainingRecord;
  });
}

/** Packs a training for storage. */
export function packTraining({ refinement, records, window }: TrainingState): StoredTraining {
  const { stage, step, parameters, memory } = refinement;
  return {
    meta: {
      stage,
      step,
      windowSteps: window.steps,
      windowLoss: window.loss,
      windowSeconds: window.seconds,
    },
    arrays: {
      parameters,
      records: recordRows(records).data,
      ...Object.fromEntries(
        Object.entries(memory).map(([name, vector]) => [memoryPrefix + name, vector]),
      ),
    },
  };
}

/** The inverse of {@link packTraining}. */
export function unpackTraining({ meta, arrays }: StoredTraining): TrainingState {
  const memory = Object.entries(arrays)
    .filter(([name]) => name.startsWith(memoryPrefix))
    .map(([name, vector]) => [name.slice(memoryPrefix.length), vector]);
  return {
    refinement: {
      stage: Number(meta.stage),
      step: Number(meta.step),
      parameters: arrays.parameters,
      memory: Object.fromEntries(memory),
    },
    records: recordsFromRows(arrays.records),
    window: {
      steps: Number(meta.windowSteps),
      loss: Number(meta.windowLoss),
      seconds: Number(meta.windowSeconds),
    },
  };
}
