import { refuse } from '../numeric/checks.ts';
import { columnStride, type Instruction, type MatrixRef, type ScalarRef } from './instruction.ts';

/**
 * Where a slot's memory lies when a program runs over S samples:
 * - `shared`: one buffer of `length`, the same for all samples (parameters);
 * - `sample`: a buffer of `S · length`; sample s starts at `s · length` (states, labels);
 * - `accumulator`: one buffer of `length` to which every sample adds, in an order that does not depend on the
 *   number of workers (gradients). Instructions on it must accumulate;
 * - `scratch`: private to the thread, unspecified at the start of each sample; not bound by the caller.
 */
export type SlotKind = 'shared' | 'sample' | 'accumulator' | 'scratch';

export interface Slot {
  readonly name: string;
  readonly kind: SlotKind;
  /** Elements (per sample, for `sample` slots). */
  readonly length: number;
}

/** A list of instructions over slots, run for every sample. See {@link ProgramBuilder}. */
export interface Program {
  readonly slots: readonly Slot[];
  /** Names of the scalars handed over at each run, by index. */
  readonly scalars: readonly string[];
  readonly instructions: readonly Instruction[];
}

/** The scratch slot is always slot 0. */
export const scratchSlot = 0;

/** The number one, as a scalar. */
export const one: ScalarRef = { factor: 1 };

/** A literal number as a scalar. */
export function literal(factor: number): ScalarRef {
  return { factor };
}

/** `factor · scalar`. */
export function scaled(scalar: ScalarRef, factor: number): ScalarRef {
  return { ...scalar, factor: scalar.factor * factor };
}

/** Elements of a state matrix with its padding: `rows · columnStride(columns)`. */
export function stateLength(rows: number, columns: number): number {
  return rows * columnStride(columns);
}

/** Rows `from … from + count − 1` of a matrix. */
export function rowsOf(matrix: MatrixRef, from: number, count: number): MatrixRef {
  return { ...matrix, offset: matrix.offset + from * matrix.stride, rows: count };
}

/** The memory and the list of instructions of a {@link Program} that is being written. */
export class ProgramMemory {
  readonly #slots: { name: string; kind: SlotKind; length: number }[] = [
    { name: 'scratch', kind: 'scratch', length: 0 },
  ];
  readonly #scalars: string[] = [];
  readonly #instructions: Instruction[] = [];
  /** Scratch matrices in use, one after the other. */
  readonly #scratch: MatrixRef[] = [];

  /** Declares a slot and returns its number. Names are unique. */
  slot(kind: Exclude<SlotKind, 'scratch'>, name: string, length: number): number {
    if (this.#slots.some((s) => s.name === name)) {
      refuse('slot name', name, 'a name not used yet');
    }
    return this.#slots.push({ name, kind, length }) - 1;
  }

  /** Declares a slot that holds one padded state matrix. */
  state(
    kind: Exclude<SlotKind, 'scratch'>,
    name: string,
    rows: number,
    columns: number,
  ): MatrixRef {
    const slot = this.slot(kind, name, stateLength(rows, columns));
    return { slot, offset: 0, rows, columns, stride: columnStride(columns) };
  }

  /** Declares a slot that holds one dense matrix (`stride = columns`). */
  parameters(
    kind: Exclude<SlotKind, 'scratch'>,
    name: string,
    rows: number,
    columns: number,
  ): MatrixRef {
    const slot = this.slot(kind, name, rows * columns);
    return { slot, offset: 0, rows, columns, stride: columns };
  }

  /** A padded state matrix in scratch memory; its content at the start is unspecified. */
  scratch(rows: number, columns: number): MatrixRef {
    const last = this.#scratch.at(-1);
    const offset = last === undefined ? 0 : last.offset + last.rows * last.stride;
    const matrix = { slot: scratchSlot, offset, rows, columns, stride: columnStride(columns) };
    this.#scratch.push(matrix);
    const memory = this.#slots[scratchSlot];
    memory.length = Math.max(memory.length, offset + rows * matrix.stride);
    return matrix;
  }

  /** The scratch matrix inside which `matrix` lies. */
  scratchAround({ offset }: MatrixRef): MatrixRef {
    const found = this.#scratch.findLast((candidate) => candidate.offset <= offset);
    if (found === undefined) throw new RangeError('a matrix in scratch that nobody asked for');
    return found;
  }

  /** Scratch that `work` asks for is free again after it. */
  scoped(work: () => void): void {
    const before = this.#scratch.length;
    work();
    this.#scratch.length = before;
  }

  /** Declares a scalar that each run hands over. */
  scalar(name: string): ScalarRef {
    return { factor: 1, index: this.#scalars.push(name) - 1 };
  }

  emit(instruction: Instruction): void {
    this.#instructions.push(instruction);
  }

  /** The instructions so far. */
  get instructions(): readonly Instruction[] {
    return this.#instructions;
  }

  /** The finished program. */
  program(): Program {
    return { slots: this.#slots, scalars: this.#scalars, instructions: this.#instructions };
  }
}
