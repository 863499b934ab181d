import type { FloatArray } from '../kernels/backend.ts';
import { columnStride } from '../kernels/instruction.ts';
import type { FlowShape, FlowStatus } from './types.ts';

/** Where the numbers of S samples lie: rows of `columns` numbers, `stride` apart, `rows` rows a sample. */
export interface EntryLayout {
  readonly samples: number;
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
}

/** The layout of the states of S samples. */
export function stateLayout(shape: FlowShape, samples: number): EntryLayout {
  const { field, tokens } = shape;
  return { samples, rows: field.dimension, columns: tokens, stride: columnStride(tokens) };
}

/** Calls `visit` with the index of every entry of one sample, without the padding. */
export function forEachEntry(
  { rows, columns, stride }: EntryLayout,
  sample: number,
  visit: (index: number) => void,
): void {
  for (let row = sample * rows; row < (sample + 1) * rows; row++) {
    for (let i = row * stride; i < row * stride + columns; i++) visit(i);
  }
}

/** A state has diverged where an entry exceeds this, unless said otherwise. */
export const defaultLimit = 1e12;

/** `diverged`, if an entry is not a number or exceeds the limit in absolute value, with the first sample that has one. */
export function divergenceOf(
  state: FloatArray,
  layout: EntryLayout,
  place: { readonly step: number; readonly depth: number },
  limit: number,
): FlowStatus | undefined {
  for (let sample = 0; sample < layout.samples; sample++) {
    let norm = 0;
    forEachEntry(layout, sample, (i) => {
      // Math.max keeps NaN.
      norm = Math.max(norm, Math.abs(state[i]));
    });
    if (!(norm <= limit)) return { kind: 'diverged', ...place, sample, norm };
  }
  return undefined;
}
