import { MesoscopeError } from '../errors.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';
import { columnStride } from '../kernels/instruction.ts';
import { stateLength } from '../kernels/program.ts';
import { refuse, shapeMismatch } from '../numeric/checks.ts';

/** Give `tokens` to a problem with a vocabulary, `states` to one whose inputs are vectors. */
export interface Inputs {
  /** S. */
  readonly samples: number;
  /** S × n token classes. */
  readonly tokens?: ArrayLike<number> | undefined;
  /** S × n × d: h_0, token after token. */
  readonly states?: ArrayLike<number> | undefined;
}

/** Samples with labels. */
export interface Batch extends Inputs {
  /** S × m classes, m = n for a readout at every position, else 1; a negative one is no label. */
  readonly labels: ArrayLike<number>;
  /** S × m weights w ≥ 0 of the labels; default 1. The loss is `Σ w ℓ / Σ w` over what has a label. */
  readonly weights?: ArrayLike<number> | undefined;
}

export interface BatchShape {
  /** Most samples of a batch. */
  readonly samples: number;
  /** n. */
  readonly tokens: number;
  /** d. */
  readonly dimension: number;
  /** Token classes; 0: the inputs are vectors. */
  readonly vocabulary: number;
  readonly classes: number;
  /** m. */
  readonly columns: number;
}

/** A batch in the backend's memory. */
export interface BatchBuffers {
  /** S × n, padded; empty without a vocabulary. */
  readonly tokens: FloatArray;
  /** S × m, padded. */
  readonly labels: FloatArray;
  /** S × m, padded; 0 where there is no label. */
  readonly weights: FloatArray;
  /**
   * Refuses what does not fit, then copies tokens in; input vectors go to `states` (S states d × n).
   *
   * @throws MesoscopeError `shape-mismatch`, `invalid-value`, `not-finite`
   */
  loadInputs(inputs: Inputs, states: FloatArray): void;
  /**
   * Refuses what does not fit, then copies labels and weights in.
   *
   * @returns Σw over what has a label
   * @throws MesoscopeError `shape-mismatch`, `invalid-value`
   */
  loadLabels(batch: Batch): number;
  /** As labels that are all absent. */
  clearLabels(): void;
}

/** Room for one batch. */
export function createBatchBuffers(backend: Backend, shape: BatchShape): BatchBuffers {
  const { samples: capacity, tokens: n, dimension: d, vocabulary, columns } = shape;
  const tokens = backend.allocate(vocabulary > 0 ? capacity * stateLength(1, n) : 0);
  const labels = backend.allocate(capacity * stateLength(1, columns));
  const weights = backend.allocate(capacity * stateLength(1, columns));

  function loadInputs(inputs: Inputs, states: FloatArray): void {
    checkInputs(inputs, shape);
    const stride = columnStride(n);
    const { samples, tokens: indices, states: vectors } = inputs;
    for (let s = 0; s < samples; s++) {
      for (let j = 0; j < n; j++) {
        if (vocabulary > 0) tokens[s * stride + j] = indices?.[s * n + j] as number;
        else {
          const token = (s * n + j) * d;
          for (let i = 0; i < d; i++) {
            states[(s * d + i) * stride + j] = vectors?.[token + i] as number;
          }
        }
      }
    }
  }

  function loadLabels(batch: Batch): number {
    const total = checkLabels(batch, shape);
    const stride = columnStride(columns);
    for (let s = 0; s < batch.samples; s++) {
      for (let i = 0; i < columns; i++) {
        const label = batch.labels[s * columns + i];
        labels[s * stride + i] = label;
        weights[s * stride + i] = label < 0 ? 0 : (batch.weights?.[s * columns + i] ?? 1);
      }
    }
    return total;
  }

  function clearLabels(): void {
    labels.fill(-1);
    weights.fill(0);
  }

  return { tokens, labels, weights, loadInputs, loadLabels, clearLabels };
}

function checkInputs({ samples, tokens, states }: Inputs, shape: BatchShape): void {
  const { samples: capacity, tokens: n, dimension: d, vocabulary } = shape;
  if (!Number.isInteger(samples) || samples < 1 || samples > capacity) {
    refuse('samples', samples, `a whole number from 1 to ${capacity}, the problem's capacity`);
  }
  if (vocabulary > 0) {
    requireClasses('tokens', required('tokens', tokens, [samples, n]), 0, vocabulary);
  } else {
    requireFinite('states', required('states', states, [samples, n, d]));
  }
}

function checkLabels({ samples, labels, weights }: Batch, shape: BatchShape): number {
  const { columns, classes } = shape;
  required('labels', labels, [samples, columns]);
  requireClasses('labels', labels, Number.NEGATIVE_INFINITY, classes);
  if (weights !== undefined) required('weights', weights, [samples, columns]);
  let total = 0;
  for (let i = 0; i < samples * columns; i++) {
    const weight = weights?.[i] ?? 1;
    if (!(weight >= 0 && Number.isFinite(weight))) {
      refuse(`weights[${i}]`, weight, 'a finite number of at least 0');
    }
    if (labels[i] >= 0) total += weight;
  }
  if (total === 0) refuse('labels', total, 'at least one label with a weight above 0');
  return total;
}

function required(
  path: string,
  received: ArrayLike<number> | undefined,
  shape: readonly number[],
): ArrayLike<number> {
  const length = shape.reduce((product, extent) => product * extent, 1);
  if (received === undefined) refuse(path, undefined, `${length} numbers`);
  if (received.length !== length) {
    throw shapeMismatch(path, [received.length], shape);
  }
  return received;
}

function requireClasses(path: string, received: ArrayLike<number>, low: number, count: number) {
  for (let i = 0; i < received.length; i++) {
    if (!(Number.isInteger(received[i]) && received[i] >= low && received[i] < count)) {
      refuse(`${path}[${i}]`, received[i], `a class from 0 to ${count - 1}`);
    }
  }
}

function requireFinite(path: string, received: ArrayLike<number>): void {
  for (let index = 0; index < received.length; index++) {
    if (!Number.isFinite(received[index])) {
      throw new MesoscopeError({ code: 'not-finite', path, index, received: received[index] });
    }
  }
}
