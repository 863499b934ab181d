import { horizonOf } from '../../flow/grid.ts';
import { createFieldProbe } from '../../flow/lipschitz.ts';
import type { FlowShape } from '../../flow/types.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { stateLength } from '../../kernels/program.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import type { TerminalLoss } from '../terminal-loss.ts';
import type { DiscreteAdjoint } from './costate-errors.ts';
import { largestDistance } from './depth-experiment.ts';

/** Costates along the depth beside the pathwise bound `√2 ‖U‖ e^{L_h(T−t)}`. */
export interface CostateBound {
  /** L + 1 depths. */
  readonly depths: readonly number[];
  /** `|p_k|`, the largest over samples. */
  readonly norms: readonly number[];
  readonly bounds: readonly number[];
  /** `L_h = sup ‖D_hf‖` along the path. */
  readonly lipschitzInState: number;
  /** `√2 ‖U‖`, times the slope of a normalisation before the readout, times the largest share if that is above 1. */
  readonly atTerminal: number;
  /** The largest share `S Σ_i w_si / Σw` of a sample in the loss: 1 where all labels weigh the same. */
  readonly largestShare: number;
}

/** Relative growth of an estimate of L_h below which its power iteration stops; L_h is raised by it. */
const powerTolerance = 1e-4;

/** What a norm and a bound may lose by rounding, on which a bound that is reached must not founder. */
const rounding = 64 * Number.EPSILON;

/** d, n and S. */
interface Sizes {
  readonly dimension: number;
  readonly tokens: number;
  readonly samples: number;
}

/** The costates of a recursion against the bound, with L_h measured along its states. */
export function measureCostateBound(
  backend: Backend,
  shape: FlowShape,
  { trajectory, costates }: DiscreteAdjoint,
  loss: TerminalLoss,
): CostateBound {
  const { field, tokens } = shape;
  const { samples, grid } = trajectory;
  const sizes = { field, tokens, samples };
  const probe = createFieldProbe(backend, shape);
  const measured = probe.along(trajectory, { tolerance: powerTolerance });
  const stateLipschitz = (1 + powerTolerance) * measured.stateLipschitz;
  const dimension = field.dimension;
  const atTerminal = terminalBound(loss, trajectory.last, { dimension, tokens, samples });
  const depths = Array.from(grid.times);
  const T = horizonOf(grid);
  const zero = new Float64Array(trajectory.last.length);
  const norms = costates.map((p) => largestDistance(p, zero, sizes));
  const bounds = depths.map((t) => atTerminal * Math.exp(stateLipschitz * (T - t)));
  return {
    depths,
    norms,
    bounds,
    lipschitzInState: stateLipschitz,
    atTerminal,
    largestShare: largestShare(loss, samples),
  };
}

/** As {@link measureCostateBound} where only the last states are given: the bound at T, on a depth of length 0. */
export function boundAtTerminal(
  loss: TerminalLoss,
  states: FloatArray,
  costate: FloatArray,
  sizes: Sizes,
): CostateBound {
  const atTerminal = terminalBound(loss, states, sizes);
  const { dimension, tokens, samples } = sizes;
  const shape = { field: { dimension }, tokens, samples };
  const norm = largestDistance(costate, new Float64Array(costate.length), shape);
  return {
    depths: [0],
    norms: [norm],
    bounds: [atTerminal],
    lipschitzInState: 0,
    atTerminal,
    largestShare: largestShare(loss, samples),
  };
}

/**
 * `√2 ‖U‖ sup ‖D norm‖`, times the largest share of a sample: the most that a sample's terminal costate can be, its loss
 * being a mean over its labels, times its share.
 */
function terminalBound(loss: TerminalLoss, states: FloatArray, sizes: Sizes): number {
  const U = { rows: loss.classes, columns: sizes.dimension, data: Float64Array.from(loss.readout) };
  const share = Math.max(1, largestShare(loss, sizes.samples));
  return Math.SQRT2 * spectralNorm(U) * steepest(loss, states, sizes) * share * (1 + rounding);
}

/** `sup ‖D norm(h_i)‖₂ ≤ 1/√(|h_i − mean|²/d + ε)` over tokens, 1 without normalisation. */
function steepest({ normalisation }: TerminalLoss, states: FloatArray, sizes: Sizes): number {
  if (normalisation === 'none') return 1;
  const { dimension: d, tokens, samples } = sizes;
  const stride = columnStride(tokens);
  let result = 0;
  for (let s = 0; s < samples; s++) {
    for (let j = 0; j < tokens; j++) {
      const token = Array.from(
        { length: d },
        (_, i) => states[s * stateLength(d, tokens) + i * stride + j],
      );
      const mean = normalisation === 'layer' ? token.reduce((a, b) => a + b) / d : 0;
      const square = token.reduce((total, x) => total + (x - mean) ** 2, 0) / d;
      result = Math.max(result, 1 / Math.sqrt(square + 1e-5));
    }
  }
  return result;
}

function largestShare({ weights, columns, totalWeight }: TerminalLoss, samples: number): number {
  return Math.max(
    ...Array.from({ length: samples }, (_, s) => {
      const own = weights.slice(s * columns, (s + 1) * columns).reduce((a, b) => a + b, 0);
      return (samples * own) / totalWeight;
    }),
  );
}
