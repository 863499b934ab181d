import type { InstructionOf, MatrixRef, Opcode, ScalarRef } from '../instruction.ts';

/** The instruction with a given opcode. */
export type Of<Op extends Opcode> = InstructionOf<Op>;

/** A matrix operand bound to its buffer: entry (i, j) is `data[start + i·stride + j]`. */
export interface Matrix {
  readonly data: Float64Array;
  readonly start: number;
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
}

/** Where the operands of one sample are. */
export interface Frame {
  matrix(ref: MatrixRef): Matrix;
  scalar(ref: ScalarRef): number;
}

/** A_ij. */
export function at(A: Matrix, i: number, j: number): number {
  return A.data[A.start + i * A.stride + j];
}

/** A_ij ← x. */
export function set(A: Matrix, i: number, j: number, x: number): void {
  A.data[A.start + i * A.stride + j] = x;
}

/** A_ij ← A_ij + x. */
export function add(A: Matrix, i: number, j: number, x: number): void {
  A.data[A.start + i * A.stride + j] += x;
}

/** A_ij ← x (+ A_ij). */
export function put(A: Matrix, i: number, j: number, x: number, accumulate: boolean): void {
  if (accumulate) add(A, i, j, x);
  else set(A, i, j, x);
}

/** Σ_{i<count} term(i). */
export function sum(count: number, term: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += term(i);
  return total;
}

/** Calls `visit` for every entry, row by row. */
export function forEachEntry(A: Matrix, visit: (i: number, j: number) => void): void {
  for (let i = 0; i < A.rows; i++) for (let j = 0; j < A.columns; j++) visit(i, j);
}
