import type { Backend, FloatArray } from '../kernels/backend.ts';
import { one, ProgramBuilder } from '../kernels/program.ts';

export interface EmbeddingShape {
  /** d. */
  readonly dimension: number;
  /** n. */
  readonly tokens: number;
  readonly vocabulary: number;
  readonly positions: boolean;
}

/** Buffers of one batch. `positions` is read only by an embedding that has them. */
export interface EmbeddingRun {
  readonly samples: number;
  /** S × n token classes, padded rows. */
  readonly tokens: FloatArray;
  /** d × vocabulary; its gradient in `backward`. */
  readonly table: FloatArray;
  /** d × n; its gradient in `backward`. */
  readonly positions: FloatArray;
  /** S states d × n: h_0, or its costate in `backward`. */
  readonly state: FloatArray;
}

/** `h_0[:, i] = table[:, token_i] + positions[:, i]` and its pullback, which adds to the gradients. */
export interface Embedding {
  forward(run: EmbeddingRun): void;
  backward(run: EmbeddingRun): void;
}

/** The tokens' vectors, compiled for a backend. */
export function createEmbedding(backend: Backend, shape: EmbeddingShape): Embedding {
  const { dimension: d, tokens: n, vocabulary, positions } = shape;
  const forward = new ProgramBuilder();
  const y = forward.state('sample', 'state', d, n);
  forward.emit({
    op: 'gather',
    table: forward.parameters('shared', 'table', d, vocabulary),
    indices: forward.state('sample', 'tokens', 1, n),
    y,
    accumulate: false,
  });
  if (positions) {
    const x = forward.parameters('shared', 'positions', d, n);
    forward.emit({ op: 'axpy', x, y, alpha: one, accumulate: true });
  }
  const backward = new ProgramBuilder();
  const p = backward.state('sample', 'state', d, n);
  backward.emit({
    op: 'scatter',
    indices: backward.state('sample', 'tokens', 1, n),
    p,
    g: backward.parameters('accumulator', 'table', d, vocabulary),
  });
  if (positions) {
    const g = backward.parameters('accumulator', 'positions', d, n);
    backward.emit({ op: 'axpy', x: p, y: g, alpha: one, accumulate: true });
  }
  const runForward = backend.compile(forward.program());
  const runBackward = backend.compile(backward.program());
  const buffersOf = ({ tokens, table, positions: at, state }: EmbeddingRun) =>
    positions ? { tokens, table, positions: at, state } : { tokens, table, state };
  return {
    forward: (run) => runForward({ samples: run.samples, buffers: buffersOf(run) }),
    backward: (run) => runBackward({ samples: run.samples, buffers: buffersOf(run) }),
  };
}
