import { MesoscopeError } from '../errors.ts';
import { affineMap } from '../field/affine.ts';
import { parameterLayout, parameterMatrix } from '../field/field.ts';
import { normalisation } from '../field/normalise.ts';
import type { Backend } from '../kernels/backend.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import type { Blueprint, NormPlace, PatchEmbedding, TokenEmbedding } from './architecture.ts';
import { mapTokens } from './map-tokens.ts';
import { resizePositions } from './resize-positions.ts';
import type { Tensor } from './tensor.ts';
import { type NamedWeights, readParameters } from './weights.ts';

/** Numbers of tokens of the vocabulary, special tokens included. */
export interface IdInput {
  readonly ids: readonly number[];
}

/** An image as the model was trained to see it: scaled to the mean and the deviation of its training. */
export interface PixelInput {
  readonly height: number;
  readonly width: number;
  /** channels × height × width. */
  readonly pixels: ArrayLike<number>;
}

export type ModelInput = IdInput | PixelInput;

/**
 * h⁰, n × d.
 *
 * @throws MesoscopeError `invalid-value` (a token that is not in the vocabulary, too many tokens, a text where there must be an
 *   image), `shape-mismatch`, `file`
 */
export async function embed(
  backend: Backend,
  { embedding, dimension, longest }: Blueprint,
  weights: NamedWeights,
  input: ModelInput,
): Promise<Matrix> {
  if (embedding.kind === 'tokens') {
    if (!('ids' in input)) throw refuse(weights, 'an image', 'tokens: the model reads text');
    return embedTokens(backend, embedding, { dimension, longest, weights }, input.ids);
  }
  if ('ids' in input) throw refuse(weights, 'tokens', 'an image: the model reads images');
  return embedPatches(backend, embedding, dimension, weights, input);
}

interface TokenContext {
  readonly dimension: number;
  readonly longest: number;
  readonly weights: NamedWeights;
}

async function embedTokens(
  backend: Backend,
  embedding: TokenEmbedding,
  { dimension, longest, weights }: TokenContext,
  ids: readonly number[],
): Promise<Matrix> {
  const table = weights.tensor(embedding.table);
  const [vocabulary, width] = table.shape;
  checkIds(ids, vocabulary, longest, weights.source);
  let sum = zeros(ids.length, width);
  await addRows(sum, table, (i) => ids[i]);
  const { positions, types, norm, map } = embedding;
  if (positions !== undefined) {
    await addRows(sum, weights.tensor(positions.table), (i) => i + positions.offset);
  }
  if (types !== undefined) await addRows(sum, weights.tensor(types), () => 0);
  if (norm !== undefined) sum = await normalised(backend, norm, weights, sum);
  return map === undefined ? sum : mapped(backend, map, weights, sum, dimension);
}

/** Adds to token i a row of a table. Each row is read once. */
async function addRows(sum: Matrix, table: Tensor, rowOf: (i: number) => number): Promise<void> {
  const { rows: n, columns: d, data } = sum;
  const rows = new Map<number, ArrayLike<number>>();
  for (let i = 0; i < n; i++) {
    const r = rowOf(i);
    const row = rows.get(r) ?? (await table.readRows(r, r + 1));
    rows.set(r, row);
    for (let a = 0; a < d; a++) data[i * d + a] += row[a];
  }
}

async function embedPatches(
  backend: Backend,
  embedding: PatchEmbedding,
  dimension: number,
  weights: NamedWeights,
  input: PixelInput,
): Promise<Matrix> {
  const { own, projection } = embedding;
  const grid = patchGrid(embedding, weights, input);
  const patches = patchesOf(embedding, input, grid);
  const tokens = await mapped(backend, projection, weights, patches, dimension);
  const all = zeros(own.length + tokens.rows, dimension);
  for (const [i, name] of own.entries()) {
    all.data.set(await weights.tensor(name).read(), i * dimension);
  }
  all.data.set(tokens.data, own.length * dimension);
  const positionsTensor = weights.tensor(embedding.positions);
  const stored = await positionsTensor.read();
  const first = own.length * dimension;
  const meant = positionGrid(embedding, weights, positionsTensor, dimension);
  const positions = resizePositions(stored.subarray(first), meant, grid, dimension);
  for (let k = 0; k < first; k++) all.data[k] += stored[k];
  for (let k = 0; k < positions.length; k++) all.data[first + k] += positions[k];
  return all;
}

/** Rows and columns of patches of an image. */
function patchGrid(
  { image, patch, channels, resizable }: PatchEmbedding,
  weights: NamedWeights,
  { height, width, pixels }: PixelInput,
): readonly [number, number] {
  const fits = resizable
    ? height % patch[0] === 0 && width % patch[1] === 0 && height > 0 && width > 0
    : height === image[0] && width === image[1];
  if (!fits || pixels.length !== channels * height * width) {
    const size = resizable ? patch.map((side) => `a multiple of ${side}`) : image;
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: `the image for ${weights.source}`,
      received: [pixels.length / (height * width), height, width],
      expected: [channels, ...size],
    });
  }
  return [height / patch[0], width / patch[1]].map(Math.floor) as [number, number];
}

/** The grid that the positions are of: that of the configuration's images, or a square of their number. */
function positionGrid(
  { image, patch, own, resizable }: PatchEmbedding,
  { source }: NamedWeights,
  { name, shape }: Tensor,
  dimension: number,
): readonly [number, number] {
  const rows = Math.floor(image[0] / patch[0]);
  const columns = Math.floor(image[1] / patch[1]);
  const expected = [1, own.length + rows * columns, dimension];
  if (shape.every((size, axis) => size === expected[axis])) return [rows, columns];
  const side = Math.sqrt(shape[1] - own.length);
  if (resizable && Number.isInteger(side) && shape[2] === dimension) return [side, side];
  const path = `${source}, ${name}`;
  throw new MesoscopeError({ code: 'shape-mismatch', path, received: shape, expected });
}

/** Patches row by row, each as channels × height × width. */
function patchesOf(
  { patch: [h, w], channels }: PatchEmbedding,
  { height, width, pixels }: PixelInput,
  [rows, columns]: readonly [number, number],
): Matrix {
  const result = zeros(rows * columns, channels * h * w);
  let k = 0;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      for (let channel = 0; channel < channels; channel++) {
        for (let y = 0; y < h; y++) {
          const start = (channel * height + r * h + y) * width + c * w;
          for (let x = 0; x < w; x++) result.data[k++] = pixels[start + x];
        }
      }
    }
  }
  return result;
}

/** `g ∘ norm(x) + b`. */
export async function normalised(
  backend: Backend,
  { options, module }: NormPlace,
  weights: NamedWeights,
  points: Matrix,
): Promise<Matrix> {
  const norm = normalisation(points.columns, options);
  const places = [
    { block: 'gain', tensor: `${module}.weight` },
    { block: 'bias', tensor: `${module}.bias` },
  ];
  const theta = await readParameters(norm.layout, places, weights);
  return mapTokens(backend, points, theta, points.columns, (builder, x, at) =>
    norm.write(builder, at, x),
  );
}

/** `W x + b`. */
async function mapped(
  backend: Backend,
  module: string,
  weights: NamedWeights,
  points: Matrix,
  rows: number,
): Promise<Matrix> {
  const layout = parameterLayout({ W: [rows, points.columns], b: [rows, 1] });
  const places = [
    { block: 'W', tensor: `${module}.weight` },
    { block: 'b', tensor: `${module}.bias` },
  ];
  const theta = await readParameters(layout, places, weights);
  return mapTokens(backend, points, theta, rows, (builder, x, at) => {
    const block = (name: string) => parameterMatrix(layout, at, name);
    return affineMap(builder, block('W'), block('b'), x);
  });
}

function checkIds(
  ids: readonly number[],
  vocabulary: number,
  longest: number,
  source: string,
): void {
  const path = `tokens for ${source}`;
  if (ids.length < 1 || ids.length > longest) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path,
      received: `${ids.length} tokens`,
      expected: `1 to ${longest}, for so many positions the model has`,
      wayOut: 'Give a shorter text.',
    });
  }
  const wrong = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  if (wrong < 0) return;
  throw new MesoscopeError({
    code: 'invalid-value',
    path: `${path}, token ${wrong}`,
    received: ids[wrong],
    expected: `a number of its vocabulary, 0 to ${vocabulary - 1}`,
    wayOut: 'Take the tokenizer of this checkpoint.',
  });
}

function refuse({ source }: NamedWeights, received: string, expected: string): MesoscopeError {
  return new MesoscopeError({
    code: 'invalid-value',
    path: `input for ${source}`,
    received,
    expected,
  });
}
