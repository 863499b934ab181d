import { at, type Frame, forEachEntry, type Of, put, set } from './matrix.ts';

/** `C ← b 1ᵀ (+ C)`. */
export function broadcast(instruction: Of<'broadcast'>, frame: Frame): void {
  const b = frame.matrix(instruction.b);
  const C = frame.matrix(instruction.c);
  forEachEntry(C, (i, j) => put(C, i, j, at(b, i, 0), instruction.accumulate));
}

/** `Y ← constant`. */
export function fill(instruction: Of<'fill'>, frame: Frame): void {
  const Y = frame.matrix(instruction.y);
  forEachEntry(Y, (i, j) => set(Y, i, j, instruction.value));
}

/** `Y ← α X (+ Y)`. */
export function axpy(instruction: Of<'axpy'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const Y = frame.matrix(instruction.y);
  const alpha = frame.scalar(instruction.alpha);
  forEachEntry(Y, (i, j) => put(Y, i, j, alpha * at(X, i, j), instruction.accumulate));
}

/** `Z ← α X ∘ Y (+ Z)`. */
export function hadamard(instruction: Of<'hadamard'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const Y = frame.matrix(instruction.y);
  const Z = frame.matrix(instruction.z);
  const alpha = frame.scalar(instruction.alpha);
  forEachEntry(Z, (i, j) =>
    put(Z, i, j, alpha * at(X, i, j) * at(Y, i, j), instruction.accumulate),
  );
}
