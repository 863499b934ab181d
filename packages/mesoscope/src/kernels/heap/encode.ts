import type { Precision } from '../backend.ts';
import type { Instruction, InstructionOf, MatrixRef, Opcode, ScalarRef } from '../instruction.ts';
import type { NumberRule } from '../instruction-rule.ts';
import { instructionTable } from '../instruction-table.ts';
import { fieldOf, ruleOf } from '../operands.ts';
import type { Program } from '../program.ts';

/** What the encoding depends on. */
export interface Format {
  readonly precision: Precision;
  /** Bytes of the kernels' vectors. */
  readonly vector: number;
}

/** Elements of memory private to the thread that kernels need (see `workspace()` in assembly/operands.ts); else none. */
const workspaces: {
  readonly [Op in Opcode]?: (instruction: InstructionOf<Op>, format: Format) => number;
} = {
  product: (_, format) => panelElements(productDepth, format),
  attention: ({ keys, keyDimension }, format) =>
    panelElements(1 + keyDimension + keys.columns, format),
  attentionPullback: (instruction, format) =>
    panelElements(
      // Where scores are capped, one more panel of them.
      1 +
        pullbackBlock(instruction, format) * pullbackPanelRows(instruction) +
        (Number.isFinite(instruction.softCap ?? Infinity) ? instruction.keys.columns : 0),
      format,
    ),
  // Keys with their coordinates, rounded up to a vector; four vectors of points, shifts and sums.
  pairwiseLogSumExp: ({ x, y }, format) =>
    (x.rows + 1) * y.columns + (4 * x.rows + 9) * lanesOf(format),
  // A vector of cosines, one of sines.
  rotate: (_, format) => 2 * lanesOf(format),
  // V and B; W, ΣV, U, UΣ; three sets of moments; b and the mean's derivative.
  gaussianMoments: ({ dimension: d, heads }, format) =>
    ((2 * heads + 7) * d * d + 5 * d) * lanesOf(format),
};

/** Further parameters that kernels are told, after those of the table; build-wasm.mjs names them. */
const derivedNumbers: {
  readonly [Op in Opcode]?: (instruction: InstructionOf<Op>, format: Format) => number;
} = { attentionPullback: pullbackBlock };

/** Depth of a block of `product`; see assembly/product.ts. */
const productDepth = 256;

/** Numbers of a row of a panel: two vectors; see assembly/panel.ts. */
function panelWidth(format: Format): number {
  return 2 * lanesOf(format);
}

function panelElements(rows: number, format: Format): number {
  return rows * panelWidth(format);
}

/** What one panel of queries holds: the queries, the costate, P and dS. */
function pullbackPanelRows({ keyDimension, valueDimension, keys }: PullbackShape): number {
  return keyDimension + valueDimension + 2 * keys.columns;
}

type PullbackShape = InstructionOf<'attentionPullback'>;

/**
 * Panels of queries whose P and dS are held at once: 64 queries, fewer (but 16) where they would take more than a
 * quarter of a second-level cache.
 */
function pullbackBlock(shape: PullbackShape, format: Format): number {
  const width = panelWidth(format);
  const panelBytes = 2 * format.vector;
  const fitting = Math.floor(2 ** 18 / (pullbackPanelRows(shape) * panelBytes));
  const panels = Math.min(64 / width, Math.max(fitting, 16 / width, 1));
  return Math.min(panels, Math.ceil(shape.queries.columns / width));
}

/** Numbers in a vector. */
function lanesOf({ precision, vector }: Format): number {
  return vector / elementBytes(precision);
}

/** A program as the kernels read it. */
export interface EncodedProgram {
  readonly words: Int32Array;
  /** Elements of workspace for each thread: the largest that an instruction needs. */
  readonly workspace: number;
}

/**
 * The instructions as 32-bit words: position-independent, little-endian, in the layout that `assembly/operands.ts`
 * describes.
 */
export function encode(program: Program, format: Format): EncodedProgram {
  const parts = program.instructions.map((instruction) =>
    encodeInstruction(instruction, program, format),
  );
  const words = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    words.set(part, at);
    at += part.length;
  }
  const workspace = program.instructions.reduce(
    (most, instruction) =>
      Math.max(most, workspaces[instruction.op]?.(instruction as never, format) ?? 0),
    0,
  );
  return { words, workspace };
}

/** Bytes of a number. */
export function elementBytes(precision: Precision): number {
  return precision === 'f64' ? 8 : 4;
}

function encodeInstruction(instruction: Instruction, program: Program, format: Format): Int32Array {
  const { operands, numbers } = ruleOf(instruction);
  const matrices = Object.keys(operands);
  const scalars = Object.entries(numbers).map(([name, rule]) =>
    scalarOf(fieldOf(instruction, name), rule),
  );
  const derived = derivedNumbers[instruction.op]?.(instruction as never, format);
  if (derived !== undefined) scalars.push({ factor: derived });
  const firstParameter = 4 + 6 * matrices.length;
  const words = new Int32Array(firstParameter + 4 * scalars.length);
  words.set([opcodes.indexOf(instruction.op), 4 * words.length, 4 * firstParameter, 0]);
  matrices.forEach((name, i) => {
    const matrix = fieldOf(instruction, name) as MatrixRef | undefined;
    words.set(matrixWords(matrix, program, format), 4 + 6 * i);
  });
  const view = new DataView(words.buffer);
  scalars.forEach(({ factor, index }, i) => {
    const at = 4 * (firstParameter + 4 * i);
    view.setFloat64(at, factor, true);
    view.setInt32(at + 8, index ?? -1, true);
  });
  return words;
}

/** The numbers of the instructions: their places in the table. */
const opcodes = Object.keys(instructionTable);

function matrixWords(
  matrix: MatrixRef | undefined,
  program: Program,
  format: Format,
): readonly number[] {
  if (matrix === undefined) return [-1, 0, 0, 0, 0, 0];
  const { slot, offset, rows, columns, stride } = matrix;
  const size = elementBytes(format.precision);
  // The last row's padding may be cut short by the end of the slot; no row may be written beyond that.
  const writable = Math.min(stride, program.slots[slot].length - offset - (rows - 1) * stride);
  return [slot, offset * size, rows, columns, stride * size, writable];
}

/** A field as a number or scalar: a name as its place among the names. */
function scalarOf(value: unknown, rule: NumberRule): ScalarRef {
  if (rule === 'scalar') return value as ScalarRef;
  if (typeof rule === 'object' && 'otherwise' in rule) {
    return { factor: Number(value ?? rule.otherwise) };
  }
  if (typeof rule === 'object') return { factor: rule.indexOf(value as string) };
  return { factor: Number(value) };
}
