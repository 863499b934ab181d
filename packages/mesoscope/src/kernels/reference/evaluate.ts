import { columnStride, type Instruction, type MatrixRef } from '../instruction.ts';
import { ProgramBuilder } from '../program.ts';
import { createReferenceBackend } from './backend.ts';

/** A matrix as its rows. */
export type Rows = readonly (readonly number[])[];

/**
 * Runs one instruction of the reference on matrices given by their rows, and returns all of them afterwards. The
 * padding holds NaN.
 */
export function evaluate<Name extends string>(
  matrices: Readonly<Record<Name, Rows>>,
  instruction: (at: Readonly<Record<Name, MatrixRef>>) => Instruction,
): Record<Name, number[][]> {
  const backend = createReferenceBackend();
  const builder = new ProgramBuilder();
  const names = Object.keys(matrices) as Name[];
  const refs = {} as Record<Name, MatrixRef>;
  const buffers: Record<string, Float64Array> = {};
  for (const name of names) {
    const rows = matrices[name];
    const stride = columnStride(rows[0].length);
    refs[name] = builder.state('sample', name, rows.length, rows[0].length);
    buffers[name] = new Float64Array(rows.length * stride).fill(Number.NaN);
    for (const [i, row] of rows.entries()) buffers[name].set(row, i * stride);
  }
  builder.emit(instruction(refs));
  backend.compile(builder.program())({ samples: 1, buffers });
  const read = (name: Name) =>
    matrices[name].map((row, i) => {
      const start = i * columnStride(row.length);
      return [...buffers[name].subarray(start, start + row.length)];
    });
  return Object.fromEntries(names.map((name) => [name, read(name)])) as Record<Name, number[][]>;
}

/** `max_ij |A_ij − B_ij|`; infinite where shapes differ or one of two unequal entries is not finite. */
export function largestDifference(A: Rows, B: Rows): number {
  if (A.length !== B.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const [i, row] of B.entries()) {
    if (A[i].length !== row.length) return Number.POSITIVE_INFINITY;
    for (const [j, b] of row.entries()) {
      const difference = A[i][j] === b ? 0 : Math.abs(A[i][j] - b);
      if (!Number.isFinite(difference)) return Number.POSITIVE_INFINITY;
      largest = Math.max(largest, difference);
    }
  }
  return largest;
}
