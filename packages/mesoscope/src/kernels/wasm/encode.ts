import type { Precision } from '../backend.ts';
import type { Instruction, MatrixRef, Opcode, ScalarRef } from '../instruction.ts';
import type { Program } from '../program.ts';
import * as code from './opcode.ts';

/** How one kind of instruction is laid out for the kernels. */
interface Encoding<I> {
  readonly opcode: number;
  /** Fields that are matrices, in the order in which the kernel numbers them. */
  readonly matrices: readonly (keyof I & string)[];
  /** All other fields, in the order in which the kernel numbers them. */
  readonly parameters: readonly (keyof I & string)[];
  /** Further parameters that the kernel is told, after the others. */
  readonly derived?: (instruction: I, precision: Precision) => readonly number[];
  /** Elements of memory private to the thread that the kernel needs (see `workspace()` in assembly/operands.ts). */
  readonly workspace?: (instruction: I, precision: Precision) => number;
}

const encodings: { readonly [K in Opcode]: Encoding<Extract<Instruction, { op: K }>> } = {
  product: {
    opcode: code.PRODUCT,
    matrices: ['a', 'b', 'c'],
    parameters: ['alpha', 'accumulate', 'transposeA'],
    workspace: (_, precision) => panelElements(productDepth, precision),
  },
  outer: {
    opcode: code.OUTER,
    matrices: ['a', 'b', 'c'],
    parameters: ['alpha', 'accumulate'],
  },
  rowSums: { opcode: code.ROW_SUMS, matrices: ['a', 'c'], parameters: ['alpha', 'accumulate'] },
  broadcast: { opcode: code.BROADCAST, matrices: ['b', 'c'], parameters: ['accumulate'] },
  fill: { opcode: code.FILL, matrices: ['y'], parameters: ['value'] },
  axpy: { opcode: code.AXPY, matrices: ['x', 'y'], parameters: ['alpha', 'accumulate'] },
  hadamard: {
    opcode: code.HADAMARD,
    matrices: ['x', 'y', 'z'],
    parameters: ['alpha', 'accumulate'],
  },
  dot: { opcode: code.DOT, matrices: ['x', 'y', 'c'], parameters: ['alpha', 'accumulate'] },
  maxAbs: { opcode: code.MAX_ABS, matrices: ['x', 'c'], parameters: [] },
  activation: { opcode: code.ACTIVATION, matrices: ['x', 'y'], parameters: ['kind'] },
  activationPullback: {
    opcode: code.ACTIVATION_PULLBACK,
    matrices: ['x', 'p', 'g'],
    parameters: ['kind', 'accumulate'],
  },
  normalise: { opcode: code.NORMALISE, matrices: ['x', 'y'], parameters: ['kind', 'epsilon'] },
  normalisePullback: {
    opcode: code.NORMALISE_PULLBACK,
    matrices: ['x', 'p', 'g'],
    parameters: ['kind', 'epsilon', 'accumulate'],
  },
  tangent: { opcode: code.TANGENT, matrices: ['x', 'f', 'y'], parameters: [] },
  tangentPullback: {
    opcode: code.TANGENT_PULLBACK,
    matrices: ['x', 'f', 'p', 'gx', 'gf'],
    parameters: [],
  },
  attention: {
    opcode: code.ATTENTION,
    matrices: ['queries', 'keys', 'values', 'weights', 'out', 'normaliser'],
    parameters: ['kind', 'causal', 'heads', 'keyDimension', 'valueDimension', 'scale', 'alpha'],
    workspace: ({ keys, keyDimension }, precision) =>
      panelElements(1 + keyDimension + keys.columns, precision),
  },
  attentionPullback: {
    opcode: code.ATTENTION_PULLBACK,
    matrices: [
      ...(['queries', 'keys', 'values', 'weights', 'normaliser', 'p'] as const),
      ...(['gQueries', 'gKeys', 'gValues'] as const),
    ],
    parameters: ['kind', 'causal', 'heads', 'keyDimension', 'valueDimension', 'scale', 'alpha'],
    derived: (instruction, precision) => [pullbackBlock(instruction, precision)],
    workspace: (instruction, precision) =>
      panelElements(
        1 + pullbackBlock(instruction, precision) * pullbackPanelRows(instruction),
        precision,
      ),
  },
  crossEntropy: {
    opcode: code.CROSS_ENTROPY,
    matrices: ['logits', 'labels', 'weights', 'loss', 'residual'],
    parameters: [],
  },
  gather: { opcode: code.GATHER, matrices: ['table', 'indices', 'y'], parameters: ['accumulate'] },
  scatter: { opcode: code.SCATTER, matrices: ['indices', 'p', 'g'], parameters: [] },
  adam: {
    opcode: code.ADAM,
    matrices: ['x', 'g', 'm', 'v'],
    parameters: ['beta1', 'beta2', 'epsilon', 'rate', 'correction1', 'correction2'],
  },
  pairwiseLogSumExp: {
    opcode: code.PAIRWISE_LOG_SUM_EXP,
    matrices: ['x', 'y', 'potential', 'logWeights', 'previous', 'out'],
    parameters: ['epsilon'],
    // Keys with their coordinates, rounded up to a vector; four vectors of points, shifts and sums.
    workspace: ({ x, y }, precision) =>
      (x.rows + 1) * y.columns + (4 * x.rows + 9) * lanesOf(precision),
  },
  gaussianMoments: {
    opcode: code.GAUSSIAN_MOMENTS,
    matrices: ['mean', 'covariance', 'V', 'B', 'W', 'b'],
    parameters: ['dimension', 'heads', 'steps', 'tau'],
    // V and B; W, ΣV, U, UΣ; three sets of moments; b and the mean's derivative.
    workspace: ({ dimension: d, heads }, precision) =>
      ((2 * heads + 7) * d * d + 5 * d) * lanesOf(precision),
  },
};

/** Depth of a block of `product`; see assembly/product.ts. */
const productDepth = 256;

/** Bytes of a row of a panel: two vectors; see assembly/panel.ts. */
const panelBytes = 32;

function panelElements(rows: number, precision: Precision): number {
  return (rows * panelBytes) / elementBytes(precision);
}

/** What one panel of queries holds: the queries, the costate, P and dS. */
function pullbackPanelRows({ keyDimension, valueDimension, keys }: PullbackShape): number {
  return keyDimension + valueDimension + 2 * keys.columns;
}

type PullbackShape = Pick<
  Extract<Instruction, { op: 'attentionPullback' }>,
  'queries' | 'keys' | 'keyDimension' | 'valueDimension'
>;

/**
 * Panels of queries whose P and dS are held at once: 64 queries, fewer (but 16) where they would take more than a
 * quarter of a second-level cache.
 */
function pullbackBlock(shape: PullbackShape, precision: Precision): number {
  const width = panelBytes / elementBytes(precision);
  const fitting = Math.floor(2 ** 18 / (pullbackPanelRows(shape) * panelBytes));
  const panels = Math.min(64 / width, Math.max(fitting, 16 / width));
  return Math.min(panels, Math.ceil(shape.queries.columns / width));
}

/** Numbers in a vector. */
function lanesOf(precision: Precision): number {
  return precision === 'f64' ? 2 : 4;
}

/** Numbers of the values that a `kind` may take. */
const kinds: Readonly<Record<string, number>> = {
  tanh: code.TANH,
  relu: code.RELU,
  gelu: code.GELU,
  silu: code.SILU,
  layer: code.LAYER,
  rms: code.RMS,
  softmax: code.SOFTMAX,
  l2: code.L2,
  hardmax: code.HARDMAX,
  unnormalised: code.UNNORMALISED,
  linear: code.LINEAR,
};

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
export function encode(program: Program, precision: Precision): EncodedProgram {
  const parts = program.instructions.map((instruction) =>
    encodeInstruction(instruction, program, precision),
  );
  const words = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    words.set(part, at);
    at += part.length;
  }
  const workspace = program.instructions.reduce(
    (most, instruction) =>
      Math.max(most, encodingOf(instruction).workspace?.(instruction, precision) ?? 0),
    0,
  );
  return { words, workspace };
}

/** Bytes of a number. */
export function elementBytes(precision: Precision): number {
  return precision === 'f64' ? 8 : 4;
}

function encodingOf(instruction: Instruction): Encoding<Instruction> {
  return encodings[instruction.op] as unknown as Encoding<Instruction>;
}

function encodeInstruction(
  instruction: Instruction,
  program: Program,
  precision: Precision,
): Int32Array {
  const { opcode, matrices, parameters, derived } = encodingOf(instruction);
  const fields = instruction as unknown as Readonly<Record<string, unknown>>;
  const scalars = [
    ...parameters.map((name) => scalarOf(fields[name])),
    ...(derived?.(instruction, precision) ?? []).map(scalarOf),
  ];
  const firstParameter = 4 + 6 * matrices.length;
  const words = new Int32Array(firstParameter + 4 * scalars.length);
  words.set([opcode, 4 * words.length, 4 * firstParameter, 0]);
  matrices.forEach((name, i) => {
    words.set(matrixWords(fields[name] as MatrixRef | undefined, program, precision), 4 + 6 * i);
  });
  const view = new DataView(words.buffer);
  scalars.forEach(({ factor, index }, i) => {
    const at = 4 * (firstParameter + 4 * i);
    view.setFloat64(at, factor, true);
    view.setInt32(at + 8, index ?? -1, true);
  });
  return words;
}

function matrixWords(
  matrix: MatrixRef | undefined,
  program: Program,
  precision: Precision,
): readonly number[] {
  if (matrix === undefined) return [-1, 0, 0, 0, 0, 0];
  const { slot, offset, rows, columns, stride } = matrix;
  const size = elementBytes(precision);
  // The last row's padding may be cut short by the end of the slot; no row may be written beyond that.
  const writable = Math.min(stride, program.slots[slot].length - offset - (rows - 1) * stride);
  return [slot, offset * size, rows, columns, stride * size, writable];
}

function scalarOf(value: unknown): ScalarRef {
  switch (typeof value) {
    case 'number':
      return { factor: value };
    case 'boolean':
      return { factor: value ? 1 : 0 };
    case 'string':
      return { factor: kinds[value] };
    default:
      return value as ScalarRef;
  }
}
