import * as op from '../opcode';
import { activation, activationPullback } from './activation';
import { attention } from './attention';
import { attentionPullback } from './attentionPullback';
import { axpy, broadcast, dot, fill, hadamard, maxAbs, rowSums } from './elementwise';
import { gather, scatter } from './gather';
import { gaussianMoments } from './gaussian';
import { crossEntropy } from './loss';
import { normalise, normalisePullback, tangent, tangentPullback } from './normalisation';
import { adam } from './optimiser';
import { outer } from './outer';
import { product } from './product';
import { pairwiseLogSumExp } from './transport';

/** Runs the instructions that stand from `at` to `end`, for the sample that {@link enter} announced. */
export function interpret<T>(at: usize, end: usize): void {
  while (at < end) {
    switch (load<i32>(at)) {
      case op.PRODUCT: product<T>(at); break;
      case op.OUTER: outer<T>(at); break;
      case op.ATTENTION: attention<T>(at); break;
      case op.ATTENTION_PULLBACK: attentionPullback<T>(at); break;
      case op.ROW_SUMS:
        rowSums<T>(at);
        break;
      case op.BROADCAST:
        broadcast<T>(at);
        break;
      case op.FILL:
        fill<T>(at);
        break;
      case op.AXPY:
        axpy<T>(at);
        break;
      case op.HADAMARD:
        hadamard<T>(at);
        break;
      case op.DOT:
        dot<T>(at);
        break;
      case op.MAX_ABS:
        maxAbs<T>(at);
        break;
      case op.ACTIVATION: activation<T>(at); break;
      case op.ACTIVATION_PULLBACK: activationPullback<T>(at); break;
      case op.NORMALISE: normalise<T>(at); break;
      case op.NORMALISE_PULLBACK: normalisePullback<T>(at); break;
      case op.TANGENT: tangent<T>(at); break;
      case op.TANGENT_PULLBACK: tangentPullback<T>(at); break;
      case op.CROSS_ENTROPY: crossEntropy<T>(at); break;
      case op.GATHER: gather<T>(at); break;
      case op.SCATTER: scatter<T>(at); break;
      case op.ADAM: adam<T>(at); break;
      case op.PAIRWISE_LOG_SUM_EXP: pairwiseLogSumExp<T>(at); break;
      case op.GAUSSIAN_MOMENTS: gaussianMoments<T>(at); break;
      default:
        unreachable();
    }
    at += <usize>load<u32>(at, 4);
  }
}
