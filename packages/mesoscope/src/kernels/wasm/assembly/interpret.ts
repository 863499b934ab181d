import { Opcode } from './generated/layout';
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
import { rotate } from './rotation';
import { pairwiseLogSumExp } from './transport';

/** Runs the instructions that stand from `at` to `end`, for the sample that {@link enter} announced. */
export function interpret<T>(at: usize, end: usize): void {
  while (at < end) {
    switch (load<i32>(at)) {
      case Opcode.product: product<T>(at); break;
      case Opcode.outer: outer<T>(at); break;
      case Opcode.attention: attention<T>(at); break;
      case Opcode.attentionPullback: attentionPullback<T>(at); break;
      case Opcode.rowSums:
        rowSums<T>(at);
        break;
      case Opcode.broadcast:
        broadcast<T>(at);
        break;
      case Opcode.fill:
        fill<T>(at);
        break;
      case Opcode.axpy:
        axpy<T>(at);
        break;
      case Opcode.hadamard:
        hadamard<T>(at);
        break;
      case Opcode.dot:
        dot<T>(at);
        break;
      case Opcode.maxAbs:
        maxAbs<T>(at);
        break;
      case Opcode.activation: activation<T>(at); break;
      case Opcode.activationPullback: activationPullback<T>(at); break;
      case Opcode.normalise: normalise<T>(at); break;
      case Opcode.normalisePullback: normalisePullback<T>(at); break;
      case Opcode.rotate: rotate<T>(at); break;
      case Opcode.tangent: tangent<T>(at); break;
      case Opcode.tangentPullback: tangentPullback<T>(at); break;
      case Opcode.crossEntropy: crossEntropy<T>(at); break;
      case Opcode.gather: gather<T>(at); break;
      case Opcode.scatter: scatter<T>(at); break;
      case Opcode.adam: adam<T>(at); break;
      case Opcode.pairwiseLogSumExp: pairwiseLogSumExp<T>(at); break;
      case Opcode.gaussianMoments: gaussianMoments<T>(at); break;
      default:
        unreachable();
    }
    at += <usize>load<u32>(at, 4);
  }
}
