import type { Backend, FloatArray } from '../kernels/backend.ts';
import type { MatrixRef, NormalisationKind } from '../kernels/instruction.ts';
import { ProgramBuilder, stateLength } from '../kernels/program.ts';
import { pullBack } from '../kernels/pullback.ts';

/**
 * What the readout sees of h_T: every token (`position`), the last token (`last`), or the mean of all (`mean`).
 */
export type Pooling = 'position' | 'last' | 'mean';

export interface ReadoutShape {
  /** d. */
  readonly dimension: number;
  /** n. */
  readonly tokens: number;
  /** C. */
  readonly classes: number;
  readonly pooling: Pooling;
  /** Normalisation of each token of h_T before pooling; `none` is the theory's `z = U pool(h_T)`. */
  readonly normalisation: NormalisationKind | 'none';
}

/** Buffers of one batch; m = n for `position`, else 1. */
export interface ReadoutRun {
  readonly samples: number;
  /** S states d × n: h_T. */
  readonly state: FloatArray;
  /** U, C × d. */
  readonly readout: FloatArray;
  /** S × m classes, padded rows; negative: no label. */
  readonly labels: FloatArray;
  /** S × m, padded rows. */
  readonly weights: FloatArray;
  /** Receives the m losses `w ℓ(z, y)` of each sample. */
  readonly loss: FloatArray;
  /** Receives the logits z, C × m a sample. */
  readonly logits: FloatArray;
  /** Receives the softmax residuals `w (softmax(z) − e_y)`, C × m a sample. */
  readonly residual: FloatArray;
  /** Receives the squared Frobenius norm of each sample's residual, 1 × 1 padded. */
  readonly residualSquare: FloatArray;
}

export interface ReadoutPullback {
  readonly samples: number;
  readonly state: FloatArray;
  readonly readout: FloatArray;
  readonly residual: FloatArray;
  /** Factor on the costate and on U's gradient: 1/Σw makes both belong to the mean loss. */
  readonly scale: number;
  /** Receives `p_T = scale · pool*(Uᵀ (softmax(z) − e_y))`, S states d × n. */
  readonly costate: FloatArray;
  /** Where given: `+= scale · Σ_s residual poolᵀ`, C × d. */
  readonly readoutGradient?: FloatArray | undefined;
}

export interface Readout {
  /** m: columns of labels and logits. */
  readonly columns: number;
  forward(run: ReadoutRun): void;
  backward(run: ReadoutPullback): void;
}

const epsilon = 1e-5;

/** `z = U pool(norm(h_T))`, softmax cross-entropy, and the terminal costate; compiled for a backend. */
export function createReadout(backend: Backend, shape: ReadoutShape): Readout {
  const columns = shape.pooling === 'position' ? shape.tokens : 1;
  const pool = backend.allocate(stateLength(shape.tokens, 1));
  fillPool(pool, shape);
  const poolBuffers = shape.pooling === 'position' ? {} : { pool };
  const runForward = backend.compile(forwardProgram(shape, columns));
  const pullback = backend.compile(backwardProgram(shape, columns, false));
  const pullbackWithGradient = backend.compile(backwardProgram(shape, columns, true));
  return {
    columns,
    forward: ({ samples, ...buffers }) => {
      runForward({ samples, buffers: { ...buffers, ...poolBuffers } });
    },
    backward: ({ samples, scale, readoutGradient, ...buffers }) => {
      const scalars = { scale };
      if (readoutGradient === undefined) {
        pullback({ samples, buffers: { ...buffers, ...poolBuffers }, scalars });
      } else {
        const all = { ...buffers, ...poolBuffers, readoutGradient };
        pullbackWithGradient({ samples, buffers: all, scalars });
      }
    },
  };
}

/** The column e_n or 1/n of the pooling `h ↦ h · column`. */
function fillPool(pool: FloatArray, { tokens, pooling }: ReadoutShape): void {
  const stride = pool.length / tokens;
  for (let i = 0; i < tokens; i++) {
    pool[i * stride] = pooling === 'mean' ? 1 / tokens : i === tokens - 1 ? 1 : 0;
  }
}

/** The pooling's column as a slot; none where every token is read. */
function poolSlot(b: ProgramBuilder, shape: ReadoutShape): MatrixRef | undefined {
  return shape.pooling === 'position' ? undefined : b.state('shared', 'pool', shape.tokens, 1);
}

/** Writes the logits `U pool(norm(h_T))`, C × m. */
function writeLogits(b: ProgramBuilder, shape: ReadoutShape, into?: MatrixRef) {
  const { dimension: d, tokens: n, classes, normalisation } = shape;
  const state = b.state('sample', 'state', d, n);
  const pool = poolSlot(b, shape);
  const seen = normalisation === 'none' ? state : b.normalise(normalisation, epsilon, state);
  const pooled = pool === undefined ? seen : b.product(seen, pool);
  const readout = b.parameters('shared', 'readout', classes, d);
  return { state, readout, logits: b.product(readout, pooled, into && { into }) };
}

function forwardProgram(shape: ReadoutShape, columns: number) {
  const b = new ProgramBuilder();
  const { classes } = shape;
  const { logits } = writeLogits(b, shape, b.state('sample', 'logits', classes, columns));
  const residual = b.state('sample', 'residual', classes, columns);
  b.crossEntropy({
    logits,
    labels: b.state('sample', 'labels', 1, columns),
    weights: b.state('sample', 'weights', 1, columns),
    loss: b.state('sample', 'loss', 1, columns),
    residual,
  });
  b.dot(residual, residual, { into: b.state('sample', 'residualSquare', 1, 1) });
  return b.program();
}

function backwardProgram(shape: ReadoutShape, columns: number, withGradient: boolean) {
  const { dimension: d, tokens: n, classes } = shape;
  const b = new ProgramBuilder();
  const { state, readout, logits } = writeLogits(b, shape);
  const costate = b.state('sample', 'residual', classes, columns);
  const gradients = [{ of: state, into: b.state('sample', 'costate', d, n), add: false }];
  if (withGradient) {
    const into = b.parameters('accumulator', 'readoutGradient', classes, d);
    gradients.push({ of: readout, into, add: true });
  }
  pullBack(b, { value: logits, costate, alpha: b.scalar('scale'), gradients });
  return b.program();
}
