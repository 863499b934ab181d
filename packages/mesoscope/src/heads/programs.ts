import { columnStride, type MatrixRef } from '../kernels/instruction.ts';
import { type Program, ProgramBuilder, rowsOf } from '../kernels/program.ts';
import { pullBack } from '../kernels/pullback.ts';
import { type HeadShape, headLength } from './head-law.ts';

/**
 * The programs that run over heads. A sample is a group of G heads; the sequences of a chunk are written out one after
 * the other, so that a group's parameters and gradients stay in the cache, threads share the heads whatever the
 * number of sequences, and memory grows with heads and with sequences, never with their product.
 *
 * Parameters of a group: Q of all its heads, K of all its heads, V of all its heads: one matrix takes tokens to queries,
 * keys and values.
 */
export interface ChunkShape {
  readonly heads: HeadShape;
  /** G. */
  readonly group: number;
  /** Sequences written out. */
  readonly sequences: number;
  /** n. */
  readonly tokens: number;
}

/** Elements of a group's parameters. */
export function groupLength({ heads, group }: Pick<ChunkShape, 'heads' | 'group'>): number {
  return group * headLength(heads);
}

/** `logits_s += Σ_heads V ȳ` for every sequence s of the chunk; slots `tokens`, `parameters`, `logits`. */
export function forwardProgram(shape: ChunkShape): Program {
  return logitsProgram(shape, 'accumulator');
}

/** As {@link forwardProgram}, each group (of one head) keeps its own logits. */
export function featureProgram(shape: ChunkShape): Program {
  return logitsProgram(shape, 'sample');
}

function logitsProgram(shape: ChunkShape, kind: 'accumulator' | 'sample'): Program {
  const { heads, tokens, sequences } = shape;
  const b = new ProgramBuilder();
  const states = sequenceSlots(b, 'tokens', heads.dimension, shape);
  const parameters = parameterSlot(b, 'parameters', shape);
  const slot = b.slot(kind, 'logits', sequences * heads.classes * columnStride(tokens));
  states.forEach((state, s) => {
    b.scoped(() => {
      const logits = groupLogits(b, shape, parameters, state);
      b.add(logits, stateAt(slot, s, heads.classes, tokens));
    });
  });
  return b.program();
}

/**
 * `gradient += Σ_s D⟨residual_s, Σ_heads V ȳ⟩` by the heads' parameters; slots `tokens`, `residual`, `parameters`,
 * `gradient`. Since Φ is linear in V, `⟨V, gradient by V⟩` is the pairing itself.
 */
export function backwardProgram(shape: ChunkShape): Program {
  const { heads } = shape;
  const b = new ProgramBuilder();
  const states = sequenceSlots(b, 'tokens', heads.dimension, shape);
  const residuals = sequenceSlots(b, 'residual', heads.classes, shape);
  const parameters = parameterSlot(b, 'parameters', shape);
  const gradients = [{ of: parameters, into: parameterSlot(b, 'gradient', shape), add: true }];
  states.forEach((state, s) => {
    b.scoped(() => {
      const from = b.instructions.length;
      const value = groupLogits(b, shape, parameters, state);
      pullBack(b, { value, costate: residuals[s], gradients, from });
    });
  });
  return b.program();
}

/**
 * Loss and gradient of a law whose heads are one group, in one pass: logits, cross-entropy, and `D⟨residual, Σ_heads V ȳ⟩` by the
 * heads' parameters; slots `tokens`, `labels`, `weights`, `parameters`, `loss`, `gradient`.
 */
export function descentProgram(shape: ChunkShape): Program {
  const { heads, tokens } = shape;
  const b = new ProgramBuilder();
  const states = sequenceSlots(b, 'tokens', heads.dimension, shape);
  const labels = sequenceSlots(b, 'labels', 1, shape);
  const weights = sequenceSlots(b, 'weights', 1, shape);
  const losses = sequenceSlots(b, 'loss', 1, shape);
  const parameters = parameterSlot(b, 'parameters', shape);
  const gradients = [{ of: parameters, into: parameterSlot(b, 'gradient', shape), add: true }];
  states.forEach((state, s) => {
    b.scoped(() => {
      const from = b.instructions.length;
      const value = groupLogits(b, shape, parameters, state);
      const residual = b.scratch(heads.classes, tokens);
      const [label, weight, loss] = [labels[s], weights[s], losses[s]];
      b.crossEntropy({ logits: value, labels: label, weights: weight, loss, residual });
      pullBack(b, { value, costate: residual, gradients, from });
    });
  });
  return b.program();
}

/** Cross-entropy of one sequence a sample: slots `logits`, `labels`, `weights`, `loss`, `residual`. */
export function lossProgram(classes: number, tokens: number): Program {
  const b = new ProgramBuilder();
  b.crossEntropy({
    logits: b.state('sample', 'logits', classes, tokens),
    labels: b.state('sample', 'labels', 1, tokens),
    weights: b.state('sample', 'weights', 1, tokens),
    loss: b.state('sample', 'loss', 1, tokens),
    residual: b.state('sample', 'residual', classes, tokens),
  });
  return b.program();
}

function sequenceSlots(
  b: ProgramBuilder,
  name: string,
  rows: number,
  { sequences, tokens }: ChunkShape,
): MatrixRef[] {
  const slot = b.slot('shared', name, sequences * rows * columnStride(tokens));
  return Array.from({ length: sequences }, (_, s) => stateAt(slot, s, rows, tokens));
}

function stateAt(slot: number, s: number, rows: number, columns: number): MatrixRef {
  const stride = columnStride(columns);
  return { slot, offset: s * rows * stride, rows, columns, stride };
}

function parameterSlot(b: ProgramBuilder, name: string, shape: ChunkShape): MatrixRef {
  const d = shape.heads.dimension;
  return b.parameters('sample', name, groupLength(shape) / d, d);
}

/** `Σ_heads V ȳ` of a group at every position of one sequence. */
function groupLogits(
  b: ProgramBuilder,
  { heads, group }: ChunkShape,
  parameters: MatrixRef,
  state: MatrixRef,
): MatrixRef {
  const mapped = b.product(parameters, state);
  const ofKeys = group * heads.keyDimension;
  return b.attention({
    shape: {
      kind: 'softmax',
      causal: true,
      heads: group,
      keyDimension: heads.keyDimension,
      valueDimension: heads.classes,
      scale: 1 / Math.sqrt(heads.keyDimension),
    },
    queries: rowsOf(mapped, 0, ofKeys),
    keys: rowsOf(mapped, ofKeys, ofKeys),
    values: rowsOf(mapped, 2 * ofKeys, group * heads.classes),
    weights: undefined,
    summed: true,
  });
}
