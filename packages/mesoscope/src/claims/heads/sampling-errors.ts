import type { HeadLaw } from '../../heads/head-law.ts';
import {
  featureSpread,
  type LabelledFeatures,
  riskOfWeights,
  riskOfWeightsToSecondOrder,
} from '../../heads/labelled-features.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import type { RandomStream } from '../../numeric/random.ts';
import { drawHeads } from './instance.ts';

/** N. */
export const sampledHeads = [16, 32, 64, 128, 256, 512];

/** What N independent heads of a law do to the risk. */
export interface SamplingErrors {
  /** `E R(ρ^N) − R(ρ)`. */
  readonly gap: number[];
  /** Standard deviation of `R(ρ^N)`. */
  readonly fluctuation: number[];
  /** `(1/4N) E|Φ − z_ρ|²`. */
  readonly bound: number[];
  /** What N times the gap tends to: `½ E⟨Φ − z_ρ, (diag p − ppᵀ)(Φ − z_ρ)⟩`. */
  readonly gapLimit: number;
  /** What √N times the fluctuation tends to: the standard deviation of Ψ under ρ. */
  readonly fluctuationLimit: number;
}

/**
 * Mean gap and fluctuation over `draws` laws of N heads each. `∫Ψd(ρ^N − ρ)` has mean 0 and is taken off for the mean:
 * what is left is of the order of the mean itself.
 */
export function samplingErrors(
  features: LabelledFeatures,
  weights: Float64Array,
  law: HeadLaw,
  draws: number,
  random: RandomStream,
): SamplingErrors {
  const second = riskOfWeightsToSecondOrder(features, weights);
  const { value: risk, gradient: psi } = second;
  const mean = psi.reduce((sum, value, i) => sum + weights[i] * value, 0);
  const variance = psi.reduce((sum, value, i) => sum + weights[i] * (value - mean) ** 2, 0);
  const spread = featureSpread(features, weights);
  const result: SamplingErrors = {
    ...{ gap: [], fluctuation: [], bound: [] },
    gapLimit: meanCurvature(second.hessian, weights) / 2,
    fluctuationLimit: Math.sqrt(variance),
  };
  for (const N of sampledHeads) {
    let gap = 0;
    let square = 0;
    let sum = 0;
    for (let draw = 0; draw < draws; draw++) {
      const { choices } = drawHeads(law, N, random.uniform);
      const sampled = new Float64Array(weights.length);
      let linear = 0;
      for (const i of choices) {
        sampled[i] += 1 / N;
        linear += (psi[i] - mean) / N;
      }
      const difference = riskOfWeights(features, sampled) - risk;
      gap += difference - linear;
      sum += difference;
      square += difference * difference;
    }
    result.gap.push(gap / draws);
    result.fluctuation.push(Math.sqrt(Math.max(0, square / draws - (sum / draws) ** 2)));
    result.bound.push(spread / (4 * N));
  }
  return result;
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
