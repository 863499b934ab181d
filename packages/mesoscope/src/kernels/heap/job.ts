import { MesoscopeError } from '../../errors.ts';
import { refuse } from '../../numeric/checks.ts';
import type { Executable, Precision, Run } from '../backend.ts';
import { checkProgram, checkRun } from '../check.ts';
import { operandsOf } from '../operands.ts';
import type { Program } from '../program.ts';
import { type Arena, align } from './arena.ts';
import { elementBytes, encode } from './encode.ts';
import { withoutUnreadResults } from './liveness.ts';
import {
  JOB,
  MAXIMAL_PROGRAM_BYTES,
  MAXIMAL_SCALARS,
  MAXIMAL_SLOTS,
  PROGRAM,
  SCALARS,
  SLOTS,
} from './memory-map.ts';

/** What an executable runs on. Nothing in a job is particular to WebAssembly: it is numbers in a heap. */
export interface Machine {
  readonly heap: ArrayBufferLike;
  readonly arena: Arena;
  readonly precision: Precision;
  /** Bytes of the kernels' vectors. */
  readonly vector: number;
  readonly threads: number;
  /** Words of the program that stands in the heap. */
  resident: Int32Array | undefined;
  /** Runs the job that stands in the heap, of so many units. */
  run(units: number): void;
  /** target ← target + Σ of `units` partial sums of `count` numbers, `bytes` apart. */
  merge(target: number, partials: number, bytes: number, units: number, count: number): void;
}

/** Units of a job with accumulators: each has its own partial sums. */
const accumulatingUnits = 16;

/** Units of other jobs: enough to balance the load. */
const freeUnits = 64;

/**
 * Checks and encodes a program for a machine. How samples are cut into units depends on their number only, and partial
 * sums are added in the order of the units, so that results are the same, to the last bit, on any number of threads.
 */
export function compileProgram(program: Program, machine: Machine): Executable {
  checkProgram(program);
  refuseTooLarge(program.slots.length, MAXIMAL_SLOTS, 'slots');
  refuseTooLarge(program.scalars.length, MAXIMAL_SCALARS, 'scalars');
  const { heap, arena, precision, threads } = machine;
  const { words, workspace } = encode(withoutUnreadResults(program), machine);
  refuseTooLarge(words.byteLength, MAXIMAL_PROGRAM_BYTES, 'bytes of instructions');

  const size = elementBytes(precision);
  const { slots, scalars } = program;
  const scratchBytes = align(slots[0].length * size);
  // An odd number of cache lines, so that the threads' memories do not start alike in the caches.
  const threadBytes = scratchBytes + align(workspace * size) + 192;
  const accumulators = slots.flatMap(({ kind, length }, index) =>
    kind === 'accumulator' ? [{ index, length, bytes: align(length * size) + 64 }] : [],
  );
  const partialBytes = accumulators.reduce((sum, { bytes }) => sum + bytes, 0);
  const writesShared = program.instructions.some((instruction) =>
    operandsOf(instruction).some(
      ({ ref, role }) => role !== 'read' && slots[ref.slot].kind === 'shared',
    ),
  );
  const heapWords = new Int32Array(heap);
  const heapNumbers = new Float64Array(heap);

  function unitsOf(samples: number): number {
    if (accumulators.length > 0) return Math.min(samples, accumulatingUnits);
    return threads === 1 ? Math.min(samples, 1) : Math.min(samples, freeUnits);
  }

  /** Writes a slot's record; see assembly/index.ts. */
  function place(
    slot: number,
    base: number,
    perSample: number,
    perThread: number,
    perUnit: number,
  ): void {
    const at = SLOTS / 4 + 4 * slot;
    heapWords[at] = base;
    heapWords[at + 1] = perSample;
    heapWords[at + 2] = perThread;
    heapWords[at + 3] = perUnit;
  }

  function bindBuffers(run: Run): void {
    for (let slot = 1; slot < slots.length; slot++) {
      const { name, kind, length } = slots[slot];
      const buffer = run.buffers[name];
      const needed = kind === 'sample' ? run.samples * length : length;
      if (
        buffer === undefined ||
        buffer.buffer !== heap ||
        buffer.BYTES_PER_ELEMENT !== size ||
        buffer.length < needed
      ) {
        refuseRun(program, run, precision, name);
      }
      place(slot, buffer.byteOffset, kind === 'sample' ? length * size : 0, 0, 0);
    }
    for (let index = 0; index < scalars.length; index++) {
      const value = run.scalars?.[scalars[index]];
      if (typeof value !== 'number') refuseRun(program, run, precision, scalars[index]);
      heapNumbers[SCALARS / 8 + index] = value;
    }
  }

  function merge(run: Run, units: number): void {
    for (const { index, length, bytes } of accumulators) {
      const partials = heapWords[SLOTS / 4 + 4 * index] >>> 0;
      machine.merge(run.buffers[slots[index].name].byteOffset, partials, bytes, units, length);
    }
  }

  return (run) => {
    const { samples } = run;
    if (!(Number.isInteger(samples) && samples >= 0) || (samples > 1 && writesShared)) {
      refuseRun(program, run, precision, 'samples');
    }
    bindBuffers(run);
    if (samples === 0) return;
    const units = unitsOf(samples);
    const separate = units > 1;
    const base = arena.temporary(threads * threadBytes + (separate ? units * partialBytes : 0));
    place(0, base, 0, threadBytes, 0);
    if (separate) {
      let partials = base + threads * threadBytes;
      for (const { index, bytes } of accumulators) {
        place(index, partials, 0, 0, bytes);
        partials += units * bytes;
      }
    }
    if (machine.resident !== words) {
      heapWords.set(words, PROGRAM / 4);
      machine.resident = words;
    }
    heapWords[JOB / 4] = samples;
    heapWords[JOB / 4 + 1] = units;
    heapWords[JOB / 4 + 2] = PROGRAM + words.byteLength;
    heapWords[JOB / 4 + 3] = slots.length;
    heapWords[JOB / 4 + 4] = base + scratchBytes;
    heapWords[JOB / 4 + 5] = threadBytes;
    machine.run(units);
    if (separate) merge(run, units);
  };
}

/** Says what is wrong with a run: what every backend refuses, or else a buffer that is not in this heap. */
function refuseRun(program: Program, run: Run, precision: Precision, name: string): never {
  checkRun(program, run, precision);
  refuse(`buffer "${name}"`, 'memory from elsewhere', 'a buffer that this backend allocated');
}

function refuseTooLarge(received: number, most: number, what: string): void {
  if (received <= most) return;
  throw new MesoscopeError({
    code: 'unsupported',
    what: `a program with ${received} ${what}`,
    by: 'the wasm backend',
    wayOut: `At most ${most} fit; split the program.`,
  });
}
