import type { Backend, FloatArray } from '../kernels/backend.ts';
import { stateLength } from '../kernels/program.ts';
import { createBatchBuffers } from './batch.ts';
import type { ControlProblemOptions } from './problem.ts';
import { createReadout, type Pooling } from './readout.ts';

/** The readout of a flow's last states and what it is compared with. */
export interface LossSpecification {
  /** U, C × d, in the backend's memory. */
  readonly readout: FloatArray;
  /** C. */
  readonly classes: number;
  /** S × m classes, m = n for `position`, else 1; negative: no label. */
  readonly labels: ArrayLike<number>;
  /** S × m weights of the labels; default 1. */
  readonly weights?: ArrayLike<number> | undefined;
  /** Default `position`. */
  readonly pooling?: Pooling;
  /** Of h_T's tokens before the readout; default `none`. */
  readonly normalisation?: Required<ControlProblemOptions>['normalisation'];
}

/** Cross-entropy at the end of a flow, by the product's own readout program. */
export interface TerminalLoss extends Required<Omit<LossSpecification, 'weights'>> {
  /** m. */
  readonly columns: number;
  /** Σw over what has a label. */
  readonly totalWeight: number;
  /** S × m weights, 0 where there is no label. */
  readonly weights: readonly number[];
  /**
   * `p_T = (S/Σw) pool*(Uᵀ w(softmax(z) − e_y))` of S states into `into`: the costates of each sample's own loss, the
   * mean over its labels if all have weight 1.
   */
  costate(state: FloatArray, into: FloatArray): void;
  /** The costates of the mean loss, which are S times smaller, and `+=` its derivative in U. */
  meanCostate(state: FloatArray, into: FloatArray, readoutGradient: FloatArray): void;
  /** The residuals `w (softmax(z) − e_y)` of the last call, S × C × m with padded rows; a view. */
  readonly residual: FloatArray;
}

/**
 * Prepares the loss of S samples of n tokens in R^d.
 *
 * @throws MesoscopeError `shape-mismatch`, `invalid-value` (labels outside the classes, no label at all)
 */
export function createTerminalLoss(
  backend: Backend,
  shape: { readonly dimension: number; readonly tokens: number; readonly samples: number },
  specification: LossSpecification,
): TerminalLoss {
  const { dimension, tokens, samples } = shape;
  const { readout: U, classes, labels, weights, pooling = 'position' } = specification;
  const { normalisation = 'none' } = specification;
  const readout = createReadout(backend, { dimension, tokens, classes, pooling, normalisation });
  const { columns } = readout;
  const buffers = createBatchBuffers(backend, { ...shape, vocabulary: 0, classes, columns });
  const totalWeight = buffers.loadLabels({ samples, labels, weights });
  const residual = backend.allocate(samples * stateLength(classes, columns));
  const outputs = {
    loss: backend.allocate(samples * stateLength(1, columns)),
    logits: backend.allocate(samples * stateLength(classes, columns)),
    residual,
    residualSquare: backend.allocate(samples * stateLength(1, 1)),
  };

  function pullBack(
    state: FloatArray,
    scale: number,
    costate: FloatArray,
    readoutGradient?: FloatArray,
  ): void {
    const { labels: given, weights: weigh } = buffers;
    readout.forward({ samples, state, readout: U, labels: given, weights: weigh, ...outputs });
    readout.backward({
      samples,
      state,
      readout: U,
      residual,
      scale,
      costate,
      readoutGradient,
    });
  }

  return {
    readout: U,
    classes,
    labels,
    weights: Array.from(labels, (label, i) => (label < 0 ? 0 : (weights?.[i] ?? 1))),
    pooling,
    normalisation,
    columns,
    totalWeight,
    residual,
    costate: (state, into) => pullBack(state, samples / totalWeight, into),
    meanCostate: (state, into, gradient) => pullBack(state, 1 / totalWeight, into, gradient),
  };
}
