import type { Law } from '../law/law.ts';
import { logSumExp, tiltedCovariance, tiltedMean } from '../law/tilt.ts';
import { requireFinite } from '../numeric/checks.ts';
import { block, multiply, multiplyVector, transpose, zeros } from '../numeric/matrix.ts';
import { requireMemory } from './checks.ts';
import { type InjectivityOptions, probePoints, roundingTolerance } from './injectivity.ts';
import { type EnsembleHead, headScoreMatrix } from './parameters.ts';
import { extremeSingularValues, streamedTriangle } from './streamed-triangle.ts';
import type { EnsembleState } from './token-map.ts';

/** What can be said of many contexts without holding their design. */
export interface StreamedInjectivity {
  readonly verdict: 'independent' | 'dependent';
  /** Extreme singular values of the design, as `testInjectivity` has them. */
  readonly smallest: number;
  readonly largest: number;
  /** The right singular vector of the smallest: the coefficients of a dependency if there is one. */
  readonly coefficients: Float64Array;
}

/**
 * As `testInjectivity` for thousands of contexts: the design's rows are made, reflected into a triangle and forgotten;
 * memory `(N + d + 1)²` numbers. The null functions stand in the first columns, so that the rest of the triangle is that of
 * the design without them.
 *
 * @param options default of `probes`: `N + N/2 + d + 1`, rounded up; `resamples` is not used
 * @throws MesoscopeError `out-of-memory`
 */
export function streamInjectivity(
  contexts: readonly Law[],
  options: Omit<InjectivityOptions, 'resamples'> = {},
): StreamedInjectivity {
  const { modulo = 'affine', seed = 1 } = options;
  const count = contexts.length;
  const d = contexts[0].dimension;
  const probes = options.probes ?? Math.ceil(1.5 * count) + d + 1;
  const nulls = modulo === 'affine' ? d + 1 : 1;
  const columns = nulls + count;
  requireMemory(16 * columns * columns, `Take fewer contexts than ${count}.`);
  const points = probePoints(contexts, probes, seed);
  const triangle = streamedTriangle(columns);
  const row = new Float64Array(columns);
  const squares = new Float64Array(count);
  const factor = 1 / Math.sqrt(probes);
  for (let a = 0; a < probes; a++) {
    const xi = points.data.subarray(a * d, (a + 1) * d);
    row[0] = factor;
    for (let b = 1; b < nulls; b++) row[b] = factor * xi[b - 1];
    contexts.forEach((law, i) => {
      row[nulls + i] = factor * logSumExp(law, xi);
      squares[i] += row[nulls + i] ** 2;
    });
    triangle.add(row);
  }
  const rest = block(triangle.finish(), nulls, nulls, count, count);
  const { smallest, largest, vector } = extremeSingularValues(rest);
  requireFinite('singular values of the design', [smallest, largest]);
  const tolerance = roundingTolerance * Math.sqrt(squares.reduce((x, y) => Math.max(x, y), 0));
  return {
    verdict: smallest > tolerance ? 'independent' : 'dependent',
    smallest,
    largest,
    coefficients: vector,
  };
}

/** Both sides of the smallest eigenvalue of an attention kernel. */
export interface KernelBounds {
  readonly lower: number;
  readonly upper: number;
}

/**
 * Bounds of λ_min of `attentionKernel` (Q, K and V trained) without the Nd × Nd kernel. The part of V is `G ⊗ I` with
 * `G_ij = ∫⟨ȳ_i, ȳ_j⟩dν` and the rest is positive semi-definite, so `λ_min ≥ λ_min(G)`, from the streamed triangle of the
 * tilted means (memory N²). Above it lies every quotient `uᵀKu/|u|²`; taken with `u = c ⊗ e_a`, c the minimiser for G.
 * The lower bound is positive only where heads times d reach N.
 *
 * @throws MesoscopeError `out-of-memory`
 */
export function kernelBounds(
  heads: readonly EnsembleHead[],
  { contexts, tokens }: EnsembleState,
): KernelBounds {
  const count = contexts.length;
  const d = tokens[0].length;
  requireMemory(16 * count * count, `Take fewer contexts than ${count}.`);
  const triangle = streamedTriangle(count);
  const row = new Float64Array(count);
  const factor = 1 / Math.sqrt(heads.length);
  for (const head of heads) {
    const B = headScoreMatrix(head);
    const means = contexts.map((law, i) => tiltedMean(law, multiplyVector(B, tokens[i])));
    for (let a = 0; a < d; a++) {
      for (let i = 0; i < count; i++) row[i] = factor * means[i][a];
      triangle.add(row);
    }
  }
  const { smallest, vector } = extremeSingularValues(triangle.finish());
  requireFinite('singular values of the tilted means', [smallest]);
  // Fewer rows than columns leave a null space that rounding hides.
  const lower = heads.length * d < count ? 0 : smallest * smallest;
  const scores = new Float64Array(d);
  for (const head of heads) addScoreParts(head, { contexts, tokens }, vector, scores);
  return { lower, upper: smallest * smallest + Math.min(...scores) / heads.length };
}

/** Adds `uᵀK_{QK}u` of one head for `u = c ⊗ e_a`, each a. */
function addScoreParts(
  head: EnsembleHead,
  { contexts, tokens }: EnsembleState,
  c: Float64Array,
  scores: Float64Array,
): void {
  const { Q, K, V } = head;
  const d = V.columns;
  const k = Q.rows;
  const B = headScoreMatrix(head);
  const ofQ = Array.from({ length: d }, () => zeros(k, d));
  const ofK = Array.from({ length: d }, () => zeros(k, d));
  contexts.forEach((law, i) => {
    const x = tokens[i];
    const moved = multiply(V, tiltedCovariance(law, multiplyVector(B, x)));
    const keyed = multiply(moved, transpose(K));
    const query = multiplyVector(Q, x);
    for (let a = 0; a < d; a++) {
      for (let r = 0; r < k; r++) {
        for (let b = 0; b < d; b++) {
          ofQ[a].data[r * d + b] += c[i] * keyed.data[a * k + r] * x[b];
          ofK[a].data[r * d + b] += c[i] * query[r] * moved.data[a * d + b];
        }
      }
    }
  });
  for (let a = 0; a < d; a++) {
    for (let i = 0; i < k * d; i++) {
      scores[a] += (ofQ[a].data[i] ** 2 + ofK[a].data[i] ** 2) / k;
    }
  }
}
