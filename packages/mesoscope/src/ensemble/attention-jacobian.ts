import { tiltedCovariance, tiltedMean } from '../law/tilt.ts';
import { type Matrix, multiplyVector, transpose, zeros } from '../numeric/matrix.ts';
import type { KernelPart } from './attention-kernel.ts';
import { type EnsembleHead, headScoreMatrix } from './parameters.ts';
import type { EnsembleState } from './token-map.ts';

/**
 * The parameter gradients whose Gram matrix the attention kernel is: J with one row for each parameter of each head, one
 * column for each entry of the N·d outputs, `K = JᵀJ`. With `u = C Vᵀe_a` an entry a of `Att_θ[μ](x)/√H` has the gradients
 * `∇_V = e_a ȳᵀ`, `∇_Q = K u xᵀ/√k`, `∇_K = Qx uᵀ/√k`, each over √H.
 *
 * Singular values of J are known to an ulp of the largest; the kernel's eigenvalues, their squares, only to an ulp of the
 * largest square, so that a kernel whose smallest singular value is 1e-9 of the largest looks singular and J does not.
 *
 * @param part - `query-key`: the rows of V are left out
 */
export function attentionJacobian(
  heads: readonly EnsembleHead[],
  { contexts, tokens }: EnsembleState,
  part: KernelPart = 'all',
): Matrix {
  const d = tokens[0].length;
  const k = heads[0].Q.rows;
  const length = 2 * k * d + (part === 'all' ? d * d : 0);
  const out = zeros(heads.length * length, contexts.length * d);
  heads.forEach((head, h) => {
    const { Q, K, V } = head;
    const B = headScoreMatrix(head);
    contexts.forEach((law, i) => {
      const x = tokens[i];
      const xi = multiplyVector(B, x);
      const mean = tiltedMean(law, xi);
      const covariance = tiltedCovariance(law, xi);
      const query = multiplyVector(Q, x);
      const share = 1 / Math.sqrt(heads.length);
      for (let a = 0; a < d; a++) {
        const set = (row: number, value: number) => {
          out.data[(h * length + row) * out.columns + i * d + a] = share * value;
        };
        const u = multiplyVector(covariance, V.data.subarray(a * d, (a + 1) * d));
        const key = multiplyVector(K, u);
        for (let r = 0; r < k; r++) {
          for (let b = 0; b < d; b++) {
            set(r * d + b, (key[r] * x[b]) / Math.sqrt(k));
            set((k + r) * d + b, (query[r] * u[b]) / Math.sqrt(k));
          }
        }
        if (part === 'all') {
          for (let b = 0; b < d; b++) set(2 * k * d + a * d + b, mean[b]);
        }
      }
    });
  });
  return out;
}

/** `K = JᵀJ`. */
export function gramMatrix(jacobian: Matrix): Matrix {
  const out = zeros(jacobian.columns, jacobian.columns);
  for (let r = 0; r < jacobian.rows; r++) {
    const row = jacobian.data.subarray(r * jacobian.columns, (r + 1) * jacobian.columns);
    for (let i = 0; i < row.length; i++) {
      for (let j = 0; j < row.length; j++) out.data[i * row.length + j] += row[i] * row[j];
    }
  }
  return out;
}

/** `Σ_i ⟨p_i, Att_θ[μ^i](x^i)⟩` as a function of one head's parameters Q, K, V, row by row: for finite differences. */
export function attentionPairing(
  { contexts, tokens }: EnsembleState,
  p: Float64Array,
  keyDimension: number,
  theta: Float64Array,
): number {
  const d = tokens[0].length;
  const k = keyDimension;
  const head: EnsembleHead = {
    Q: { rows: k, columns: d, data: theta.subarray(0, k * d) },
    K: { rows: k, columns: d, data: theta.subarray(k * d, 2 * k * d) },
    V: { rows: d, columns: d, data: theta.subarray(2 * k * d) },
  };
  const values = transpose(head.V);
  const B = headScoreMatrix(head);
  return contexts.reduce((sum, law, i) => {
    const mean = tiltedMean(law, multiplyVector(B, tokens[i]));
    const pulled = multiplyVector(values, p.subarray(i * d, (i + 1) * d));
    return sum + mean.reduce((part, y, a) => part + y * pulled[a], 0);
  }, 0);
}
