// How a kernel reads its instruction.
//
// Every kernel is `export function axpy<T>(at: usize): void`, T = f64 or f32, `at` the address of the encoded
// instruction. Its matrices and its other fields have the names of the instruction table, as constants in
// ./generated/layout.ts:
//
//   const x = address(at, Axpy.x);        address of the first entry of x
//   const strideX = stride(at, Axpy.x);   bytes from row to row
//   rows(at, Axpy.x), columns(at, Axpy.x) sizes
//   present(at, Attention.weights)        false for an optional matrix that was left out
//   padded<T>(at, Axpy.y)                 true where a row's last vector may be stored whole (see `put` in lanes.ts);
//                                         a whole vector may always be LOADED, its lanes beyond the columns are garbage
//   parameter(at, Axpy.alpha)             number or scalar reference, as f64
//   integer(at, Attention.heads)          whole number, or the place of a name (a `kind`) in its list
//   flag(at, Axpy.accumulate)             boolean
//   workspace()                           memory private to the thread, of the size given in ../encode.ts
//
// Instructions whose first operands and numbers are alike (attention and normalisation and their pullbacks) share functions,
// which use the names of the first.
//
// Encoded instruction: i32 opcode, i32 bytes of the instruction, i32 byte offset of the parameters, i32 0; then
// 24 bytes a matrix (i32 slot or −1, byte offset, rows, columns, bytes of the stride, writable columns of a row);
// then 16 bytes a parameter (f64 factor, i32 index of a scalar or −1, i32 0).

import { heap, VECTOR } from './lanes';

let slotTable: usize = 0;
let scalarTable: usize = 0;
let workspaceAddress: usize = 0;

/** Says where the thread's slot addresses, the run's scalars and the thread's workspace lie. */
export function enter(slots: usize, scalars: usize, work: usize): void {
  slotTable = slots;
  scalarTable = scalars;
  workspaceAddress = work;
}

// @ts-ignore: decorator
@inline
export function workspace(): usize {
  return workspaceAddress;
}

// @ts-ignore: decorator
@inline
function matrix(at: usize, i: i32): usize {
  return at + 16 + 24 * <usize>i;
}

// @ts-ignore: decorator
@inline
export function present(at: usize, i: i32): bool {
  return load<i32>(matrix(at, i)) >= 0;
}

// @ts-ignore: decorator
@inline
export function address(at: usize, i: i32): usize {
  const m = matrix(at, i);
  return heap(load<u32>(slotTable + (<usize>load<u32>(m) << 2)) + load<u32>(m, 4));
}

// @ts-ignore: decorator
@inline
export function rows(at: usize, i: i32): i32 {
  return load<i32>(matrix(at, i), 8);
}

// @ts-ignore: decorator
@inline
export function columns(at: usize, i: i32): i32 {
  return load<i32>(matrix(at, i), 12);
}

// @ts-ignore: decorator
@inline
export function stride(at: usize, i: i32): usize {
  return <usize>load<u32>(matrix(at, i), 16);
}

// @ts-ignore: decorator
@inline
export function padded<T>(at: usize, i: i32): bool {
  const lanes = <i32>VECTOR / <i32>sizeof<T>();
  return ((columns(at, i) + lanes - 1) & -lanes) <= load<i32>(matrix(at, i), 20);
}

// @ts-ignore: decorator
@inline
export function parameter(at: usize, i: i32): f64 {
  const p = at + <usize>load<u32>(at, 8) + 16 * <usize>i;
  const index = load<i32>(p, 8);
  const factor = load<f64>(p);
  return index < 0 ? factor : factor * load<f64>(scalarTable + 8 * <usize>index);
}

// @ts-ignore: decorator
@inline
export function integer(at: usize, i: i32): i32 {
  return <i32>load<f64>(at + <usize>load<u32>(at, 8) + 16 * <usize>i);
}

// @ts-ignore: decorator
@inline
export function flag(at: usize, i: i32): bool {
  return integer(at, i) != 0;
}
