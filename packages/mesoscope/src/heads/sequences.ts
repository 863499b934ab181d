import { MesoscopeError } from '../errors.ts';
import { columnStride } from '../kernels/instruction.ts';
import { requireFinite, shapeMismatch } from '../numeric/checks.ts';

/** Labelled sequences as the kernels read them. Sequences shorter than the longest are padded at their end. */
export interface SequenceData {
  /** S. */
  readonly sequences: number;
  /** n, tokens of the longest sequence. */
  readonly tokens: number;
  /** d. */
  readonly dimension: number;
  /** C. */
  readonly classes: number;
  /** Tokens of each sequence. */
  readonly lengths: readonly number[];
  /** S states d × n (tokens along columns, rows `columnStride(n)` apart), 0 in the padding. */
  readonly states: Float64Array;
  /** S rows of `columnStride(n)` class numbers; −1 where there is no label. */
  readonly labels: Float64Array;
  /** Like `labels`: the probability of each labelled position under the data law; 0 elsewhere, sum 1. */
  readonly weights: Float64Array;
}

export interface SequenceDataOptions {
  /** Like the labels, ≥ 0: importance of each position; scaled to sum 1. Default: equal for all labelled positions. */
  readonly weights?: readonly (readonly number[])[];
}

/**
 * Checks and packs labelled sequences. The data law gives the same probability to every labelled position of every
 * sequence. Attention is causal and padding stands at the end, so that no token of a sequence ever sees padding, and
 * padding has no label: a padded sequence counts exactly as it would alone.
 *
 * @param sequences - `[sequence][token][coordinate]`, lengths may differ
 * @param labels - `[sequence][token]`, a class 0 … C−1 or −1 (no label), as many as the sequence has tokens
 * @throws MesoscopeError `shape-mismatch`, `not-finite`; `invalid-value` for a label that is no class, if there is no
 *   label at all, or for a negative weight
 */
export function sequenceData(
  sequences: readonly (readonly (readonly number[])[])[],
  labels: readonly (readonly number[])[],
  classes: number,
  options: SequenceDataOptions = {},
): SequenceData {
  if (!Number.isInteger(classes) || classes < 2) {
    throw invalid('classes', classes, 'a whole number, at least 2');
  }
  if (sequences.length === 0) throw shapeMismatch('sequences', [0], ['at least 1']);
  if (labels.length !== sequences.length) {
    throw shapeMismatch('labels', [labels.length], [sequences.length]);
  }
  const lengths = sequences.map((tokens) => tokens.length);
  const n = Math.max(...lengths);
  const d = sequences[0][0]?.length ?? 0;
  const stride = columnStride(n);
  const S = sequences.length;
  const data = {
    sequences: S,
    tokens: n,
    dimension: d,
    classes,
    lengths,
    states: new Float64Array(S * d * stride),
    labels: new Float64Array(S * stride).fill(-1),
    weights: new Float64Array(S * stride),
  };
  sequences.forEach((tokens, s) => {
    if (tokens.length === 0) throw shapeMismatch(`sequences[${s}]`, [0], ['at least 1 token']);
    tokens.forEach((token, t) => {
      const path = `sequences[${s}][${t}]`;
      if (token.length !== d || d === 0) {
        throw shapeMismatch(path, [token.length], [d || 'at least 1']);
      }
      requireFinite(path, token);
      for (let a = 0; a < d; a++) data.states[(s * d + a) * stride + t] = token[a];
    });
    if (labels[s].length !== tokens.length) {
      throw shapeMismatch(`labels[${s}]`, [labels[s].length], [tokens.length]);
    }
    labels[s].forEach((label, t) => {
      if (!Number.isInteger(label) || label < -1 || label >= classes) {
        throw invalid(
          `labels[${s}][${t}]`,
          label,
          `a class from 0 to ${classes - 1}, or −1 for no label`,
        );
      }
      data.labels[s * stride + t] = label;
      if (label >= 0) data.weights[s * stride + t] = weightAt(options, s, t);
    });
  });
  const total = data.weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0)) throw invalid('labels', 'no label of positive weight', 'at least one');
  data.weights.forEach((weight, i) => {
    data.weights[i] = weight / total;
  });
  return data;
}

function weightAt({ weights }: SequenceDataOptions, s: number, t: number): number {
  if (weights === undefined) return 1;
  const weight = weights[s]?.[t];
  if (!(weight >= 0 && Number.isFinite(weight))) {
    throw invalid(`weights[${s}][${t}]`, weight, 'a number ≥ 0');
  }
  return weight;
}

function invalid(path: string, received: unknown, expected: string): MesoscopeError {
  return new MesoscopeError({ code: 'invalid-value', path, received, expected });
}
