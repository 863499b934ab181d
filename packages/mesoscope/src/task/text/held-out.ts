import type { ControlProblem } from '../../control/problem.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { sequencesAt } from './corpus.ts';

/** Bits per character on sequences that training never saw. */
export interface HeldOutBits {
  readonly bits: number;
  /** Standard error of the mean over sequences. */
  readonly standardError: number;
  readonly sequences: number;
}

/** `E ℓ / log 2` over the sequences that begin at `starts`, in batches. NaN where the flow diverged. */
export function heldOutBits(
  problem: ControlProblem,
  parameters: FloatArray,
  heldOut: Int32Array,
  starts: Int32Array,
): HeldOutBits {
  const losses = new Float64Array(starts.length);
  for (let from = 0; from < starts.length; from += problem.samples) {
    const part = starts.subarray(from, from + problem.samples);
    const batch = sequencesAt(heldOut, part, problem.tokens);
    problem.sampleLosses(parameters, batch, losses.subarray(from, from + part.length));
  }
  const mean = losses.reduce((sum, x) => sum + x, 0) / losses.length;
  const square = losses.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return {
    bits: mean / Math.LN2,
    standardError: Math.sqrt(square / (losses.length - 1) / losses.length) / Math.LN2,
    sequences: losses.length,
  };
}
