import type { Backend, FloatArray } from '../kernels/backend.ts';
import type { MatrixRef } from '../kernels/instruction.ts';
import { ProgramBuilder } from '../kernels/program.ts';
import { pullBack } from '../kernels/pullback.ts';

export interface EmbeddingShape {
  /** d. */
  readonly dimension: number;
  /** n. */
  readonly tokens: number;
  readonly vocabulary: number;
  readonly positions: boolean;
}

/** Buffers of one batch. What belongs to positions is read only by an embedding that has them. */
export interface EmbeddingRun {
  readonly samples: number;
  /** S × n token classes, padded rows. */
  readonly tokens: FloatArray;
  /** d × vocabulary. */
  readonly table: FloatArray;
  /** d × n. */
  readonly positions: FloatArray;
}

export interface EmbeddingPullback extends EmbeddingRun {
  /** S states d × n: the costate of h_0. */
  readonly costate: FloatArray;
  /** `+=` the gradients, shaped like table and positions. */
  readonly tableGradient: FloatArray;
  readonly positionsGradient: FloatArray;
}

/** `h_0[:, i] = table[:, token_i] + positions[:, i]` and its pullback. */
export interface Embedding {
  /** Writes h_0, S states d × n. */
  forward(run: EmbeddingRun, state: FloatArray): void;
  backward(run: EmbeddingPullback): void;
}

/** The tokens' vectors, compiled for a backend. */
export function createEmbedding(backend: Backend, shape: EmbeddingShape): Embedding {
  const runForward = backend.compile(forwardProgram(shape));
  const runBackward = backend.compile(backwardProgram(shape));
  return {
    forward: ({ samples, ...buffers }, state) =>
      runForward({ samples, buffers: { ...buffers, state } }),
    backward: ({ samples, ...buffers }) => runBackward({ samples, buffers }),
  };
}

/** Writes h_0. */
function writeEmbedding(b: ProgramBuilder, shape: EmbeddingShape, into: MatrixRef) {
  const { dimension: d, tokens: n, vocabulary } = shape;
  const table = b.parameters('shared', 'table', d, vocabulary);
  b.gather(table, b.state('sample', 'tokens', 1, n), { into });
  const positions = shape.positions ? b.parameters('shared', 'positions', d, n) : undefined;
  if (positions !== undefined) b.add(positions, into);
  return { table, positions };
}

function forwardProgram(shape: EmbeddingShape) {
  const b = new ProgramBuilder();
  writeEmbedding(b, shape, b.state('sample', 'state', shape.dimension, shape.tokens));
  return b.program();
}

function backwardProgram(shape: EmbeddingShape) {
  const { dimension: d, tokens: n, vocabulary } = shape;
  const b = new ProgramBuilder();
  const value = b.scratch(d, n);
  const { table, positions } = writeEmbedding(b, shape, value);
  const gradients = [
    { of: table, into: b.parameters('accumulator', 'tableGradient', d, vocabulary), add: true },
  ];
  if (positions !== undefined) {
    const into = b.parameters('accumulator', 'positionsGradient', d, n);
    gradients.push({ of: positions, into, add: true });
  }
  pullBack(b, { value, costate: b.state('sample', 'costate', d, n), gradients });
  return b.program();
}
