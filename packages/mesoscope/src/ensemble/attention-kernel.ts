import { tiltedCovariance, tiltedMean } from '../law/tilt.ts';
import { symmetricEigen } from '../numeric/decompositions.ts';
import { type Matrix, multiply, multiplyVector, transpose, zeros } from '../numeric/matrix.ts';
import { dot } from '../numeric/vector.ts';
import { requireMemory } from './checks.ts';
import { type EnsembleHead, headScoreMatrix } from './parameters.ts';
import type { EnsembleState } from './token-map.ts';

/** Eigenvalues of a Gram matrix carry rounding of this size for each row, relative to the largest. */
export const kernelTolerance = 1e-13;

/** Which parameters move: all of Q, K, V, or the scores' only. */
export type KernelPart = 'all' | 'query-key';

/**
 * The kernel of attention at one depth, Nd × Nd with blocks
 * `K_ij = ∫ D_θAtt[μ^i](x^i) D_θAtt[μ^j](x^j)ᵀ dν(θ)`: the Gram matrix of the parameter gradients. With
 * `M_i = V C_i`, `C_i` the tilted covariance and `ȳ_i` the tilted mean of context i at `Bx^i`, a head gives
 * `⟨ȳ_i, ȳ_j⟩ I + (⟨x^i, x^j⟩ M_iKᵀK M_jᵀ + ⟨Qx^i, Qx^j⟩ M_iM_jᵀ)/k`; the first term is V's.
 *
 * Contexts may be any laws with a closed log-sum-exp. Filled row by row, one head after the other.
 *
 * @param heads the equal particles of ν
 * @throws MesoscopeError `out-of-memory` above 2 GB
 */
export function attentionKernel(
  heads: readonly EnsembleHead[],
  { contexts, tokens }: EnsembleState,
  part: KernelPart = 'all',
): Matrix {
  const samples = contexts.length;
  const d = tokens[0].length;
  const size = samples * d;
  requireMemory(
    3 * 8 * size * size,
    `Take fewer inputs: ${samples} inputs in dimension ${d} make a kernel of ${size} × ${size}.`,
  );
  const kernel = zeros(size, size);
  for (const head of heads) {
    const features = contexts.map((law, i) => headFeatures(head, law, tokens[i]));
    const k = head.Q.rows;
    for (let i = 0; i < samples; i++) {
      for (let j = 0; j <= i; j++) {
        const [f, g] = [features[i], features[j]];
        const tokenProduct = dot(tokens[i], tokens[j]) / k;
        const queryProduct = dot(f.query, g.query) / k;
        const diagonal = part === 'all' ? dot(f.mean, g.mean) : 0;
        for (let a = 0; a < d; a++) {
          for (let b = 0; b < d; b++) {
            const entry =
              tokenProduct * rowDot(f.keyed, a, g.keyed, b) +
              queryProduct * rowDot(f.moved, a, g.moved, b) +
              (a === b ? diagonal : 0);
            kernel.data[(i * d + a) * size + j * d + b] += entry / heads.length;
          }
        }
      }
    }
  }
  for (let i = 0; i < size; i++) {
    for (let j = i + 1; j < size; j++) kernel.data[i * size + j] = kernel.data[j * size + i];
  }
  return kernel;
}

/** Smallest and largest eigenvalue of a kernel. */
export interface KernelSpectrum {
  readonly smallest: number;
  readonly largest: number;
  /** All, in increasing order. */
  readonly eigenvalues: Float64Array;
}

/** The eigenvalues of {@link attentionKernel}. @throws MesoscopeError `out-of-memory` */
export function kernelSpectrum(
  heads: readonly EnsembleHead[],
  state: EnsembleState,
  part: KernelPart = 'all',
): KernelSpectrum {
  const { values } = symmetricEigen(attentionKernel(heads, state, part), 'attention kernel');
  return { smallest: values[0], largest: values[values.length - 1], eigenvalues: values };
}

function headFeatures(
  head: EnsembleHead,
  law: EnsembleState['contexts'][number],
  token: Float64Array,
) {
  const xi = multiplyVector(headScoreMatrix(head), token);
  const moved = multiply(head.V, tiltedCovariance(law, xi));
  return {
    mean: tiltedMean(law, xi),
    query: multiplyVector(head.Q, token),
    moved,
    keyed: multiply(moved, transpose(head.K)),
  };
}

function rowDot(x: Matrix, i: number, y: Matrix, j: number): number {
  let sum = 0;
  for (let a = 0; a < x.columns; a++) {
    sum += x.data[i * x.columns + a] * y.data[j * y.columns + a];
  }
  return sum;
}
