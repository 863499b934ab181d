// Columns picked from a table, and its adjoint.
import { address, columns, flag, rows, stride } from './operands';

/** Y_{·j} ← table_{·,index_j} (+ Y); NaN for an index that is no column of the table. */
export function gather<T>(at: usize): void {
  const accumulate = flag(at, 0);
  const indices = address(at, 1);
  for (let j = 0; j < columns(at, 2); j++) {
    const column = columnOf<T>(load<T>(indices + <usize>j * sizeof<T>()), columns(at, 0));
    let from = address(at, 0) + <usize>column * sizeof<T>();
    let y = address(at, 2) + <usize>j * sizeof<T>();
    for (let i = rows(at, 2); i > 0; i--) {
      const entry = column < 0 ? <T>NaN : load<T>(from);
      store<T>(y, accumulate ? <T>(load<T>(y) + entry) : entry);
      from += stride(at, 0);
      y += stride(at, 2);
    }
  }
}

/** G_{·,index_j} += P_{·j}; nothing for an index that is no column of G. */
export function scatter<T>(at: usize): void {
  const indices = address(at, 0);
  for (let j = 0; j < columns(at, 1); j++) {
    const column = columnOf<T>(load<T>(indices + <usize>j * sizeof<T>()), columns(at, 2));
    if (column < 0) continue;
    let p = address(at, 1) + <usize>j * sizeof<T>();
    let g = address(at, 2) + <usize>column * sizeof<T>();
    for (let i = rows(at, 1); i > 0; i--) {
      store<T>(g, <T>(load<T>(g) + load<T>(p)));
      p += stride(at, 1);
      g += stride(at, 2);
    }
  }
}

/** The index as an integer, or −1 where it is not one of 0 … count − 1. */
// @ts-ignore: decorator
@inline
function columnOf<T>(index: T, count: i32): i32 {
  return index >= 0 && index < <T>count && floor<T>(index) == index ? <i32>index : -1;
}
