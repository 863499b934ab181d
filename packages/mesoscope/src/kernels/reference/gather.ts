import { add, at, type Frame, type Matrix, type Of, put } from './matrix.ts';

/** `Y_{·i} ← table_{·,index_i} (+ Y)`. */
export function gather(instruction: Of<'gather'>, frame: Frame): void {
  const table = frame.matrix(instruction.table);
  const indices = frame.matrix(instruction.indices);
  const Y = frame.matrix(instruction.y);
  for (let j = 0; j < Y.columns; j++) {
    const column = at(indices, 0, j);
    const exists = isColumn(column, table);
    for (let i = 0; i < Y.rows; i++) {
      put(Y, i, j, exists ? at(table, i, column) : Number.NaN, instruction.accumulate);
    }
  }
}

/** `G_{·,index_i} += P_{·i}`. */
export function scatter(instruction: Of<'scatter'>, frame: Frame): void {
  const indices = frame.matrix(instruction.indices);
  const P = frame.matrix(instruction.p);
  const G = frame.matrix(instruction.g);
  for (let j = 0; j < P.columns; j++) {
    const column = at(indices, 0, j);
    if (!isColumn(column, G)) continue;
    for (let i = 0; i < P.rows; i++) add(G, i, column, at(P, i, j));
  }
}

function isColumn(index: number, A: Matrix): boolean {
  return Number.isInteger(index) && index >= 0 && index < A.columns;
}
