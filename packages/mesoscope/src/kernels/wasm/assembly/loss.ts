// Softmax cross-entropy: every lane works through the classes of its own column.
import { exponential, logarithm } from './exponential';
import { lanes, larger, put, splat } from './lanes';
import { address, columns, padded, rows, stride } from './operands';

/** loss = w (logsumexp(z) − z_label), residual = w (softmax(z) − e_label); both 0 where label < 0. */
export function crossEntropy<T>(at: usize): void {
  const n = columns(at, 0);
  const classes = rows(at, 0);
  const wholeLoss = padded<T>(at, 3);
  const wholeResidual = padded<T>(at, 4);
  for (let j = 0; j < n; j += lanes<T>()) {
    const k = <usize>j * sizeof<T>();
    const label = v128.load(address(at, 1) + k);
    const weight = v128.load(address(at, 2) + k);
    const skipped = v128.lt<T>(label, splat<T>(0));
    const largest = largestLogit<T>(at, j);
    let z = address(at, 0) + k;
    let residual = address(at, 4) + k;
    let total = splat<T>(0);
    let chosen = splat<T>(NaN);
    for (let c = 0; c < classes; c++) {
      const logit = v128.load(z);
      const e = exponential<T>(v128.sub<T>(logit, largest));
      total = v128.add<T>(total, e);
      chosen = v128.bitselect(logit, chosen, v128.eq<T>(label, splat<T>(<f64>c)));
      put<T>(residual, e, n - j, wholeResidual);
      z += stride(at, 0);
      residual += stride(at, 4);
    }
    const surprise = v128.sub<T>(v128.add<T>(largest, logarithm<T>(total)), chosen);
    const loss = v128.andnot(v128.mul<T>(weight, surprise), skipped);
    put<T>(address(at, 3) + k, loss, n - j, wholeLoss);
    residual = address(at, 4) + k;
    for (let c = 0; c < classes; c++) {
      const probability = v128.div<T>(v128.load(residual), total);
      const hit = v128.and(splat<T>(1), v128.eq<T>(label, splat<T>(<f64>c)));
      const entry = v128.mul<T>(weight, v128.sub<T>(probability, hit));
      put<T>(residual, v128.andnot(entry, skipped), n - j, wholeResidual);
      residual += stride(at, 4);
    }
  }
}

function largestLogit<T>(at: usize, j: i32): v128 {
  let z = address(at, 0) + <usize>j * sizeof<T>();
  let largest = v128.load(z);
  for (let c = rows(at, 0) - 1; c > 0; c--) {
    z += stride(at, 0);
    largest = larger<T>(largest, v128.load(z));
  }
  return largest;
}
