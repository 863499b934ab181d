import type { RefinementState } from '../refinement.ts';

/** One line of a training's record. */
export interface TrainingRecord {
  /** L. */
  readonly layers: number;
  /** Steps taken over all depths. */
  readonly step: number;
  /** Training time so far, reports not counted, over all interrupted runs. */
  readonly seconds: number;
  /** Mean cross-entropy in nats over the batches since the last record. */
  readonly loss: number;
  /** Bits per character on the report's sequences of the validation part. */
  readonly heldOutBits: number;
  /** Trained since the last record. */
  readonly sequencesPerSecond: number;
}

/** A training's state in plain arrays, as a host stores it. */
export interface TrainingCheckpoint {
  readonly meta: Readonly<Record<string, number | string | readonly number[]>>;
  readonly arrays: Readonly<Record<string, Float64Array | Float32Array>>;
}

/** Everything that a training carries from step to step besides the {@link RefinementState}. */
export interface TrainingProgress {
  readonly records: TrainingRecord[];
  /** Training time before the last record. */
  seconds: number;
  /** Since the last record: sum of losses, number of steps, training time. */
  lossSum: number;
  lossCount: number;
  windowSeconds: number;
}

export function newProgress(): TrainingProgress {
  return { records: [], seconds: 0, lossSum: 0, lossCount: 0, windowSeconds: 0 };
}

const columns = [
  'layers',
  'step',
  'seconds',
  'loss',
  'heldOutBits',
  'sequencesPerSecond',
] as const satisfies readonly (keyof TrainingRecord)[];

const memoryPrefix = 'memory.';

/** Packs a training for storage. */
export function packTraining(
  state: RefinementState,
  progress: TrainingProgress,
): TrainingCheckpoint {
  const { records, ...counters } = progress;
  const memory = Object.entries(state.memory).map(([name, vector]) => [
    memoryPrefix + name,
    vector,
  ]);
  return {
    meta: { stage: state.stage, step: state.step, ...counters },
    arrays: {
      parameters: state.parameters,
      records: Float64Array.from(records.flatMap((row) => columns.map((name) => row[name]))),
      ...Object.fromEntries(memory),
    },
  };
}

/** The inverse of {@link packTraining}. */
export function unpackTraining(checkpoint: TrainingCheckpoint): {
  state: RefinementState;
  progress: TrainingProgress;
} {
  const { meta, arrays } = checkpoint;
  const { parameters, records: rows } = arrays;
  const memory = Object.entries(arrays)
    .filter(([name]) => name.startsWith(memoryPrefix))
    .map(([name, vector]) => [name.slice(memoryPrefix.length), vector]);
  const records = Array.from({ length: rows.length / columns.length }, (_, i) => {
    const row = columns.map((name, j) => [name, rows[i * columns.length + j]]);
    return Object.fromEntries(row) as TrainingRecord;
  });
  return {
    state: {
      stage: Number(meta.stage),
      step: Number(meta.step),
      parameters,
      memory: Object.fromEntries(memory),
    },
    progress: {
      records,
      seconds: Number(meta.seconds),
      lossSum: Number(meta.lossSum),
      lossCount: Number(meta.lossCount),
      windowSeconds: Number(meta.windowSeconds),
    },
  };
}
