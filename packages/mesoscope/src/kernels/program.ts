import { MesoscopeError } from '../errors.ts';
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

/**
 * Writes a {@link Program}: declares slots, hands out scratch, appends instructions.
 *
 * ```ts
 * const b = new ProgramBuilder();
 * const h = b.state('sample', 'h', d, n);
 * const W = b.parameters('shared', 'W', d, d);
 * const out = b.state('sample', 'out', d, n);
 * b.emit({ op: 'product', a: W, transposeA: false, b: h, c: out, alpha: one, accumulate: false });
 * const run = backend.compile(b.program());
 * run({ samples: B, buffers: { h: …, W: …, out: … } });
 * ```
 */
export class ProgramBuilder {
  readonly #slots: { name: string; kind: SlotKind; length: number }[] = [
    { name: 'scratch', kind: 'scratch', length: 0 },
  ];
  readonly #scalars: string[] = [];
  readonly #instructions: Instruction[] = [];

  /** Declares a slot and returns its number. Names are unique. */
  slot(kind: Exclude<SlotKind, 'scratch'>, name: string, length: number): number {
    if (this.#slots.some((s) => s.name === name)) {
      throw new MesoscopeError({
        code: 'invalid-value',
        path: 'slot name',
        received: name,
        expected: 'a name not used yet',
      });
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
    const scratch = this.#slots[scratchSlot];
    const offset = scratch.length;
    scratch.length += stateLength(rows, columns);
    return { slot: scratchSlot, offset, rows, columns, stride: columnStride(columns) };
  }

  /** Declares a scalar that each run hands over. */
  scalar(name: string): ScalarRef {
    return { factor: 1, index: this.#scalars.push(name) - 1 };
  }

  emit(instruction: Instruction): void {
    this.#instructions.push(instruction);
  }

  /** The finished program. */
  program(): Program {
    return { slots: this.#slots, scalars: this.#scalars, instructions: this.#instructions };
  }
}
