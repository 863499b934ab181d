import { refuse, requireFinite, shapeMismatch } from '../numeric/checks.ts';
import { type Matrix, multiplyVector } from '../numeric/matrix.ts';

/** A loss on the final tokens, averaged over the N inputs. */
export interface TokenLoss {
  readonly kind: 'square' | 'cross-entropy';
  /** `(1/N) Σ_i ℓ(x^i)`. */
  value(finals: Float64Array): number;
  /** Its gradient, the terminal costate `p^i/N`, N × d. */
  costate(finals: Float64Array): Float64Array;
}

/**
 * `(1/2N) Σ_i |x^i − y^i|²`.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`
 */
export function squareLoss(targets: readonly ArrayLike<number>[], dimension: number): TokenLoss {
  const samples = targets.length;
  if (samples === 0) throw shapeMismatch('targets', [0], ['at least 1']);
  const y = new Float64Array(samples * dimension);
  targets.forEach((target, i) => {
    if (target.length !== dimension) {
      throw shapeMismatch(`targets[${i}]`, [target.length], [dimension]);
    }
    requireFinite(`targets[${i}]`, target);
    y.set(Array.from(target), i * dimension);
  });
  return {
    kind: 'square',
    value(finals) {
      let sum = 0;
      for (let i = 0; i < y.length; i++) sum += (finals[i] - y[i]) ** 2;
      return sum / (2 * samples);
    },
    costate: (finals) => finals.map((x, i) => (x - y[i]) / samples),
  };
}

/**
 * `(1/N) Σ_i (logsumexp(U x^i) − (U x^i)_{y^i})` with a fixed readout U.
 *
 * @param labels classes 0 … C − 1
 * @param readout U, C × d
 * @throws MesoscopeError `invalid-value` where a label is no class
 */
export function crossEntropyLoss(labels: readonly number[], readout: Matrix): TokenLoss {
  const { rows: classes, columns: d } = readout;
  const samples = labels.length;
  labels.forEach((label, i) => {
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      refuse(`targets[${i}]`, label, `a class from 0 to ${classes - 1}`);
    }
  });
  const softmax = (finals: Float64Array, i: number) => {
    const logits = multiplyVector(readout, finals.subarray(i * d, (i + 1) * d));
    const largest = logits.reduce((a, b) => Math.max(a, b));
    const exponentials = logits.map((z) => Math.exp(z - largest));
    const total = exponentials.reduce((a, b) => a + b);
    return {
      loss: largest + Math.log(total) - logits[labels[i]],
      probabilities: exponentials.map((e) => e / total),
    };
  };
  return {
    kind: 'cross-entropy',
    value: (finals) => labels.reduce((sum, _, i) => sum + softmax(finals, i).loss, 0) / samples,
    costate(finals) {
      const p = new Float64Array(samples * d);
      labels.forEach((label, i) => {
        const residual = softmax(finals, i).probabilities;
        residual[label] -= 1;
        for (let c = 0; c < classes; c++) {
          for (let a = 0; a < d; a++) {
            p[i * d + a] += (residual[c] * readout.data[c * d + a]) / samples;
          }
        }
      });
      return p;
    },
  };
}
