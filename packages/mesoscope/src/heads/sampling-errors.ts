import type { Matrix } from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';
import { drawIndices } from './experiment.ts';
import type { HeadLaw } from './head-law.ts';
import {
  featureSpread,
  type LabelledFeatures,
  riskOfWeights,
  riskOfWeightsToSecondOrder,
} from './labelled-features.ts';

/** What N independent heads of a law do to the risk, for each N. */
export interface SamplingErrors {
  /** `E R(ρ^N) − R(ρ)`, one row for each group of draws. */
  readonly gaps: number[][];
  /** Standard deviation of `R(ρ^N)`, likewise. */
  readonly fluctuations: number[][];
  /** `(1/4N) E|Φ − z_ρ|²`. */
  readonly bound: number[];
  /** What N times the gap tends to: `½ E⟨Φ − z_ρ, (diag p − ppᵀ)(Φ − z_ρ)⟩`. */
  readonly gapLimit: number;
  /** What √N times the fluctuation tends to: the standard deviation of Ψ under ρ. */
  readonly fluctuationLimit: number;
  /** The gap at N = 1, exactly: `Σ_i w_i R(δ_{θ_i}) − R(ρ)`, and its bound. */
  readonly single: { readonly value: number; readonly bound: number };
  /** `R(ρ)`. */
  readonly risk: number;
}

/** How often, and at which numbers of heads, laws are drawn. */
export interface Sampling {
  /** N. */
  readonly counts: readonly number[];
  readonly groups: number;
  /** Draws of each group at each N. */
  readonly draws: number;
}

/**
 * Mean gap and fluctuation over draws of N heads. `∫Ψd(ρ^N − ρ)` has mean 0 and is taken off for the mean: what is left is of
 * the order of the mean itself.
 */
export function samplingErrors(
  features: LabelledFeatures,
  law: HeadLaw,
  { counts, groups, draws }: Sampling,
  random: RandomStream,
): SamplingErrors {
  const { weights } = law;
  const second = riskOfWeightsToSecondOrder(features, weights);
  const { value: risk, gradient: psi } = second;
  const mean = psi.reduce((sum, value, i) => sum + weights[i] * value, 0);
  const variance = psi.reduce((sum, value, i) => sum + weights[i] * (value - mean) ** 2, 0);
  const spread = featureSpread(features, weights);
  const sampled = new Float64Array(weights.length);

  /** Risk over that of the law, and the part of it that is linear in the law, of one draw. */
  function draw(count: number) {
    const choices = drawIndices(weights, count, random.uniform);
    sampled.fill(0);
    let linear = 0;
    for (const i of choices) {
      sampled[i] += 1 / count;
      linear += (psi[i] - mean) / count;
    }
    return { difference: riskOfWeights(features, sampled) - risk, linear };
  }

  function group(count: number) {
    let gap = 0;
    let sum = 0;
    let square = 0;
    for (let index = 0; index < draws; index++) {
      const { difference, linear } = draw(count);
      gap += difference - linear;
      sum += difference;
      square += difference * difference;
    }
    const variance = (square - (sum * sum) / draws) / (draws - 1);
    return { gap: gap / draws, fluctuation: Math.sqrt(Math.max(0, variance)) };
  }

  const all = Array.from({ length: groups }, () => counts.map(group));
  return {
    gaps: all.map((row) => row.map(({ gap }) => gap)),
    fluctuations: all.map((row) => row.map(({ fluctuation }) => fluctuation)),
    bound: counts.map((count) => spread / (4 * count)),
    gapLimit: meanCurvature(second.hessian, weights) / 2,
    fluctuationLimit: Math.sqrt(variance),
    single: { value: singleGap(features, weights) - risk, bound: spread / 4 },
    risk,
  };
}

/** `Σ_i w_i R(δ_{θ_i})`. */
function singleGap(features: LabelledFeatures, weights: Float64Array): number {
  const one = new Float64Array(weights.length);
  return weights.reduce((sum, weight, i) => {
    if (weight === 0) return sum;
    one.fill(0);
    one[i] = 1;
    return sum + weight * riskOfWeights(features, one);
  }, 0);
}

/** `Σ_i w_i H_ii − wᵀHw`: the mean square of `Φ_i − z_ρ` in the metric `diag p − ppᵀ`. */
function meanCurvature({ columns, data }: Matrix, weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < columns; i++) {
    sum += weights[i] * data[i * columns + i];
    for (let j = 0; j < columns; j++) sum -= weights[i] * data[i * columns + j] * weights[j];
  }
  return sum;
}
