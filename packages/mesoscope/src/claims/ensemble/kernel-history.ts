import { kernelSpectrum } from '../../ensemble/attention-kernel.ts';
import { headsAt } from '../../ensemble/parameters.ts';
import { squareLoss } from '../../ensemble/token-loss.ts';
import type { EnsembleState, TokenMap } from '../../ensemble/token-map.ts';
import { trainEnsemble } from '../../ensemble/training.ts';
import type { Mark } from '../figure.ts';

/** The kernels at every depth along a training. */
export interface KernelHistory {
  readonly times: number[];
  readonly losses: number[];
  /** λ_min/λ_max of K_s: one row for each observed time, one column for each depth s = l/L. */
  readonly ratios: number[][];
  /** λ_min(K_s), the same way. */
  readonly smallest: number[][];
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
    readonly observe?: (states: readonly EnsembleState[], theta: Float64Array) => void;
  },
): KernelHistory {
  const { layout } = map;
  const history: KernelHistory = { times: [], losses: [], ratios: [], smallest: [] };
  trainEnsemble({
    map,
    loss: squareLoss(targets, layout.dimension),
    start: given.start,
    steps: given.steps,
    step: 0.02,
    energyTolerance: 0.1,
    observe(record, theta, index) {
      if (index % given.observeEvery !== 0) return;
      const states = map.states(theta);
      history.times.push(record.time);
      history.losses.push(record.loss);
      const spectra = states
        .slice(0, layout.layers)
        .map((state, l) => kernelSpectrum(headsAt(layout, theta, l), state));
      history.smallest.push(spectra.map(({ smallest }) => smallest));
      history.ratios.push(spectra.map(({ smallest, largest }) => Math.max(smallest, 0) / largest));
      given.observe?.(states, theta);
    },
  });
  return history;
}

/** λ_min/λ_max over training time, a line for each of up to five depths. */
export function depthLines({ times, ratios }: KernelHistory): Mark[] {
  const layers = ratios[0].length;
  const shown = [...new Set([0, 1, 2, 3, 4].map((i) => Math.round((i * (layers - 1)) / 4)))];
  return shown.map((l) => ({
    kind: 'line',
    series: `s = ${l}/${layers}`,
    x: times,
    y: ratios.map((row) => Math.max(row[l], 1e-18)),
  }));
}
