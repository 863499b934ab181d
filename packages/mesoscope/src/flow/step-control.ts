import type { FloatArray } from '../kernels/backend.ts';
import { positivePower } from '../numeric/power.ts';
import { type EntryLayout, forEachEntry } from './entries.ts';

export interface Tolerances {
  /** Default 1e-9. */
  readonly relativeTolerance?: number;
  /** Default 1e-12. */
  readonly absoluteTolerance?: number;
}

/**
 * `max_samples √(mean_i (e_i / (absolute + relative·max(|x_i|, |y_i|)))²)` of an error e between the states x and y
 * at both ends of a step: at most 1 if the step is within the tolerances (Hairer, Nørsett & Wanner, Solving Ordinary
 * Differential Equations I, II.4).
 */
export function scaledNorm(
  error: (i: number) => number,
  x: FloatArray,
  y: FloatArray,
  layout: EntryLayout,
  absolute: number,
  relative: number,
): number {
  let largest = 0;
  for (let sample = 0; sample < layout.samples; sample++) {
    let sum = 0;
    forEachEntry(layout, sample, (i) => {
      const scale = absolute + relative * Math.max(Math.abs(x[i]), Math.abs(y[i]));
      sum += (error(i) / scale) ** 2;
    });
    const norm = Math.sqrt(sum / (layout.rows * layout.columns));
    if (Number.isNaN(norm)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, norm);
  }
  return largest;
}

/** Decides how long the next step is. */
export interface StepController {
  /** The factor for the next step after one whose scaled error, of this order in the step, is ≤ 1. */
  accepted(error: number, order: number): number;
  /** The factor, below 1, for another try. */
  rejected(error: number, order: number): number;
}

/**
 * Proportional–integral control (Gustafsson's controller with the constants of Hairer, Nørsett & Wanner I, II.4: β = 0.04, safety 0.9, factors between 0.2 and 10).
 */
export function createStepController(): StepController {
  const beta = 0.04;
  const exponent = (order: number) => 1 / order - 0.75 * beta;
  const safety = 0.9;
  let previousError = 1e-4;
  let afterRejection = false;
  return {
    accepted(error, order) {
      const raw =
        (safety * positivePower(previousError, beta)) /
        positivePower(Math.max(error, 1e-10), exponent(order));
      const factor = Math.min(Math.max(raw, 0.2), afterRejection ? 1 : 10);
      previousError = Math.max(error, 1e-4);
      afterRejection = false;
      return factor;
    },
    rejected(error, order) {
      afterRejection = true;
      return Number.isFinite(error)
        ? Math.max(0.2, safety / positivePower(error, exponent(order)))
        : 0.2;
    },
  };
}
