import { at, type Frame, type Matrix, type Of, put, set, sum } from './matrix.ts';

/** `Y ← normalise(X)`, column by column. */
export function normalise(instruction: Of<'normalise'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const Y = frame.matrix(instruction.y);
  for (let j = 0; j < X.columns; j++) {
    const { centre, scale } = columnScale(instruction, X, j);
    for (let i = 0; i < X.rows; i++) set(Y, i, j, (at(X, i, j) - centre) * scale);
  }
}

/**
 * `G ← D normalise(X)ᵀ P (+ G)`: with `y = (x − mean)·s`, a column's product is
 * `s (p − mean(p) − y⟨y, p⟩/d)`, without `mean(p)` for rms.
 */
export function normalisePullback(instruction: Of<'normalisePullback'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const P = frame.matrix(instruction.p);
  const G = frame.matrix(instruction.g);
  const d = X.rows;
  for (let j = 0; j < X.columns; j++) {
    const { centre, scale } = columnScale(instruction, X, j);
    const y = (i: number) => (at(X, i, j) - centre) * scale;
    const meanP = instruction.kind === 'layer' ? sum(d, (i) => at(P, i, j)) / d : 0;
    const alignment = sum(d, (i) => y(i) * at(P, i, j)) / d;
    for (let i = 0; i < d; i++) {
      const gradient = scale * (at(P, i, j) - meanP - y(i) * alignment);
      put(G, i, j, gradient, instruction.accumulate);
    }
  }
}

/** The mean to subtract from column j (0 for rms) and `1/√(variance + ε)`. */
function columnScale(
  { kind, epsilon }: Of<'normalise'> | Of<'normalisePullback'>,
  X: Matrix,
  j: number,
): { centre: number; scale: number } {
  const d = X.rows;
  const centre = kind === 'layer' ? sum(d, (i) => at(X, i, j)) / d : 0;
  const variance = sum(d, (i) => (at(X, i, j) - centre) ** 2) / d;
  return { centre, scale: 1 / Math.sqrt(variance + epsilon) };
}

/** `Y ← F − X⟨X,F⟩/|X|²`, column by column. */
export function tangent(instruction: Of<'tangent'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const F = frame.matrix(instruction.f);
  const Y = frame.matrix(instruction.y);
  for (let j = 0; j < X.columns; j++) {
    const s = columnProduct(X, F, j) / columnProduct(X, X, j);
    for (let i = 0; i < X.rows; i++) set(Y, i, j, at(F, i, j) - at(X, i, j) * s);
  }
}

/**
 * Pulls P back through `tangent`. With `s = ⟨X,F⟩/|X|²` and `r = ⟨X,P⟩/|X|²`, column by column:
 * `GF += P − r X`, `GX += 2 r s X − s P − r F`.
 */
export function tangentPullback(instruction: Of<'tangentPullback'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const F = frame.matrix(instruction.f);
  const P = frame.matrix(instruction.p);
  const GX = frame.matrix(instruction.gx);
  const GF = frame.matrix(instruction.gf);
  for (let j = 0; j < X.columns; j++) {
    const square = columnProduct(X, X, j);
    const s = columnProduct(X, F, j) / square;
    const r = columnProduct(X, P, j) / square;
    for (let i = 0; i < X.rows; i++) {
      const x = at(X, i, j);
      put(GF, i, j, at(P, i, j) - r * x, true);
      put(GX, i, j, 2 * r * s * x - s * at(P, i, j) - r * at(F, i, j), true);
    }
  }
}

/** ⟨X_{·j}, Y_{·j}⟩. */
function columnProduct(X: Matrix, Y: Matrix, j: number): number {
  return sum(X.rows, (i) => at(X, i, j) * at(Y, i, j));
}
