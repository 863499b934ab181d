import type { FloatArray } from '../kernels/backend.ts';
import { denseStep } from './dense-output.ts';
import type { AdaptiveStepper } from './embedded-integration.ts';
import type { EntryLayout } from './entries.ts';
import type { EmbeddedScheme } from './scheme.ts';

/** What runs the stages of one explicit step; its slopes include the one at the end of the step. */
export interface EmbeddedStages {
  readonly scheme: EmbeddedScheme;
  readonly layout: EntryLayout;
  readonly state: FloatArray;
  readonly next: FloatArray;
  readonly slopes: readonly FloatArray[];
  /** Computes slope 0. */
  start(from: number, to: number): void;
  /** Computes the other slopes and `next`. */
  attempt(from: number, to: number): void;
}

/** Steps of an explicit scheme with an embedded one: the error is `ε Σ_i errorWeights_i k_i`. */
export function embeddedStepper(stages: EmbeddedStages): AdaptiveStepper {
  const { scheme, layout, state, next, slopes } = stages;
  const [slope] = slopes;
  const lastSlope = slopes[slopes.length - 1];
  let step = 0;
  return {
    layout,
    state,
    next,
    slope,
    errorOrder: scheme.order,
    start: stages.start,
    attempt(from, to) {
      step = to - from;
      stages.attempt(from, to);
    },
    error(i) {
      let sum = 0;
      for (let j = 0; j < slopes.length; j++) sum += scheme.errorWeights[j] * slopes[j][i];
      return step * sum;
    },
    interpolant: (from, to) => denseStep(scheme.dense, { from, to }, state, slopes),
    accept() {
      state.set(next);
      slope.set(lastSlope);
    },
  };
}
