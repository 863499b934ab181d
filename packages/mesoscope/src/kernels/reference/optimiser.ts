import { at, type Frame, forEachEntry, type Of, set } from './matrix.ts';

/** One Adam step: `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `x ← x − rate · m·c₁ / (√(v·c₂) + ε)`. */
export function adam(instruction: Of<'adam'>, frame: Frame): void {
  const { beta1, beta2, epsilon } = instruction;
  const x = frame.matrix(instruction.x);
  const g = frame.matrix(instruction.g);
  const m = frame.matrix(instruction.m);
  const v = frame.matrix(instruction.v);
  const rate = frame.scalar(instruction.rate);
  const correction1 = frame.scalar(instruction.correction1);
  const correction2 = frame.scalar(instruction.correction2);
  forEachEntry(x, (i, j) => {
    const gradient = at(g, i, j);
    const mean = beta1 * at(m, i, j) + (1 - beta1) * gradient;
    const square = beta2 * at(v, i, j) + (1 - beta2) * gradient * gradient;
    const step = (rate * mean * correction1) / (Math.sqrt(square * correction2) + epsilon);
    set(m, i, j, mean);
    set(v, i, j, square);
    set(x, i, j, at(x, i, j) - step);
  });
}
