import type { TrainingRecord } from './training.ts';

const columns = [
  'layers',
  'step',
  'seconds',
  'layerGradients',
  'loss',
  'validationLoss',
] as const satisfies readonly (keyof TrainingRecord)[];

/** Records as rows of layers, step, seconds, layer gradients, loss, validation loss. */
export function recordRows(records: readonly TrainingRecord[]) {
  const data = Float64Array.from(records.flatMap((row) => columns.map((name) => row[name])));
  return { shape: [records.length, columns.length], data };
}
