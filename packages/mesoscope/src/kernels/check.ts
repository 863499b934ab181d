import { type Fault, MesoscopeError } from '../errors.ts';
import type { FloatArray, Precision, Run } from './backend.ts';
import { columnStride, type Instruction, type MatrixRef, type ScalarRef } from './instruction.ts';
import type { Extent } from './instruction-rule.ts';
import { fieldOf, type Operand, operandsOf, overlap, ruleOf } from './operands.ts';
import { type Program, scratchSlot } from './program.ts';

/**
 * Refuses a program that cannot run: operands whose shapes do not fit, that leave their slots, that overlap where an
 * instruction cannot work in place; accumulator slots that are read or overwritten; scratch that is read before it is
 * written. Every backend calls it before it compiles.
 *
 * @throws MesoscopeError `shape-mismatch` or `invalid-value`; its path names the instruction and the operand
 */
export function checkProgram(program: Program): void {
  checkSlots(program);
  const written = new Uint8Array(program.slots[scratchSlot].length);
  program.instructions.forEach((instruction, index) => {
    const path = `instruction ${index} (${instruction.op})`;
    const operands = operandsOf(instruction);
    checkNumbers(program, instruction, path);
    for (const operand of operands)
      checkPlace(program, operand, `${path}, operand ${operand.name}`);
    checkShapes(operands, path);
    checkOverlaps(ruleOf(instruction).inPlace === true, operands, path);
    for (const operand of operands) checkWrittenBefore(operand, written, path);
    for (const operand of operands) if (operand.role !== 'read') markWritten(operand.ref, written);
  });
}

/**
 * Refuses a run whose buffers are missing, too short or of the other precision, whose scalars are missing, or that
 * would let several samples write to one shared slot.
 *
 * @throws MesoscopeError `invalid-value` or `shape-mismatch`
 */
export function checkRun(program: Program, run: Run, precision: Precision): void {
  const { samples, buffers } = run;
  if (!Number.isInteger(samples) || samples < 0) {
    refuse('samples', samples, 'a whole number, at least 0');
  }
  for (const slot of program.slots) {
    if (slot.kind === 'scratch') continue;
    const buffer: FloatArray | undefined = buffers[slot.name];
    const path = `buffer "${slot.name}"`;
    if (buffer === undefined) refuse(path, undefined, `a ${slot.kind} buffer of this backend`);
    const received = buffer instanceof Float64Array ? 'f64' : 'f32';
    if (received !== precision) refuse(`${path}, precision`, received, `"${precision}"`);
    const length = slot.kind === 'sample' ? samples * slot.length : slot.length;
    if (buffer.length < length) {
      fail({
        code: 'shape-mismatch',
        path,
        received: [buffer.length],
        expected: [`at least ${length}`],
      });
    }
  }
  for (const name of program.scalars) {
    const value = run.scalars?.[name];
    if (typeof value !== 'number') refuse(`scalar "${name}"`, value, 'a number');
  }
  if (samples > 1) {
    const overwritten = sharedOutput(program);
    if (overwritten !== undefined) {
      refuse(
        'samples',
        samples,
        `1, because the program writes to the shared slot "${overwritten}"`,
      );
    }
  }
}

function checkSlots(program: Program): void {
  program.slots.forEach((slot, index) => {
    const path = `slot ${index} ("${slot.name}")`;
    if ((slot.kind === 'scratch') !== (index === scratchSlot)) {
      refuse(`${path}, kind`, slot.kind, 'slot 0, and no other, to be the scratch');
    }
    if (!isCount(slot.length)) refuse(`${path}, length`, slot.length, 'a whole number, at least 0');
  });
}

/** What stands in the instruction besides its operands. */
function checkNumbers(program: Program, instruction: Instruction, path: string): void {
  for (const [name, rule] of Object.entries(ruleOf(instruction).numbers)) {
    const value = fieldOf(instruction, name);
    const at = `${path}, ${name}`;
    if (rule === 'scalar') checkScalar(program, value as ScalarRef, at);
    else if (rule === 'steps' && !isCount(value)) refuse(at, value, 'a whole number, at least 0');
    else if (rule === 'count' && !(isCount(value) && value > 0)) {
      refuse(at, value, 'a whole number, at least 1');
    }
  }
  const fault = ruleOf(instruction).fault?.(instruction as never);
  if (fault === undefined) return;
  const [name, expected] = fault;
  refuse(`${path}, ${name}`, fieldOf(instruction, name), expected);
}

function checkScalar(program: Program, { factor, index }: ScalarRef, path: string): void {
  if (!Number.isFinite(factor)) refuse(`${path}, factor`, factor, 'a finite number');
  if (index !== undefined && program.scalars[index] === undefined) {
    refuse(`${path}, index`, index, `one of the program's ${program.scalars.length} scalars`);
  }
}

/** The operand lies inside its slot, with its padding if it is a result, and its slot allows its role. */
function checkPlace(program: Program, { ref, role }: Operand, path: string): void {
  const slot = program.slots[ref.slot];
  if (slot === undefined) refuse(`${path}, slot`, ref.slot, 'a slot of the program');
  for (const name of ['rows', 'columns', 'stride'] as const) {
    if (!isCount(ref[name]) || ref[name] === 0) {
      refuse(`${path}, ${name}`, ref[name], 'a whole number, at least 1');
    }
  }
  if (ref.stride < ref.columns) refuse(`${path}, stride`, ref.stride, `at least ${ref.columns}`);
  const padded = columnStride(ref.columns);
  if (role !== 'read' && ref.stride !== ref.columns && ref.stride !== padded) {
    refuse(
      `${path}, stride`,
      ref.stride,
      `${ref.columns} or ${padded}, since a result may overwrite its padding`,
      'Write to a whole state and pick its columns with gather.',
    );
  }
  const last = role === 'read' ? (ref.rows - 1) * ref.stride + ref.columns : ref.rows * ref.stride;
  if (!isCount(ref.offset) || ref.offset + last > slot.length) {
    refuse(path, [ref.offset, ref.offset + last], `inside 0 … ${slot.length} of "${slot.name}"`);
  }
  if (slot.kind === 'accumulator' && role !== 'accumulate') {
    refuse(path, role, `to accumulate, since "${slot.name}" is an accumulator that samples add to`);
  }
}

/** Extents named by the same letter are equal, fixed ones are as they must be. */
function checkShapes(operands: readonly Operand[], path: string): void {
  const known = new Map<string, number>();
  const expect = (extent: Extent, received: number): number | string | undefined => {
    if (typeof extent === 'object') {
      if (extent.oneOf.includes(received)) return undefined;
      return [...new Set(extent.oneOf)].join(' or ');
    }
    if (typeof extent === 'number') return received === extent ? undefined : extent;
    const value = known.get(extent);
    if (value === undefined) known.set(extent, received);
    return value === undefined || value === received ? undefined : value;
  };
  for (const { name, ref, rows, columns } of operands) {
    const expectedRows = expect(rows, ref.rows);
    const expectedColumns = expect(columns, ref.columns);
    if (expectedRows !== undefined || expectedColumns !== undefined) {
      fail({
        code: 'shape-mismatch',
        path: `${path}, operand ${name}`,
        received: [ref.rows, ref.columns],
        expected: [expectedRows ?? ref.rows, expectedColumns ?? ref.columns],
      });
    }
  }
}

function checkOverlaps(inPlace: boolean, operands: readonly Operand[], path: string): void {
  for (const [position, result] of operands.entries()) {
    if (result.role === 'read') continue;
    for (const [otherPosition, other] of operands.entries()) {
      if (other.role !== 'read' && otherPosition <= position) continue;
      if (result.role === 'accumulate' && other.role === 'accumulate') continue;
      if (inPlace && other.role === 'read' && same(result.ref, other.ref)) continue;
      if (!overlap(result.ref, other.ref)) continue;
      refuse(
        `${path}, operand ${result.name}`,
        `overlapping operand ${other.name}`,
        inPlace ? `the same matrix as ${other.name}, or apart from it` : 'apart',
      );
    }
  }
}

/** Scratch is unspecified at the start of each sample: what is read from it must have been written before. */
function checkWrittenBefore({ name, ref, role }: Operand, written: Uint8Array, path: string): void {
  if (ref.slot !== scratchSlot || role === 'write') return;
  for (let row = 0; row < ref.rows; row++) {
    const start = ref.offset + row * ref.stride;
    const hole = written.subarray(start, start + ref.columns).indexOf(0);
    if (hole >= 0) {
      refuse(
        `${path}, operand ${name}`,
        `scratch whose entry (${row}, ${hole}) nothing has written`,
        'scratch written by an earlier instruction',
        'Write to it first, with `fill` or an instruction that does not accumulate.',
      );
    }
  }
}

function markWritten(ref: MatrixRef, written: Uint8Array): void {
  if (ref.slot !== scratchSlot) return;
  for (let row = 0; row < ref.rows; row++) {
    const start = ref.offset + row * ref.stride;
    written.fill(1, start, start + ref.columns);
  }
}

/** The name of a shared slot that the program writes to. */
function sharedOutput(program: Program): string | undefined {
  for (const instruction of program.instructions) {
    for (const { ref, role } of operandsOf(instruction)) {
      const { kind, name } = program.slots[ref.slot];
      if (kind === 'shared' && role !== 'read') return name;
    }
  }
  return undefined;
}

function same(a: MatrixRef, b: MatrixRef): boolean {
  return a.slot === b.slot && a.offset === b.offset && a.stride === b.stride;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function refuse(path: string, received: unknown, expected: string, wayOut?: string): never {
  const fault = { code: 'invalid-value', path, received, expected } as const;
  return fail(wayOut === undefined ? fault : { ...fault, wayOut });
}

function fail(fault: Fault): never {
  throw new MesoscopeError(fault);
}
