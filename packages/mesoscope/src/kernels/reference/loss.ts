import { at, type Frame, type Of, set, sum } from './matrix.ts';

/** `loss_i = w_i (logsumexp(z_i) − z_{i,y_i})`, residual column `w_i (softmax(z_i) − e_{y_i})`. */
export function crossEntropy(instruction: Of<'crossEntropy'>, frame: Frame): void {
  const logits = frame.matrix(instruction.logits);
  const labels = frame.matrix(instruction.labels);
  const weights = frame.matrix(instruction.weights);
  const loss = frame.matrix(instruction.loss);
  const residual = frame.matrix(instruction.residual);
  const classes = logits.rows;
  for (let j = 0; j < logits.columns; j++) {
    const label = at(labels, 0, j);
    if (label < 0) {
      set(loss, 0, j, 0);
      for (let c = 0; c < classes; c++) set(residual, c, j, 0);
      continue;
    }
    const weight = at(weights, 0, j);
    const isClass = Number.isInteger(label) && label < classes;
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) largest = Math.max(largest, at(logits, c, j));
    const total = sum(classes, (c) => Math.exp(at(logits, c, j) - largest));
    const logSumExp = largest + Math.log(total);
    set(loss, 0, j, weight * (logSumExp - (isClass ? at(logits, label, j) : Number.NaN)));
    for (let c = 0; c < classes; c++) {
      const probability = Math.exp(at(logits, c, j) - largest) / total;
      set(residual, c, j, weight * (probability - (c === label ? 1 : 0)));
    }
  }
}
