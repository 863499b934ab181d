// The module's exports: threads call `work…` until no unit of the job is left (or one calls `workAlone…`);
// afterwards one thread calls `merge…`.
//
// A job is a program run over S samples. Samples are cut into units, contiguous and as equal as possible; their
// number depends on S only. Every unit has its own partial sum for each accumulator, and `merge` adds the partial sums in
// the order of the units: results do not depend on which thread ran what.
//
// JOB (i32): samples, units, address after the program's last instruction, slots, base of the threads' workspaces,
// bytes from workspace to workspace.
// SLOTS, 16 bytes each: address, bytes from sample to sample, from thread to thread, from unit to unit.
import { heap, VECTOR } from './lanes';
import { interpret } from './interpret';
import * as op from '../../heap/memory-map';
import { enter } from './operands';

function work<T>(thread: i32): void {
  const addresses = heap(op.THREADS) + 4 * <usize>op.MAXIMAL_SLOTS * <usize>thread;
  for (;;) {
    const ticket = atomic.sub<i32>(heap(op.TICKETS), 1);
    if (ticket <= 0) return;
    runUnit<T>(thread, load<i32>(heap(op.JOB), 4) - ticket, addresses);
    if (atomic.sub<i32>(heap(op.REMAINING), 1) == 1) atomic.notify(heap(op.REMAINING), 1);
  }
}

/** All units, in order, by the thread that posted the job. */
function workAlone<T>(): void {
  const units = load<i32>(heap(op.JOB), 4);
  for (let unit = 0; unit < units; unit++) runUnit<T>(0, unit, heap(op.THREADS));
}

function runUnit<T>(thread: i32, unit: i32, addresses: usize): void {
  const job = heap(op.JOB);
  const samples = load<i32>(job);
  const units = load<i32>(job, 4);
  const end = heap(load<u32>(job, 8));
  const slots = load<i32>(job, 12);
  enter(
    addresses,
    heap(op.SCALARS),
    heap(load<u32>(job, 16)) + <usize>thread * <usize>load<u32>(job, 20),
  );
  clearPartials<T>(unit, slots);
  const first = <i32>((<i64>unit * samples) / units);
  const after = <i32>((<i64>(unit + 1) * samples) / units);
  for (let sample = first; sample < after; sample++) {
    for (let slot = 0; slot < slots; slot++) {
      const record = heap(op.SLOTS) + 16 * <usize>slot;
      store<u32>(
        addresses + 4 * <usize>slot,
        load<u32>(record) +
          load<u32>(record, 4) * <u32>sample +
          load<u32>(record, 8) * <u32>thread +
          load<u32>(record, 12) * <u32>unit,
      );
    }
    interpret<T>(heap(op.PROGRAM), end);
  }
}

/** Zeroes the unit's partial sums. */
function clearPartials<T>(unit: i32, slots: i32): void {
  for (let slot = 0; slot < slots; slot++) {
    const record = heap(op.SLOTS) + 16 * <usize>slot;
    const bytes = <usize>load<u32>(record, 12);
    if (bytes > 0) memory.fill(heap(load<u32>(record)) + bytes * <usize>unit, 0, bytes);
  }
}

/** target ← target + Σ_u partial_u, for `count` numbers, the partial sums `bytes` apart. */
function merge<T>(target: usize, partials: usize, bytes: usize, units: i32, count: i32): void {
  const size = <i32>sizeof<T>();
  let j = 0;
  for (; j + 2 * <i32>VECTOR / size <= count; j += 2 * <i32>VECTOR / size) {
    const k = <usize>(j * size);
    let sum0 = v128.load(target + k);
    let sum1 = v128.load(target + k, VECTOR);
    let from = partials + k;
    for (let unit = units; unit > 0; unit--) {
      sum0 = v128.add<T>(sum0, v128.load(from));
      sum1 = v128.add<T>(sum1, v128.load(from, VECTOR));
      from += bytes;
    }
    v128.store(target + k, sum0);
    v128.store(target + k, sum1, VECTOR);
  }
  for (; j < count; j++) {
    const k = <usize>(j * size);
    let sum = load<T>(target + k);
    for (let unit = 0; unit < units; unit++)
      sum = <T>(sum + load<T>(partials + k + bytes * <usize>unit));
    store<T>(target + k, sum);
  }
}

export function workF64(thread: i32): void {
  work<f64>(thread);
}

export function workAloneF64(): void {
  workAlone<f64>();
}

export function workAloneF32(): void {
  workAlone<f32>();
}

export function workF32(thread: i32): void {
  work<f32>(thread);
}

export function mergeF64(
  target: u32,
  partials: u32,
  bytes: usize,
  units: i32,
  count: i32,
): void {
  merge<f64>(heap(target), heap(partials), bytes, units, count);
}

export function mergeF32(
  target: u32,
  partials: u32,
  bytes: usize,
  units: i32,
  count: i32,
): void {
  merge<f32>(heap(target), heap(partials), bytes, units, count);
}
