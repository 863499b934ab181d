import type { MatrixRef } from '../kernels/instruction.ts';
import type { ProgramBuilder } from '../kernels/program.ts';

/** Writes a scratch matrix of zeros, for instructions that only accumulate. */
export function writeZeros(builder: ProgramBuilder, rows: number, columns: number): MatrixRef {
  const y = builder.scratch(rows, columns);
  builder.emit({ op: 'fill', y, value: 0 });
  return y;
}
