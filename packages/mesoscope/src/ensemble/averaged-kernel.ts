import { tiltedCovariance, tiltedMean } from '../law/tilt.ts';
import { cholesky } from '../numeric/decompositions.ts';
import {
  type Matrix,
  multiply,
  multiplyVector,
  trace,
  transpose,
  zeros,
} from '../numeric/matrix.ts';
import { type Eigenpair, smallestEigenpair } from '../numeric/smallest-eigenpair.ts';
import { kernelTolerance } from './attention-kernel.ts';
import { requireMemory } from './checks.ts';
import { type EnsembleHead, headScoreMatrix } from './parameters.ts';
import { triangularSolver } from './streamed-triangle.ts';
import type { EnsembleState } from './token-map.ts';

export interface AveragedKernelOptions {
  /** Variance of the entries of V; default 1/d, that of `randomEnsemble`. */
  readonly valueVariance?: number;
  /** Called after each head; awaited. */
  readonly observe?: (done: number, total: number) => Promise<void> | void;
}

/**
 * The attention kernel (Q, K and V trained) of a law of heads whose values are independent of Q and K, with independent
 * entries of mean 0 and variance σ². Since `E V A Vᵀ = σ² tr(A) I`, the integral over V is exact and the Nd × Nd kernel is
 * `k ⊗ I_d`:
 * `k_ij = ∫ ⟨ȳ_i, ȳ_j⟩ + σ²(⟨x^i, x^j⟩ tr(C_iKᵀK C_j) + ⟨Qx^i, Qx^j⟩ tr(C_iC_j))/k dν(Q, K)`.
 * Its eigenvalues are those of the kernel, d times each. The heads come one after the other: memory N² numbers.
 *
 * @param heads the equal particles of the law of (Q, K); their V is not used
 * @returns k, N × N
 * @throws MesoscopeError `out-of-memory` above 2 GB
 */
export async function averagedKernel(
  heads: readonly EnsembleHead[],
  { contexts, tokens }: EnsembleState,
  options: AveragedKernelOptions = {},
): Promise<Matrix> {
  const samples = contexts.length;
  const d = tokens[0].length;
  const { valueVariance = 1 / d, observe } = options;
  const k = heads[0].Q.rows;
  const half = (d * (d + 1)) / 2;
  requireMemory(
    8 * samples * (5 * samples + d + k * d + half),
    `Take fewer inputs: ${samples} inputs make a kernel of ${samples} × ${samples}.`,
  );
  const kernel = zeros(samples, samples);
  const means = new Float64Array(samples * d);
  const keyed = new Float64Array(samples * k * d);
  const covariances = new Float64Array(samples * half);
  const queries = new Float64Array(samples * k);
  const tokenRows = Float64Array.from(tokens.flatMap((x) => Array.from(x)));
  for (const [h, head] of heads.entries()) {
    const { Q, K } = head;
    const B = headScoreMatrix(head);
    contexts.forEach((law, i) => {
      const xi = multiplyVector(B, tokens[i]);
      const C = tiltedCovariance(law, xi);
      means.set(tiltedMean(law, xi), i * d);
      keyed.set(multiply(K, C).data, i * k * d);
      covariances.set(packSymmetric(C), i * half);
      queries.set(multiplyVector(Q, tokens[i]), i * k);
    });
    const factor = valueVariance / k;
    addGram(kernel, 1 / heads.length, { data: means, length: d });
    addGram(
      kernel,
      factor / heads.length,
      { data: keyed, length: k * d },
      { data: tokenRows, length: d },
    );
    addGram(
      kernel,
      factor / heads.length,
      { data: covariances, length: half },
      { data: queries, length: k },
    );
    await observe?.(h + 1, heads.length);
  }
  for (let i = 0; i < samples; i++) {
    for (let j = i + 1; j < samples; j++) {
      kernel.data[i * samples + j] = kernel.data[j * samples + i];
    }
  }
  return kernel;
}

/** Rows of equal length, one an input. */
interface Rows {
  readonly data: Float64Array;
  readonly length: number;
}

/** `A_ij += factor ⟨f_i, f_j⟩ ⟨g_i, g_j⟩` for j ≤ i; without g the second product is 1. */
function addGram({ rows, data }: Matrix, factor: number, f: Rows, g?: Rows): void {
  for (let i = 0; i < rows; i++) {
    let j = 0;
    // Four columns at a time keep four independent sums in flight.
    for (; j + 3 <= i; j += 4) {
      const from = i * f.length;
      const to = j * f.length;
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let a = 0; a < f.length; a++) {
        const entry = f.data[from + a];
        s0 += entry * f.data[to + a];
        s1 += entry * f.data[to + f.length + a];
        s2 += entry * f.data[to + 2 * f.length + a];
        s3 += entry * f.data[to + 3 * f.length + a];
      }
      const at = i * rows + j;
      data[at] += factor * s0 * (g === undefined ? 1 : rowProduct(g, i, j));
      data[at + 1] += factor * s1 * (g === undefined ? 1 : rowProduct(g, i, j + 1));
      data[at + 2] += factor * s2 * (g === undefined ? 1 : rowProduct(g, i, j + 2));
      data[at + 3] += factor * s3 * (g === undefined ? 1 : rowProduct(g, i, j + 3));
    }
    for (; j <= i; j++) {
      data[i * rows + j] +=
        factor * rowProduct(f, i, j) * (g === undefined ? 1 : rowProduct(g, i, j));
    }
  }
}

function rowProduct({ data, length }: Rows, i: number, j: number): number {
  let sum = 0;
  for (let a = 0; a < length; a++) sum += data[i * length + a] * data[j * length + a];
  return sum;
}

/** The numbers of a symmetric matrix whose products sum to the trace of the product: off the diagonal times √2. */
function packSymmetric({ rows, data }: Matrix): Float64Array {
  const out = new Float64Array((rows * (rows + 1)) / 2);
  let at = 0;
  for (let a = 0; a < rows; a++) {
    for (let b = 0; b < a; b++) out[at++] = Math.SQRT2 * data[a * rows + b];
    out[at++] = data[a * rows + a];
  }
  return out;
}

/** The smallest eigenvalue of a positive semi-definite matrix, between certified ends. */
export interface CertifiedEigenvalue extends Eigenpair {
  /** No eigenvalue lies below: the matrix less this much of the identity has a Cholesky factor. 0 where it has none. */
  readonly lower: number;
  /** Rounding of the matrix: `1e-13 · tr`. Below it an eigenvalue is 0 for all that is known. */
  readonly rounding: number;
}

/**
 * λ_min of a symmetric positive semi-definite matrix: the quotient `vᵀAv`, which is never below it, by iteration
 * preconditioned with a Cholesky factor, and a bound from below a thousandth under the quotient, certain up to `rounding`
 * since `A − σI` has a Cholesky factor exactly if σ < λ_min.
 */
export async function certifiedSmallestEigenvalue(A: Matrix): Promise<CertifiedEigenvalue> {
  const n = A.rows;
  const rounding = kernelTolerance * trace(A);
  // The shift keeps the factor of a singular matrix.
  const factor = choleskyFactor(A, rounding);
  if (factor === undefined) throw new Error('a Gram matrix plus its rounding is definite');
  const solver = triangularSolver(transpose(factor));
  const found = await smallestEigenpair({
    apply: (v, out) => out.set(multiplyVector(A, v)),
    precondition(v, out) {
      out.set(v);
      solver.lower(out, 1);
      solver.upper(out, 1);
    },
    start: new Float64Array(n).map((_, i) => 1 + ((i * 5) % 11) / 11),
    floor: rounding,
    tolerance: 1e-4,
  });
  const sigma = 0.999 * found.value;
  const certified = found.value > rounding && choleskyFactor(A, -sigma) !== undefined;
  return { ...found, lower: certified ? sigma : 0, rounding };
}

/** The Cholesky factor of `A + shift I`; undefined where that is not positive definite. */
function choleskyFactor(A: Matrix, shift: number): Matrix | undefined {
  const shifted = { ...A, data: A.data.slice() };
  for (let i = 0; i < A.rows; i++) shifted.data[i * A.rows + i] += shift;
  try {
    return cholesky(shifted);
  } catch {
    return undefined;
  }
}
