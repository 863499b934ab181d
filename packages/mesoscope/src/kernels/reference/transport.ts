import { at, type Frame, type Of, set, sum } from './matrix.ts';

/** `out_i = −ε log Σ_j exp((potential_j − ½|x_i − y_j|²)/ε + logWeight_j)`. */
export function pairwiseLogSumExp(instruction: Of<'pairwiseLogSumExp'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const Y = frame.matrix(instruction.y);
  const potential = frame.matrix(instruction.potential);
  const logWeights = frame.matrix(instruction.logWeights);
  const out = frame.matrix(instruction.out);
  const epsilon = frame.scalar(instruction.epsilon);
  const exponents = new Float64Array(Y.columns);
  for (let i = 0; i < X.columns; i++) {
    for (let j = 0; j < Y.columns; j++) {
      const cost = 0.5 * sum(X.rows, (r) => (at(X, r, i) - at(Y, r, j)) ** 2);
      exponents[j] = (at(potential, 0, j) - cost) / epsilon + at(logWeights, 0, j);
    }
    set(out, 0, i, -epsilon * logSumExp(exponents));
  }
}

/** `log Σ_j e^{a_j}`; −∞ where every a_j is. */
function logSumExp(a: Float64Array): number {
  const largest = a.reduce((x, y) => Math.max(x, y), Number.NEGATIVE_INFINITY);
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  return largest + Math.log(sum(a.length, (j) => Math.exp(a[j] - largest)));
}
