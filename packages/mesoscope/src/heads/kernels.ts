import type { Backend, Executable, FloatArray } from '../kernels/backend.ts';
import { columnStride } from '../kernels/instruction.ts';
import type { Program } from '../kernels/program.ts';
import { type HeadShape, headLength } from './head-law.ts';
import {
  backwardProgram,
  type ChunkShape,
  descentProgram,
  featureProgram,
  forwardProgram,
  lossProgram,
} from './programs.ts';
import type { SequenceData } from './sequences.ts';

/** What the kernels do for heads, on plain arrays (heads one after the other, see {@link headLength}). */
export interface HeadKernels {
  /** `Σ_i w_i Φ(θ_i)`: S × C × stride, or one sequence's. */
  logits(heads: Float64Array, weights: Float64Array, drawn?: number): Float64Array<ArrayBuffer>;
  /** Mean loss and weighted residual from logits; of one sequence: S times its part. */
  loss(
    logits: Float64Array,
    drawn?: number,
  ): { readonly loss: number; readonly residual: Float64Array<ArrayBuffer> };
  /** `gradient ← D_θ⟨residual, Φ(θ_i)⟩` for every head. */
  pullback(
    heads: Float64Array,
    residual: Float64Array,
    gradient: Float64Array,
    drawn?: number,
  ): void;
  /** Whether {@link HeadKernels.descent} takes such a law: few heads, so that one group's memory stays in the cache, all of weight > 0. */
  canDescend(weights: Float64Array): boolean;
  /** The mean loss, and `gradient ← D_θ⟨residual, Φ(θ_i)⟩` for every head of the law itself, in one pass. */
  descent(
    heads: Float64Array,
    weights: Float64Array,
    gradient: Float64Array,
    drawn?: number,
  ): number;
  /** Φ(θ_i) for every head. */
  features(heads: Float64Array): Float64Array<ArrayBuffer>;
}

/** Sequences written out in one program, at the most. */
const chunkSequences = 16;

/** Numbers of the heads' parameters that are in the backend's memory at a time, unless 16 heads need more. */
const tileLength = 2 ** 18;

/** Numbers that one sequence of a single group may need in {@link HeadKernels.descent}. */
const descentLength = 2 ** 14;

/** Heads a group: enough rows for the products' register tiles, few enough for the second-level cache. */
function groupSize(heads: number): number {
  if (heads >= 128) return 16;
  return heads >= 16 ? 4 : 1;
}

/** The kernels for heads of one shape on one data set. */
export function createHeadKernels(
  backend: Backend,
  shape: HeadShape,
  data: SequenceData,
): HeadKernels {
  const { sequences: S, tokens: n, dimension: d, classes: C } = data;
  const P = headLength(shape);
  const stride = columnStride(n);
  const buffers = {
    states: filled(backend, data.states),
    labels: filled(backend, data.labels),
    weights: filled(backend, data.weights),
    drawnWeights: filled(
      backend,
      data.weights.map((weight) => S * weight),
    ),
    logits: backend.allocate(S * C * stride),
    residual: backend.allocate(S * C * stride),
    loss: backend.allocate(S * stride),
  };
  const tileHeads = 16 * Math.max(1, Math.floor(tileLength / (16 * P)));
  const parameters = backend.allocate(tileHeads * P);
  const gradient = backend.allocate(tileHeads * P);
  const lossOf = backend.compile(lossProgram(C, n));
  const executables = new Map<string, Executable>();

  function executable(
    kind: 'forward' | 'backward' | 'descent' | 'feature',
    group: number,
    sequences: number,
  ): Executable {
    const key = `${kind} ${group} ${sequences}`;
    let compiled = executables.get(key);
    if (compiled === undefined) {
      const write: Record<typeof kind, (chunk: ChunkShape) => Program> = {
        forward: forwardProgram,
        backward: backwardProgram,
        descent: descentProgram,
        feature: featureProgram,
      };
      compiled = backend.compile(write[kind]({ heads: shape, group, sequences, tokens: n }));
      executables.set(key, compiled);
    }
    return compiled;
  }

  /** Calls `work` for each tile of heads, packed into `parameters`. */
  function forTiles(
    heads: Float64Array,
    weights: Float64Array | undefined,
    work: (tile: { first: number; count: number; group: number; groups: number }) => void,
  ): void {
    const N = heads.length / P;
    for (let first = 0; first < N; first += tileHeads) {
      const count = Math.min(tileHeads, N - first);
      const group = groupSize(count);
      const groups = Math.ceil(count / group);
      pack({ heads, first, count, group, shape }, parameters, weights);
      work({ first, count, group, groups });
    }
  }

  /** Calls `work` for each chunk of sequences, or for the sequence drawn. */
  function forChunks(
    drawn: number | undefined,
    work: (from: number, sequences: number) => void,
  ): void {
    if (drawn !== undefined) work(drawn, 1);
    else
      for (let from = 0; from < S; from += chunkSequences)
        work(from, Math.min(chunkSequences, S - from));
  }

  const part = (buffer: FloatArray, from: number, count: number, length: number) =>
    buffer.subarray(from * length, (from + count) * length);

  return {
    logits(heads, weights, drawn) {
      buffers.logits.fill(0);
      forTiles(heads, weights, ({ group, groups }) => {
        forChunks(drawn, (from, sequences) => {
          executable(
            'forward',
            group,
            sequences,
          )({
            samples: groups,
            buffers: {
              tokens: part(buffers.states, from, sequences, d * stride),
              parameters,
              logits: part(buffers.logits, from, sequences, C * stride),
            },
          });
        });
      });
      return drawn === undefined
        ? Float64Array.from(buffers.logits)
        : Float64Array.from(part(buffers.logits, drawn, 1, C * stride));
    },

    loss(logits, drawn) {
      const [from, count] = drawn === undefined ? [0, S] : [drawn, 1];
      part(buffers.logits, from, count, C * stride).set(logits);
      const losses = part(buffers.loss, from, count, stride);
      const residual = part(buffers.residual, from, count, C * stride);
      const weights = drawn === undefined ? buffers.weights : buffers.drawnWeights;
      lossOf({
        samples: count,
        buffers: {
          logits: part(buffers.logits, from, count, C * stride),
          labels: part(buffers.labels, from, count, stride),
          weights: part(weights, from, count, stride),
          loss: losses,
          residual,
        },
      });
      return { loss: sumOf(losses, n, stride), residual: Float64Array.from(residual) };
    },

    pullback(heads, residual, out, drawn) {
      part(buffers.residual, drawn ?? 0, drawn === undefined ? S : 1, C * stride).set(residual);
      forTiles(heads, undefined, ({ first, count, group, groups }) => {
        gradient.fill(0, 0, groups * group * P);
        forChunks(drawn, (from, sequences) => {
          executable(
            'backward',
            group,
            sequences,
          )({
            samples: groups,
            buffers: {
              tokens: part(buffers.states, from, sequences, d * stride),
              residual: part(buffers.residual, from, sequences, C * stride),
              parameters,
              gradient,
            },
          });
        });
        unpack(gradient, { heads: out, first, count, group, shape });
      });
    },

    canDescend: (weights) =>
      weights.length <= tileHeads &&
      weights.length * (2 * shape.keyDimension + C + n) * stride <= descentLength &&
      weights.every((weight) => weight > 1e-100),

    descent(heads, weights, out, drawn) {
      const count = weights.length;
      const tile = { first: 0, count, group: count, shape };
      pack({ ...tile, heads }, parameters, weights);
      gradient.fill(0, 0, count * P);
      let loss = 0;
      forChunks(drawn, (from, sequences) => {
        const losses = part(buffers.loss, from, sequences, stride);
        const lossWeights = drawn === undefined ? buffers.weights : buffers.drawnWeights;
        executable(
          'descent',
          count,
          sequences,
        )({
          samples: 1,
          buffers: {
            tokens: part(buffers.states, from, sequences, d * stride),
            labels: part(buffers.labels, from, sequences, stride),
            weights: part(lossWeights, from, sequences, stride),
            loss: losses,
            parameters,
            gradient,
          },
        });
        loss += sumOf(losses, n, stride);
      });
      // The values were packed times their weights, which the scores feel.
      unpack(gradient, { ...tile, heads: out }, weights);
      return loss;
    },

    features(heads) {
      const N = heads.length / P;
      const features = new Float64Array(N * S * C * stride);
      const block = Math.max(1, Math.min(N, Math.floor(2 ** 21 / (chunkSequences * C * stride))));
      backend.scoped(() => {
        const packed = backend.allocate(block * P);
        const logits = backend.allocate(block * Math.min(S, chunkSequences) * C * stride);
        for (let first = 0; first < N; first += block) {
          const count = Math.min(block, N - first);
          packed.set(heads.subarray(first * P, (first + count) * P));
          forChunks(undefined, (from, sequences) => {
            const length = sequences * C * stride;
            logits.fill(0, 0, count * length);
            executable(
              'feature',
              1,
              sequences,
            )({
              samples: count,
              buffers: {
                tokens: part(buffers.states, from, sequences, d * stride),
                parameters: packed,
                logits,
              },
            });
            for (let i = 0; i < count; i++) {
              features.set(
                logits.subarray(i * length, (i + 1) * length),
                ((first + i) * S + from) * C * stride,
              );
            }
          });
        }
      });
      return features;
    },
  };
}

interface Tile {
  /** N × P. */
  readonly heads: Float64Array;
  readonly first: number;
  readonly count: number;
  readonly group: number;
  readonly shape: HeadShape;
}

/** Writes a tile's heads group by group (Q of all, K of all, V of all), values times their weights; 0 where there is none. */
function pack(tile: Tile, parameters: FloatArray, weights?: Float64Array): void {
  const { heads, count, group, shape } = tile;
  parameters.fill(0, 0, Math.ceil(count / group) * group * headLength(shape));
  forBlocks(tile, (from, to, length, head, isValue) => {
    const factor = isValue && weights !== undefined ? weights[head] : 1;
    for (let j = 0; j < length; j++) parameters[to + j] = factor * heads[from + j];
  });
}

/** Reads a tile's gradients; those by scores over the heads' weights, where these were packed. */
function unpack(gradient: FloatArray, tile: Tile, weights?: Float64Array): void {
  forBlocks(tile, (from, to, length, head, isValue) => {
    const divisor = isValue || weights === undefined ? 1 : weights[head];
    for (let j = 0; j < length; j++) tile.heads[from + j] = gradient[to + j] / divisor;
  });
}

/** The sum of rows of n numbers, `stride` apart. */
function sumOf(rows: FloatArray, n: number, stride: number): number {
  let sum = 0;
  for (let from = 0; from < rows.length; from += stride) {
    for (let t = 0; t < n; t++) sum += rows[from + t];
  }
  return sum;
}

/** Each head's Q, K and V: where they stand in the head's row, and where in its group. */
function forBlocks(
  { first, count, group, shape }: Tile,
  visit: (from: number, to: number, length: number, head: number, isValue: boolean) => void,
): void {
  const P = headLength(shape);
  const ofScore = shape.keyDimension * shape.dimension;
  const ofValue = shape.classes * shape.dimension;
  for (let i = 0; i < count; i++) {
    const j = i % group;
    const from = (first + i) * P;
    const to = (i - j) * P;
    visit(from, to + j * ofScore, ofScore, first + i, false);
    visit(from + ofScore, to + (group + j) * ofScore, ofScore, first + i, false);
    visit(from + 2 * ofScore, to + 2 * group * ofScore + j * ofValue, ofValue, first + i, true);
  }
}

function filled(backend: Backend, values: Float64Array): FloatArray {
  const buffer = backend.allocate(values.length);
  buffer.set(values);
  return buffer;
}
