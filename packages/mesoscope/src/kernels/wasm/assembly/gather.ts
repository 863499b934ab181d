// Columns picked from a table, and its adjoint.
import { Gather, Scatter } from './generated/layout';
import { address, columns, flag, rows, stride } from './operands';

/** Y_{·j} ← table_{·,index_j} (+ Y); NaN for an index that is no column of the table. */
export function gather<T>(at: usize): void {
  const accumulate = flag(at, Gather.accumulate);
  const indices = address(at, Gather.indices);
  for (let j = 0; j < columns(at, Gather.y); j++) {
    const column = columnOf<T>(load<T>(indices + <usize>j * sizeof<T>()), columns(at, Gather.table));
    let from = address(at, Gather.table) + <usize>column * sizeof<T>();
    let y = address(at, Gather.y) + <usize>j * sizeof<T>();
    for (let i = rows(at, Gather.y); i > 0; i--) {
      const entry = column < 0 ? <T>NaN : load<T>(from);
      store<T>(y, accumulate ? <T>(load<T>(y) + entry) : entry);
      from += stride(at, Gather.table);
      y += stride(at, Gather.y);
    }
  }
}

/** G_{·,index_j} += P_{·j}; nothing for an index that is no column of G. */
export function scatter<T>(at: usize): void {
  const indices = address(at, Scatter.indices);
  for (let j = 0; j < columns(at, Scatter.p); j++) {
    const column = columnOf<T>(load<T>(indices + <usize>j * sizeof<T>()), columns(at, Scatter.g));
    if (column < 0) continue;
    let p = address(at, Scatter.p) + <usize>j * sizeof<T>();
    let g = address(at, Scatter.g) + <usize>column * sizeof<T>();
    for (let i = rows(at, Scatter.p); i > 0; i--) {
      store<T>(g, <T>(load<T>(g) + load<T>(p)));
      p += stride(at, Scatter.p);
      g += stride(at, Scatter.g);
    }
  }
}

/** The index as an integer, or −1 where it is not one of 0 … count − 1. */
// @ts-ignore: decorator
@inline
function columnOf<T>(index: T, count: i32): i32 {
  return index >= 0 && index < <T>count && floor<T>(index) == index ? <i32>index : -1;
}
