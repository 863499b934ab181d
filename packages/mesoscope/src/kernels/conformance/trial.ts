import { type RandomStream, randomStream } from '../../numeric/random.ts';
import type { Backend, FloatArray, Precision } from '../backend.ts';
import type { MatrixRef, ScalarRef } from '../instruction.ts';
import { type Program, ProgramBuilder, type SlotKind } from '../program.ts';
import { createReferenceBackend } from '../reference/backend.ts';

/** One property that every backend must have. */
export interface ConformanceCase {
  readonly name: string;
  /** Runs the case on a backend and on the reference and compares. */
  run(backend: Backend): Conformance;
}

/** The backend conforms if `deviation ≤ tolerance`. */
export interface Conformance {
  /**
   * The largest difference from the reference, over the size (at least 1) of the largest entry of its matrix, or of
   * the entry itself where the case says so.
   * Infinite where one of the two is finite or NaN and the other is not.
   */
  readonly deviation: number;
  readonly tolerance: number;
}

/** The value of entry (i, j) of sample s, given a source of random numbers. Default: standard normal. */
export type Entry = (random: RandomStream, i: number, j: number, s: number) => number;

export interface OperandOptions {
  /** Default `sample`. */
  readonly kind?: Exclude<SlotKind, 'scratch'>;
  /** Rows without padding (`stride = columns`). Default false: a padded state. */
  readonly dense?: boolean;
  readonly entry?: Entry;
}

/** What a case is written with: operands with random content, then instructions. */
export interface Trial {
  readonly builder: ProgramBuilder;
  /** An operand in a slot of its own. All slots are compared after the run. */
  operand(name: string, rows: number, columns: number, options?: OperandOptions): MatrixRef;
  scalar(name: string, value: number): ScalarRef;
}

export interface TrialOptions {
  readonly name: string;
  /** Default 1. */
  readonly samples?: number;
  /** Allowed deviation in units in the last place: 2⁻⁵² (f64), 2⁻²³ (f32), or for each precision. Default 64. */
  readonly growth?: number | Readonly<Record<Precision, number>>;
  /** What a difference is compared with. Default `matrix`. */
  readonly size?: 'matrix' | 'entry';
  readonly write: (trial: Trial) => void;
}

interface TrialSlot {
  readonly name: string;
  readonly kind: SlotKind;
  readonly length: number;
  readonly matrix: MatrixRef;
  readonly entry: Entry;
}

export const unitInLastPlace: Readonly<Record<Precision, number>> = {
  f64: 2 ** -52,
  f32: 2 ** -23,
};

/**
 * A case that runs one program on a backend and on the reference, from the same content (rounded to the backend's
 * precision). All padding holds NaN before the run: no result may see it.
 */
export function trialCase(options: TrialOptions): ConformanceCase {
  const { name, samples = 1, growth = 64, size = 'matrix', write } = options;
  const { builder, slots, scalars } = record(write);
  const program = builder.program();
  const expected: Partial<Record<Precision, Record<string, FloatArray>>> = {};
  return {
    name,
    run(backend) {
      return backend.scoped(() => {
        const ours = allocate(backend, name, slots, samples);
        expected[backend.precision] ??= referenceResult(program, samples, ours, scalars);
        const theirs = expected[backend.precision] ?? {};
        backend.compile(program)({ samples, buffers: ours, scalars });
        let worst = 0;
        for (const slot of slots) {
          const copies = slot.kind === 'sample' ? samples : 1;
          for (let s = 0; s < copies; s++) {
            const [a, b] = [ours, theirs].map((buffers) => entriesOf(slot, buffers, s));
            worst = Math.max(worst, deviation(a, b, size));
          }
        }
        const units = typeof growth === 'number' ? growth : growth[backend.precision];
        return { deviation: worst, tolerance: units * unitInLastPlace[backend.precision] };
      });
    },
  };
}

/** What the reference makes of the same content. */
function referenceResult(
  program: Program,
  samples: number,
  content: Readonly<Record<string, FloatArray>>,
  scalars: Readonly<Record<string, number>>,
): Record<string, FloatArray> {
  const buffers = Object.fromEntries(
    Object.entries(content).map(([slot, buffer]) => [slot, Float64Array.from(buffer)]),
  );
  createReferenceBackend().compile(program)({ samples, buffers, scalars });
  return buffers;
}

function record(write: (trial: Trial) => void) {
  const builder = new ProgramBuilder();
  const slots: TrialSlot[] = [];
  const scalars: Record<string, number> = {};
  write({
    builder,
    operand(name, rows, columns, { kind = 'sample', dense = false, entry = normal } = {}) {
      const matrix = dense
        ? builder.parameters(kind, name, rows, columns)
        : builder.state(kind, name, rows, columns);
      slots.push({ name, kind, length: rows * matrix.stride, matrix, entry });
      return matrix;
    },
    scalar(name, value) {
      scalars[name] = value;
      return builder.scalar(name);
    },
  });
  return { builder, slots, scalars };
}

/** Buffers with each slot's content in the first columns and NaN in the padding. */
function allocate(
  backend: Backend,
  seedName: string,
  slots: readonly TrialSlot[],
  samples: number,
): Record<string, FloatArray> {
  const buffers: Record<string, FloatArray> = {};
  for (const { name, kind, length, matrix, entry } of slots) {
    const copies = kind === 'sample' ? samples : 1;
    const buffer = backend.allocate(Math.max(1, copies) * length).fill(Number.NaN);
    const random = randomStream(2026, `${seedName}: ${name}`);
    for (let s = 0; s < copies; s++) {
      for (let i = 0; i < matrix.rows; i++) {
        for (let j = 0; j < matrix.columns; j++) {
          buffer[s * length + i * matrix.stride + j] = entry(random, i, j, s);
        }
      }
    }
    buffers[name] = buffer;
  }
  return buffers;
}

/** Sample s of a slot, without padding. */
function entriesOf(
  { name, length, matrix }: TrialSlot,
  buffers: Readonly<Record<string, FloatArray>>,
  s: number,
): number[] {
  return Array.from({ length: matrix.rows }, (_, i) => {
    const start = s * length + i * matrix.stride;
    return [...buffers[name].subarray(start, start + matrix.columns)];
  }).flat();
}

/** See {@link Conformance.deviation}. */
function deviation(
  ours: readonly number[],
  theirs: readonly number[],
  size: 'matrix' | 'entry',
): number {
  const sizes = theirs.map((x) => (Number.isFinite(x) ? Math.max(1, Math.abs(x)) : 1));
  const largest = sizes.reduce((a, b) => Math.max(a, b), 1);
  let worst = 0;
  for (const [i, expected] of theirs.entries()) {
    if (Object.is(ours[i], expected) || ours[i] === expected) continue;
    const difference = Math.abs(ours[i] - expected);
    if (!Number.isFinite(difference)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, difference / (size === 'entry' ? sizes[i] : largest));
  }
  return worst;
}

export const normal: Entry = (random) => random.normal();

/** Standard normal, times a factor. */
export function normalTimes(factor: number): Entry {
  return (random) => factor * random.normal();
}

/** Uniform in [0, 1). */
export const uniform: Entry = (random) => random.uniform();

/** A whole number in {low, …, high}. */
export function whole(low: number, high: number): Entry {
  return (random) => low + random.integer(high - low + 1);
}

/** The same number everywhere. */
export function constant(value: number): Entry {
  return () => value;
}
