import type { LayerField } from '../../../checkpoint/depth/layer-fields.ts';
import type { OutputMetric } from '../../../checkpoint/depth/output-change.ts';
import type { Precision } from '../../../kernels/backend.ts';
import { meanInterval } from '../../../numeric/fit.ts';
import { withInterval } from '../../control/wording.ts';
import type { InputRecord, Operation, OperationRecord } from './operations.ts';

/** What a surgery leaves: a model, and the same architecture with random weights, on every input. */
export interface Operated {
  readonly source: string;
  /** Of its architecture. */
  readonly name: string;
  readonly licence: string;
  readonly precision: Precision;
  readonly layers: number;
  readonly tokens: number;
  /** Whether its layers normalise after their sums. */
  readonly post: boolean;
  /** Whether all layers have the same weights. */
  readonly shared: boolean;
  readonly metric: OutputMetric;
  readonly trained: readonly InputRecord[];
  readonly random: readonly InputRecord[];
}

/** How the change of an output is named and written. */
export const metricWords: Readonly<Record<OutputMetric, string>> = {
  nll: 'Δ cross-entropy of the next token (nats)',
  state: '|X′ − X|/|X| after the last norm',
  cosine: '1 − cos of mean tokens',
};

/** One number of each input for an operation. */
export function changes(
  records: readonly InputRecord[],
  { kind, number }: Pick<Operation, 'kind' | 'number'>,
  metric: OutputMetric,
): number[] {
  return records.flatMap(({ operated }) => {
    const found = operated.operations.find(
      (one: OperationRecord) => one.kind === kind && one.number === number,
    );
    return found?.[metric] ?? [];
  });
}

/** A number of a layer's field for each input, where there is one. */
export function fieldNumbers(
  records: readonly InputRecord[],
  layer: number,
  of: (field: LayerField) => number | null,
): number[] {
  return records.flatMap(({ fields }) => of(fields[layer]) ?? []);
}

/** Mean over inputs with its 95 % interval. */
export function meanInWords(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const { mean, interval } = meanInterval(values);
  return withInterval(mean, interval, (x) => (x === 0 ? '0' : x.toPrecision(3)));
}
