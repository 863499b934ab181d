import { columnStride } from '../kernels/instruction.ts';
import { headLength } from './head-law.ts';
import type { HeadProblem } from './problem.ts';
import type { SecondOrder } from './simplex.ts';

/** Φ of M heads at the labelled positions only: the risk as a function of the heads' weights. */
export interface LabelledFeatures {
  /** M. */
  readonly heads: number;
  /** Positions that have a label. */
  readonly positions: number;
  /** C. */
  readonly classes: number;
  /** M × (positions · C). */
  readonly values: Float64Array;
  readonly labels: Int32Array;
  /** Probability of each position. */
  readonly probabilities: Float64Array;
  /** `(λ/2)|θ_i|²` of each head. */
  readonly penalties: Float64Array;
}

/** The features of M heads (M × P). */
export function labelledFeatures(problem: HeadProblem, heads: Float64Array): LabelledFeatures {
  const { data, shape, regularisation } = problem;
  const stride = columnStride(data.tokens);
  const C = shape.classes;
  const P = headLength(shape);
  const M = heads.length / P;
  const columns = [...data.weights.keys()].filter((i) => data.weights[i] > 0);
  const all = problem.features(heads);
  const length = data.sequences * C * stride;
  const values = new Float64Array(M * columns.length * C);
  for (let i = 0; i < M; i++) {
    columns.forEach((column, p) => {
      const s = Math.floor(column / stride);
      for (let c = 0; c < C; c++) {
        values[(i * columns.length + p) * C + c] =
          all[i * length + (s * C + c) * stride + (column % stride)];
      }
    });
  }
  return {
    heads: M,
    positions: columns.length,
    classes: C,
    values,
    labels: Int32Array.from(columns, (column) => data.labels[column]),
    probabilities: Float64Array.from(columns, (column) => data.weights[column]),
    penalties: Float64Array.from({ length: M }, (_, i) => {
      const head = heads.subarray(i * P, (i + 1) * P);
      return (regularisation / 2) * head.reduce((sum, x) => sum + x * x, 0);
    }),
  };
}

/** `R(Σ_i w_i δ_{θ_i})` for weights w. */
export function riskOfWeights(features: LabelledFeatures, weights: Float64Array): number {
  const { positions, classes: C, labels, probabilities, penalties } = features;
  const logits = logitsOfWeights(features, weights);
  let risk = 0;
  for (let p = 0; p < positions; p++) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < C; c++) largest = Math.max(largest, logits[p * C + c]);
    let sum = 0;
    for (let c = 0; c < C; c++) sum += Math.exp(logits[p * C + c] - largest);
    risk += probabilities[p] * (largest + Math.log(sum) - logits[p * C + labels[p]]);
  }
  weights.forEach((w, i) => {
    risk += w * penalties[i];
  });
  return risk;
}

/**
 * Value, gradient `Ψ(θ_i;ρ)` and Hessian `E⟨Φ_i, (diag p − ppᵀ) Φ_j⟩` of the risk as a function of the weights.
 */
export function riskOfWeightsToSecondOrder(
  features: LabelledFeatures,
  weights: Float64Array,
): SecondOrder {
  const { heads: M, positions, classes: C, values, labels, probabilities, penalties } = features;
  const gradient = penalties.slice();
  const hessian = { rows: M, columns: M, data: new Float64Array(M * M) };
  const law = softmaxOfWeights(features, weights);
  const scaled = new Float64Array(C * M);
  for (let p = 0; p < positions; p++) {
    const probability = probabilities[p];
    // Rows √(π p_c)(Φ_ic − ⟨p, Φ_i⟩): their Gram matrix is the position's part of the Hessian.
    for (let i = 0; i < M; i++) {
      const at = (i * positions + p) * C;
      let mean = 0;
      for (let c = 0; c < C; c++) mean += law[p * C + c] * values[at + c];
      gradient[i] += probability * (mean - values[at + labels[p]]);
      for (let c = 0; c < C; c++) {
        scaled[i * C + c] = Math.sqrt(probability * law[p * C + c]) * (values[at + c] - mean);
      }
    }
    for (let i = 0; i < M; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = 0;
        for (let c = 0; c < C; c++) sum += scaled[i * C + c] * scaled[j * C + c];
        hessian.data[i * M + j] += sum;
      }
    }
  }
  for (let i = 0; i < M; i++) {
    for (let j = 0; j < i; j++) hessian.data[j * M + i] = hessian.data[i * M + j];
  }
  return { value: riskOfWeights(features, weights), gradient, hessian };
}

/** `E|Φ − z_ρ|²` under the law with these weights: the spread that random heads average out. */
export function featureSpread(features: LabelledFeatures, weights: Float64Array): number {
  return weights.reduce((sum, w, i) => sum + w * squareDistance(features, weights, i), 0);
}

/** `E|Φ_i − z_ρ|²` of head i from the law with these weights. */
export function squareDistance(
  features: LabelledFeatures,
  weights: Float64Array,
  i: number,
): number {
  const { positions, classes: C, values, probabilities } = features;
  const logits = logitsOfWeights(features, weights);
  let square = 0;
  for (let p = 0; p < positions; p++) {
    for (let c = 0; c < C; c++) {
      square += probabilities[p] * (values[(i * positions + p) * C + c] - logits[p * C + c]) ** 2;
    }
  }
  return square;
}

function logitsOfWeights(features: LabelledFeatures, weights: Float64Array): Float64Array {
  const length = features.positions * features.classes;
  const logits = new Float64Array(length);
  for (let i = 0; i < features.heads; i++) {
    const w = weights[i];
    if (w === 0) continue;
    for (let j = 0; j < length; j++) logits[j] += w * features.values[i * length + j];
  }
  return logits;
}

function softmaxOfWeights(features: LabelledFeatures, weights: Float64Array): Float64Array {
  const { positions, classes: C } = features;
  const law = logitsOfWeights(features, weights);
  for (let p = 0; p < positions; p++) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < C; c++) largest = Math.max(largest, law[p * C + c]);
    let sum = 0;
    for (let c = 0; c < C; c++) {
      law[p * C + c] = Math.exp(law[p * C + c] - largest);
      sum += law[p * C + c];
    }
    for (let c = 0; c < C; c++) law[p * C + c] /= sum;
  }
  return law;
}
