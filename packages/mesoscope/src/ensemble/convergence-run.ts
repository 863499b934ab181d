import { ensembleDistance } from './movement.ts';
import { slowestMode } from './small-loss.ts';
import { squareLoss, type TokenLoss } from './token-loss.ts';
import type { TokenMap } from './token-map.ts';
import {
  type EnsembleRecord,
  type EnsembleTrainingStatus,
  gradientDominance,
  trainEnsemble,
} from './training.ts';

/** A loss this much below the first one counts as a global minimum reached. */
export const reached = 1e-8;
/** The energy identity holds to this error at every step. */
const energyTolerance = 0.05;
/** Looks at the tangent kernel along a training. */
const looks = 24;
/** The decay is measured over this many steps and their halves and quarters, each a quarter of what training took there. */
const decaySteps = 50;
const stepShare = 1 / 4;

/** One gradient flow. */
export interface ConvergenceRun {
  readonly records: readonly EnsembleRecord[];
  readonly status: EnsembleTrainingStatus;
  /** μ and the Polyak–Łojasiewicz ratio `‖∇L‖²/2L` at several times: never below μ. */
  readonly rates: readonly number[];
  readonly ratios: readonly number[];
  /** `∫‖∇L‖dτ`, and the distance of the laws of heads at both ends, which cannot exceed it. */
  readonly length: number;
  readonly movement: number;
  /** From where the loss has fallen by half of its way in logarithms; undefined where it never has. */
  readonly late: LateDecay | undefined;
}

/** The decay of the loss against its gradient, extrapolated to steps of no length. */
export interface LateDecay {
  /** −d log L/dτ, and the mean of `‖∇L‖²/2L` over the same time. */
  readonly rate: number;
  readonly ratio: number;
  /** `rate / 2 ratio`, and what the extrapolation leaves open. */
  readonly quotient: number;
  readonly error: number;
}

/** Follows gradient flow until the loss has fallen by {@link reached}, and looks at what it went through. */
export function convergenceRun(
  map: TokenMap,
  targets: readonly ArrayLike<number>[],
  { start, steps }: { readonly start: Float64Array; readonly steps: number },
): ConvergenceRun {
  const loss = squareLoss(targets, map.layout.dimension);
  const first = loss.value(map.forward(start));
  const seen: { readonly theta: Float64Array; readonly index: number }[] = [];
  let due = 1;
  const { records, status, theta } = trainEnsemble({
    map,
    loss,
    start,
    steps,
    energyTolerance,
    step: 0.05,
    target: reached * first,
    observe(record, at, index) {
      if (record.loss > due * first) return;
      seen.push({ theta: at.slice(), index });
      due = Math.min((record.loss / first) * reached ** (1 / looks), due);
    },
  });
  const half = seen.find(({ index }) => records[index].loss <= Math.sqrt(reached) * first);
  const next = half === undefined ? undefined : records[half.index + 1];
  return {
    records,
    status,
    rates: seen.map((one) => slowestMode(map, one.theta).rate),
    ratios: seen.map(({ index }) => gradientDominance(records[index])),
    length: records
      .slice(1)
      .reduce(
        (sum, record, i) =>
          sum + (record.time - records[i].time) * Math.sqrt(records[i].gradientSquare),
        0,
      ),
    movement: ensembleDistance(map.layout, start, theta).distance,
    late:
      half === undefined || next === undefined
        ? undefined
        : lateDecay(map, loss, half.theta, stepShare * (next.time - records[half.index].time)),
  };
}

/**
 * The decay over one time with steps h, h/2 and h/4. Of explicit steps the quotient is `1 + ah + bh² + …`; two turns of extrapolation
 * leave less than they changed last.
 */
function lateDecay(map: TokenMap, loss: TokenLoss, start: Float64Array, h: number): LateDecay {
  const measured = [1, 2, 4].map((parts) => {
    const steps = parts * decaySteps;
    const { records } = trainEnsemble({ map, loss, start, step: h / parts, steps });
    const rate = Math.log(records[0].loss / records[steps].loss) / (decaySteps * h);
    const ratio = records.slice(0, steps).reduce((sum, r) => sum + gradientDominance(r), 0) / steps;
    return { rate, ratio, quotient: rate / (2 * ratio) };
  });
  const [coarse, middle, fine] = measured.map(({ quotient }) => quotient);
  const [once, again] = [2 * middle - coarse, 2 * fine - middle];
  const quotient = (4 * again - once) / 3;
  return { ...measured[2], quotient, error: Math.abs(quotient - again) };
}
