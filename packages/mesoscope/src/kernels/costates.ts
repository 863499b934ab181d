import type { Instruction, MatrixRef, ScalarRef } from './instruction.ts';
import { operandsOf, overlap } from './operands.ts';
import { one, type ProgramBuilder, type ResultOptions, scaled, scratchSlot } from './program.ts';

/** `alpha · matrix`. */
export interface Costate {
  readonly matrix: MatrixRef;
  readonly alpha: ScalarRef;
}

/** `into ← ∂/∂of`, or `+=`. The two lie alike in memory; `of` is all of its slot that the instructions read. */
export interface Gradient {
  readonly of: MatrixRef;
  readonly into: MatrixRef;
  readonly add: boolean;
}

interface Entry extends Costate {
  /** Whether the matrix may be added to: nobody else's costate lies there. */
  readonly owned: boolean;
}

/**
 * The costates of a list of instructions while it is read backwards. A costate belongs to a whole scratch matrix or slot;
 * its memory is asked for when the first contribution comes, and where a value was only copied, the copy's is lent.
 */
export class Costates {
  readonly builder: ProgramBuilder;
  readonly #tape: readonly Instruction[];
  readonly #gradients = new Map<number, Gradient>();
  readonly #entries = new Map<string, Entry>();
  /** Regions that depend on what is differentiated by. */
  readonly #active = new Set<string>();

  constructor(
    builder: ProgramBuilder,
    tape: readonly Instruction[],
    gradients: readonly Gradient[],
  ) {
    this.builder = builder;
    this.#tape = tape;
    for (const gradient of gradients) {
      this.#gradients.set(gradient.of.slot, gradient);
      this.#active.add(this.#key(gradient.of));
    }
    for (const instruction of tape) {
      const operands = operandsOf(instruction);
      if (!operands.some(({ ref, role }) => role === 'read' && this.isActive(ref))) continue;
      for (const { ref, role } of operands) if (role !== 'read') this.#active.add(this.#key(ref));
    }
  }

  /** Whether the gradient by a matrix is needed. */
  isActive(matrix: MatrixRef): boolean {
    return this.#active.has(this.#key(matrix));
  }

  /** The costate of a matrix; undefined: zero. */
  of(matrix: MatrixRef): Costate | undefined {
    const entry = this.#entries.get(this.#key(matrix));
    return entry && { matrix: this.#part(entry.matrix, matrix), alpha: entry.alpha };
  }

  /** Adds `write`'s result, times `alpha`, to the costate of a matrix. */
  send(matrix: MatrixRef, alpha: ScalarRef, write: (to: Required<ResultOptions>) => void): void {
    if (this.isActive(matrix)) write({ ...this.#room(matrix, true), alpha });
  }

  /** Adds a costate as it is. */
  pass(matrix: MatrixRef, costate: Costate): void {
    const key = this.#key(matrix);
    const isFree = !this.#entries.has(key) && this.#gradients.get(matrix.slot)?.add !== true;
    const alike = costate.matrix.stride === matrix.stride && this.#isWhole(matrix);
    if (this.isActive(matrix) && isFree && alike) {
      this.#lend(costate.matrix);
      this.#entries.set(key, { ...costate, owned: false });
    } else {
      this.send(matrix, costate.alpha, (to) => this.builder.scale(costate.matrix, to));
    }
  }

  /** Where an instruction that only accumulates adds to the costate of a matrix. */
  sum(matrix: MatrixRef): MatrixRef {
    if (this.isActive(matrix)) return this.#room(matrix, false).into;
    return this.builder.zeros(matrix.rows, matrix.columns);
  }

  /** A costate as one matrix, for instructions that have no factor. */
  plain({ matrix, alpha }: Costate): MatrixRef {
    return isOne(alpha) ? matrix : this.builder.scale(matrix, { alpha });
  }

  /** `factor · costate`. */
  times(factor: ScalarRef, costate: Costate): Costate {
    if (factor.index !== undefined && costate.alpha.index !== undefined) {
      return { matrix: this.plain(costate), alpha: factor };
    }
    const [scalar, number] =
      factor.index === undefined ? [costate.alpha, factor] : [factor, costate.alpha];
    return { matrix: costate.matrix, alpha: scaled(scalar, number.factor) };
  }

  /** The costate of a matrix that instruction `at` wrote; what stood there before has no part in the result. */
  take(matrix: MatrixRef, at: number): Costate | undefined {
    const costate = this.of(matrix);
    if (costate === undefined) return undefined;
    if (this.#isWhole(matrix)) {
      this.#entries.delete(this.#key(matrix));
      return costate;
    }
    const isUsed = this.#tape
      .slice(0, at)
      .some((instruction) => operandsOf(instruction).some(({ ref }) => overlap(ref, matrix)));
    if (!isUsed) return costate;
    const copy = this.builder.scale(costate.matrix);
    this.builder.fill(this.#room(matrix, false).into, 0);
    return { matrix: copy, alpha: costate.alpha };
  }

  /** Completes the gradients that were to be written. */
  finish(): void {
    for (const { of, into, add } of this.#gradients.values()) {
      const entry = this.#entries.get(this.#key(of));
      if (add) continue;
      if (entry === undefined) this.builder.fill(into, 0);
      else if (!entry.owned) this.#room(of, false);
    }
  }

  #room(matrix: MatrixRef, overwrites: boolean): { into: MatrixRef; add: boolean } {
    const key = this.#key(matrix);
    const gradient = this.#gradients.get(matrix.slot);
    if (gradient?.add === true) return { into: this.#part(gradient.into, matrix), add: true };
    const entry = this.#entries.get(key);
    if (entry?.owned === true) return { into: this.#part(entry.matrix, matrix), add: true };
    const { rows, columns } = this.#region(matrix);
    const own = gradient?.into ?? this.builder.scratch(rows, columns);
    this.#entries.set(key, { matrix: own, alpha: one, owned: true });
    const add = entry !== undefined || !overwrites || !this.#isWhole(matrix);
    if (entry !== undefined) this.builder.scale(entry.matrix, { into: own, alpha: entry.alpha });
    else if (add) this.builder.fill(own, 0);
    return { into: this.#part(own, matrix), add };
  }

  /** Whoever owns this memory must not add to it from now on. */
  #lend(matrix: MatrixRef): void {
    for (const [key, entry] of this.#entries) {
      if (overlap(entry.matrix, matrix)) this.#entries.set(key, { ...entry, owned: false });
    }
  }

  #region(matrix: MatrixRef): MatrixRef {
    if (matrix.slot === scratchSlot) return this.builder.scratchAround(matrix);
    return this.#gradients.get(matrix.slot)?.of ?? matrix;
  }

  #key(matrix: MatrixRef): string {
    if (matrix.slot !== scratchSlot) return `slot ${matrix.slot}`;
    return `scratch ${this.builder.scratchAround(matrix).offset}`;
  }

  #isWhole(matrix: MatrixRef): boolean {
    const { offset, rows, columns } = this.#region(matrix);
    return matrix.offset === offset && matrix.rows === rows && matrix.columns === columns;
  }

  /** What is to a costate's matrix as `matrix` is to its region. */
  #part({ slot, offset }: MatrixRef, matrix: MatrixRef): MatrixRef {
    return { ...matrix, slot, offset: offset + matrix.offset - this.#region(matrix).offset };
  }
}

export function isOne({ factor, index }: ScalarRef): boolean {
  return factor === 1 && index === undefined;
}
