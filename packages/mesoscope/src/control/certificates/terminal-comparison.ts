import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { randomStream } from '../../numeric/random.ts';
import type { TerminalLoss } from '../terminal-loss.ts';
import { differentiateLoss } from './dual-loss.ts';

/** p_T of the product beside an independent differentiation of the loss, over all entries. */
export interface TerminalComparison {
  readonly difference: number;
  /** How far rounding alone can move p_T. */
  readonly uncertainty: number;
  /** The largest entry. */
  readonly scale: number;
}

interface Sizes {
  readonly dimension: number;
  readonly tokens: number;
  readonly samples: number;
}

/** Random roundings of the input from which the conditioning is measured. */
const perturbations = 8;

/** Compares the readout's pullback at given last states with a forward-mode differentiation of the loss. */
export function compareTerminalCostate(
  backend: Backend,
  loss: TerminalLoss,
  states: FloatArray,
  sizes: Sizes,
): TerminalComparison {
  return backend.scoped(() => {
    const costate = backend.allocate(states.length);
    loss.costate(states, costate);
    return compareCostates(costate, loss, states, sizes);
  });
}

/** A costate beside {@link differentiateLoss}. */
export function compareCostates(
  costate: FloatArray,
  loss: TerminalLoss,
  states: FloatArray,
  sizes: Sizes,
): TerminalComparison {
  const exact = differentiateLoss(loss, states, sizes);
  return {
    difference: largestGap(costate, exact, sizes),
    uncertainty: conditioning(loss, states, exact, sizes),
    scale: largestGap(exact, new Float64Array(exact.length), sizes),
  };
}

/**
 * How far p_T moves when every entry of h_T and U is rounded as often as a logit has operations, the largest over random
 * roundings; and at least what an absolute rounding of the softmax, whose entries are of size 1, is pulled back to.
 */
function conditioning(
  loss: TerminalLoss,
  states: FloatArray,
  exact: Float64Array,
  sizes: Sizes,
): number {
  const { dimension, tokens, samples } = sizes;
  const { classes, readout: U, totalWeight, weights } = loss;
  const unit = (dimension + tokens + classes + 4) * Number.EPSILON;
  const random = randomStream(0, 'roundings');
  const rounded = (values: FloatArray) =>
    values.map((x) => x * (1 + unit * (random.uniform() < 0.5 ? -1 : 1)));
  const moved = Array.from({ length: perturbations }, () => {
    const nearby = { ...loss, readout: rounded(U) };
    return largestGap(differentiateLoss(nearby, rounded(states), sizes), exact, sizes);
  });
  const columnSums = Array.from({ length: dimension }, (_, i) =>
    Array.from({ length: classes }, (_, c) => Math.abs(U[c * dimension + i])).reduce(
      (a, b) => a + b,
    ),
  );
  const heaviest = (samples / totalWeight) * Math.max(...weights);
  return Math.max(...moved, unit * heaviest * Math.max(...columnSums));
}

/** The largest difference of two sets of states. */
function largestGap(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { dimension, tokens, samples }: Sizes,
): number {
  const stride = columnStride(tokens);
  let gap = 0;
  for (let row = 0; row < samples * dimension; row++) {
    for (let i = row * stride; i < row * stride + tokens; i++) {
      const distance = Math.abs(a[i] - b[i]);
      if (!(distance <= gap)) gap = distance;
    }
  }
  return gap;
}
