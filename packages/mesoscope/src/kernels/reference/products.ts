import { at, type Frame, forEachEntry, type Of, put, set, sum } from './matrix.ts';

/** `C ← α op(A) B (+ C)`. */
export function product(instruction: Of<'product'>, frame: Frame): void {
  const { transposeA, accumulate } = instruction;
  const A = frame.matrix(instruction.a);
  const B = frame.matrix(instruction.b);
  const C = frame.matrix(instruction.c);
  const alpha = frame.scalar(instruction.alpha);
  forEachEntry(C, (i, j) => {
    const entry = sum(B.rows, (k) => (transposeA ? at(A, k, i) : at(A, i, k)) * at(B, k, j));
    put(C, i, j, alpha * entry, accumulate);
  });
}

/** `C ← α A Bᵀ (+ C)`. */
export function outer(instruction: Of<'outer'>, frame: Frame): void {
  const A = frame.matrix(instruction.a);
  const B = frame.matrix(instruction.b);
  const C = frame.matrix(instruction.c);
  const alpha = frame.scalar(instruction.alpha);
  forEachEntry(C, (i, k) => {
    const entry = sum(A.columns, (j) => at(A, i, j) * at(B, k, j));
    put(C, i, k, alpha * entry, instruction.accumulate);
  });
}

/** `c ← α A 1 (+ c)`. */
export function rowSums(instruction: Of<'rowSums'>, frame: Frame): void {
  const A = frame.matrix(instruction.a);
  const c = frame.matrix(instruction.c);
  const alpha = frame.scalar(instruction.alpha);
  for (let i = 0; i < A.rows; i++) {
    put(c, i, 0, alpha * sum(A.columns, (j) => at(A, i, j)), instruction.accumulate);
  }
}

/** `c ← α Σ_ij X_ij Y_ij (+ c)`. */
export function dot(instruction: Of<'dot'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const Y = frame.matrix(instruction.y);
  const c = frame.matrix(instruction.c);
  const alpha = frame.scalar(instruction.alpha);
  const value = sum(X.rows, (i) => sum(X.columns, (j) => at(X, i, j) * at(Y, i, j)));
  put(c, 0, 0, alpha * value, instruction.accumulate);
}

/** `c ← max_ij |X_ij|`, NaN if any entry is NaN. */
export function maxAbs(instruction: Of<'maxAbs'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const c = frame.matrix(instruction.c);
  let largest = 0;
  forEachEntry(X, (i, j) => {
    largest = Math.max(largest, Math.abs(at(X, i, j)));
  });
  set(c, 0, 0, largest);
}
