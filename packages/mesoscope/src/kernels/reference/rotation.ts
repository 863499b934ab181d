import { at, type Frame, type Of, put } from './matrix.ts';

/** `Y ← R X (+ Y)`: in every head, pair j of column i turned by `i θ^{−2j/dimension}` (backwards for R⁻¹). */
export function rotate(instruction: Of<'rotate'>, frame: Frame): void {
  const { layout, dimension, theta, inverse, accumulate } = instruction;
  const X = frame.matrix(instruction.x);
  const Y = frame.matrix(instruction.y);
  const half = dimension / 2;
  for (let first = 0; first < X.rows; first += dimension) {
    for (let j = 0; j < half; j++) {
      const [r, s] = layout === 'halves' ? [j, j + half] : [2 * j, 2 * j + 1];
      const frequency = theta ** ((-2 * j) / dimension);
      for (let i = 0; i < X.columns; i++) {
        const angle = (inverse ? -i : i) * frequency;
        const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
        const [u, v] = [at(X, first + r, i), at(X, first + s, i)];
        put(Y, first + r, i, u * cosine - v * sine, accumulate);
        put(Y, first + s, i, u * sine + v * cosine, accumulate);
      }
    }
  }
}
