import * as op from '../opcode';
import { axpy, broadcast, dot, fill, hadamard, maxAbs, rowSums } from './elementwise';

/** Runs the instructions that stand from `at` to `end`, for the sample that {@link enter} announced. */
export function interpret<T>(at: usize, end: usize): void {
  while (at < end) {
    switch (load<i32>(at)) {
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
      default:
        unreachable();
    }
    at += <usize>load<u32>(at, 4);
  }
}
