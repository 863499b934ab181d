// Softmax cross-entropy: every lane works through the classes of its own column.
import { CrossEntropy } from './generated/layout';
import { exponential, logarithm } from './exponential';
import { lanes, larger, put, splat } from './lanes';
import { address, columns, padded, rows, stride } from './operands';

/** loss = w (logsumexp(z) − z_label), residual = w (softmax(z) − e_label); both 0 where label < 0. */
export function crossEntropy<T>(at: usize): void {
  const n = columns(at, CrossEntropy.logits);
  const classes = rows(at, CrossEntropy.logits);
  const wholeLoss = padded<T>(at, CrossEntropy.loss);
  const wholeResidual = padded<T>(at, CrossEntropy.residual);
  for (let j = 0; j < n; j += lanes<T>()) {
    const k = <usize>j * sizeof<T>();
    const label = v128.load(address(at, CrossEntropy.labels) + k);
    const weight = v128.load(address(at, CrossEntropy.weights) + k);
    const skipped = v128.lt<T>(label, splat<T>(0));
    const largest = largestLogit<T>(at, j);
    let z = address(at, CrossEntropy.logits) + k;
    let residual = address(at, CrossEntropy.residual) + k;
    let total = splat<T>(0);
    let chosen = splat<T>(NaN);
    for (let c = 0; c < classes; c++) {
      const logit = v128.load(z);
      const e = exponential<T>(v128.sub<T>(logit, largest));
      total = v128.add<T>(total, e);
      chosen = v128.bitselect(logit, chosen, v128.eq<T>(label, splat<T>(<f64>c)));
      put<T>(residual, e, n - j, wholeResidual);
      z += stride(at, CrossEntropy.logits);
      residual += stride(at, CrossEntropy.residual);
    }
    const surprise = v128.sub<T>(v128.add<T>(largest, logarithm<T>(total)), chosen);
    const loss = v128.andnot(v128.mul<T>(weight, surprise), skipped);
    put<T>(address(at, CrossEntropy.loss) + k, loss, n - j, wholeLoss);
    residual = address(at, CrossEntropy.residual) + k;
    for (let c = 0; c < classes; c++) {
      const probability = v128.div<T>(v128.load(residual), total);
      const hit = v128.and(splat<T>(1), v128.eq<T>(label, splat<T>(<f64>c)));
      const entry = v128.mul<T>(weight, v128.sub<T>(probability, hit));
      put<T>(residual, v128.andnot(entry, skipped), n - j, wholeResidual);
      residual += stride(at, CrossEntropy.residual);
    }
  }
}

function largestLogit<T>(at: usize, j: i32): v128 {
  let z = address(at, CrossEntropy.logits) + <usize>j * sizeof<T>();
  let largest = v128.load(z);
  for (let c = rows(at, CrossEntropy.logits) - 1; c > 0; c--) {
    z += stride(at, CrossEntropy.logits);
    largest = larger<T>(largest, v128.load(z));
  }
  return largest;
}
