import { columnStride } from '../../kernels/instruction.ts';
import {
  exponential,
  exponentialError,
  gamma,
  tiny,
  unitRoundoff,
} from '../../rigorous/rounding.ts';
import type { Linearisation } from '../problem.ts';
import type { SequenceData } from '../sequences.ts';

/** One labelled position: its token as a query, the tokens that it sees, and the residual there. */
export interface Context {
  /** d numbers: x_t. */
  readonly query: Float64Array;
  /** m: the tokens x_1 … x_t. */
  readonly count: number;
  /** m × d. */
  readonly tokens: Float64Array;
  /** C numbers: P(X_t)(softmax(z_ρ) − e_Y). */
  readonly residual: Float64Array;
}

/** What is minimised: `F(B) = λ√k‖B‖_* − |M(B)|²_F/(2λ)`, `M(B) = Σ_c r_c ȳ_c(B)ᵀ`. */
export interface ReducedProblem {
  readonly contexts: readonly Context[];
  /** d. */
  readonly dimension: number;
  /** C. */
  readonly classes: number;
  /** λ > 0. */
  readonly regularisation: number;
  /** λ√k. */
  readonly slope: number;
}

/** The labelled positions of some data, with the residual of a law. */
export function contextsOf(data: SequenceData, { residual }: Linearisation): Context[] {
  const { sequences, dimension: d, classes: C, lengths, states, labels } = data;
  const stride = columnStride(data.tokens);
  const contexts: Context[] = [];
  for (let s = 0; s < sequences; s++) {
    const token = (t: number) =>
      Float64Array.from({ length: d }, (_, a) => states[(s * d + a) * stride + t]);
    for (let t = 0; t < lengths[s]; t++) {
      if (labels[s * stride + t] < 0) continue;
      const tokens = new Float64Array((t + 1) * d);
      for (let v = 0; v <= t; v++) tokens.set(token(v), v * d);
      contexts.push({
        query: token(t),
        count: t + 1,
        tokens,
        residual: Float64Array.from({ length: C }, (_, c) => residual[(s * C + c) * stride + t]),
      });
    }
  }
  return contexts;
}

/** Softmax scores of a context at a matrix B, with what rounding leaves open. */
export interface Scores {
  /** ⟨Bx, x_v⟩. */
  readonly scores: Float64Array;
  /** By how much a difference of two of them may be off. */
  readonly scoreError: number;
  /** a_v. */
  readonly weights: Float64Array;
  /** By how much a weight may be off, relatively. */
  readonly weightError: number;
}

/** Room for the scores of one context after the other. */
export function scoreRoom(most: number): { scores: Float64Array; weights: Float64Array } {
  return { scores: new Float64Array(most), weights: new Float64Array(most) };
}

/**
 * `a = softmax_v(⟨Bx, x_v⟩)`. Each score is a sum of d² products of three factors, off by `γ_{d²+2} Σ|B_ij x_j x_vi|` at most.
 *
 * @param B - d × d, row-major
 */
export function softmaxScores(
  { query, count, tokens }: Context,
  B: Float64Array,
  { scores, weights }: { readonly scores: Float64Array; readonly weights: Float64Array },
): Scores {
  const d = query.length;
  let largest = 0;
  let top = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < count; v++) {
    let score = 0;
    let size = 0;
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        const term = B[i * d + j] * query[j] * tokens[v * d + i];
        score += term;
        size += Math.abs(term);
      }
    }
    scores[v] = score;
    top = Math.max(top, score);
    largest = Math.max(largest, size);
  }
  const scoreError = 2.01 * gamma(d * d + 2) * largest + 2 * unitRoundoff * largest + tiny;
  let total = 0;
  for (let v = 0; v < count; v++) {
    weights[v] = exponential(scores[v] - top);
    total += weights[v];
  }
  for (let v = 0; v < count; v++) weights[v] /= total;
  // Numerator and denominator are each off by the error of exponents and of the exponential.
  const weightError = 2.02 * (2 * scoreError + exponentialError) + gamma(count + 3);
  return { scores, scoreError, weights, weightError };
}
