import { spectraOf } from './kernel-fall.ts';
import { squareLoss } from './token-loss.ts';
import type { EnsembleState, TokenMap } from './token-map.ts';
import { type EnsembleTrainingStatus, trainEnsemble } from './training.ts';

/** The kernels at every depth along a training. */
export interface KernelHistory {
  readonly times: readonly number[];
  readonly losses: readonly number[];
  /** λ_min/λ_max of K_s: one row for each observed time, one column for each depth s = l/L. */
  readonly ratios: readonly (readonly number[])[];
  /** λ_min(K_s), the same way. */
  readonly smallest: readonly (readonly number[])[];
  readonly status: EnsembleTrainingStatus;
}

/** Gradient flow on the square loss, looking at the kernels of all depths on the way. */
export function followKernels(
  map: TokenMap,
  targets: readonly Float64Array[],
  given: {
    readonly start: Float64Array;
    readonly steps: number;
    /** Steps between two looks. */
    readonly observeEvery: number;
    /** The share of its start to which the loss falls before training stops; default 0. */
    readonly until?: number;
    observe?(states: readonly EnsembleState[], theta: Float64Array): void;
  },
): KernelHistory {
  const { start, steps, observeEvery, until = 0 } = given;
  const loss = squareLoss(targets, map.layout.dimension);
  const [times, losses]: number[][] = [[], []];
  const [ratios, smallest]: number[][][] = [[], []];
  const { status } = trainEnsemble({
    map,
    loss,
    start,
    steps,
    step: 0.02,
    energyTolerance: 0.1,
    target: until * loss.value(map.forward(start)),
    observe(record, theta, index) {
      if (index % observeEvery !== 0) return;
      times.push(record.time);
      losses.push(record.loss);
      const spectra = spectraOf(map, theta);
      smallest.push(spectra.map((one) => one.smallest));
      ratios.push(spectra.map((one) => Math.max(one.smallest, 0) / one.largest));
      given.observe?.(map.states(theta), theta);
    },
  });
  return { times, losses, ratios, smallest, status };
}
