import { MesoscopeError } from '../errors.ts';
import { transformerLayer } from '../field/transformer-layer.ts';
import { type RandomStream, randomStream } from '../numeric/random.ts';
import type { Blueprint, LayerPlan, NormPlace } from './architecture.ts';
import { architectures } from './architectures/index.ts';
import { settingsOf } from './settings.ts';
import type { Tensor } from './tensor.ts';
import { blockKey, type Weights } from './weights.ts';

/** Shape of a model that is drawn and not trained. */
export interface RandomModelOptions {
  /** `model_type` of an architecture that reads text: `bert`, `gpt2`, `llama` … */
  readonly architecture: string;
  /** L. */
  readonly layers: number;
  /** d, a multiple of the number of heads. */
  readonly dimension: number;
  readonly heads: number;
  /** Width of the feed-forward layer. */
  readonly hidden: number;
  readonly vocabulary?: number;
  /** The longest input. */
  readonly longest?: number;
}

/**
 * The checkpoint of a model with independent normal weights: entries of matrices have variance 1/columns, those of embeddings 1,
 * gains are `1 + 0.2 N(0,1)`, biases `0.1 N(0,1)`. What is true of it is true of its architecture, not of training.
 *
 * @throws MesoscopeError `unknown-name`, `unsupported` for models of images
 */
export function randomCheckpoint(options: RandomModelOptions, seed: number): Weights {
  const { architecture: name, vocabulary = 64, longest = 2048 } = options;
  const architecture = architectures.find(({ modelType }) => modelType === name);
  if (architecture === undefined) {
    const known = architectures.map(({ modelType }) => modelType);
    throw new MesoscopeError({ code: 'unknown-name', kind: 'architecture', received: name, known });
  }
  const source = `random ${architecture.name}`;
  const config = configOf(options, vocabulary, longest);
  const blueprint = architecture.plan(settingsOf(config, source));
  const tensors = new Map<string, Tensor>();
  const add = (tensor: string, shape: readonly number[], draw: Draw) => {
    if (!tensors.has(tensor)) tensors.set(tensor, drawn(tensor, shape, draw, seed));
  };
  addEmbedding(blueprint, vocabulary, add, source);
  for (let l = 0; l < blueprint.layers; l++) addLayer(blueprint.layer(l), add);
  if (blueprint.end !== undefined) addNorm(blueprint.end, blueprint.dimension, add);
  return { source, config, tensors };
}

/** The settings under the names of every family. */
function configOf(
  { architecture, layers, dimension, heads, hidden }: RandomModelOptions,
  vocabulary: number,
  longest: number,
): Record<string, unknown> {
  return {
    model_type: architecture,
    vocab_size: vocabulary,
    hidden_size: dimension,
    n_embd: dimension,
    embedding_size: dimension,
    num_hidden_layers: layers,
    n_layer: layers,
    num_attention_heads: heads,
    n_head: heads,
    intermediate_size: hidden,
    n_inner: hidden,
    max_position_embeddings: longest + 2,
    n_positions: longest,
  };
}

/** One entry of a tensor of so many columns. */
type Draw = (random: RandomStream, columns: number) => number;
type Add = (tensor: string, shape: readonly number[], draw: Draw) => void;

const entry: Draw = (random, columns) => random.normal() / Math.sqrt(columns);
const embedded: Draw = (random) => random.normal();
const gain: Draw = (random) => 1 + 0.2 * random.normal();
const bias: Draw = (random) => 0.1 * random.normal();

function addEmbedding(
  { embedding, dimension, longest }: Blueprint,
  vocabulary: number,
  add: Add,
  source: string,
): void {
  if (embedding.kind === 'patches') {
    const wayOut = 'Take an architecture that reads text: bert, gpt2, llama.';
    throw new MesoscopeError({
      code: 'unsupported',
      what: `a random model of images (${source})`,
      by: 'the experiments on random models',
      wayOut,
    });
  }
  const { table, positions, types, norm, map } = embedding;
  add(table, [vocabulary, dimension], embedded);
  if (positions !== undefined) {
    add(positions.table, [longest + positions.offset, dimension], embedded);
  }
  if (types !== undefined) add(types, [2, dimension], embedded);
  if (norm !== undefined) addNorm(norm, dimension, add);
  if (map === undefined) return;
  add(`${map}.weight`, [dimension, dimension], entry);
  add(`${map}.bias`, [dimension], bias);
}

function addLayer({ options, weights }: LayerPlan, add: Add): void {
  for (const { name, rows, columns } of transformerLayer(options).parameters.blocks) {
    const place = weights.find(({ block }) => block === blockKey(name));
    if (place === undefined) throw new RangeError(`no place for the block "${name}"`);
    const all = weights.filter(({ tensor }) => tensor === place.tensor);
    const height = Math.max(rows, ...all.map((one) => one.rows?.[1] ?? 0));
    if (columns === 1) {
      add(place.tensor, [height], /gain|scale$/.test(name) ? gain : bias);
      continue;
    }
    const shape = place.transposed === true ? [columns, height] : [height, columns];
    add(place.tensor, shape, (random) => entry(random, columns));
  }
}

function addNorm({ module, options }: NormPlace, dimension: number, add: Add): void {
  add(`${module}.weight`, [dimension], gain);
  if (options.bias === true) add(`${module}.bias`, [dimension], bias);
}

/** A tensor whose numbers follow from its name. */
function drawn(name: string, shape: readonly number[], draw: Draw, seed: number): Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  const columns = shape[shape.length - 1];
  const row = size / shape[0];
  let made: Float64Array | undefined;
  const all = () => {
    const random = randomStream(seed, `random model, ${name}`);
    made ??= Float64Array.from({ length: size }, () => draw(random, columns));
    return made;
  };
  return {
    name,
    shape,
    dtype: 'float64',
    read: async () => all(),
    readRows: async (from, to) => all().slice(from * row, to * row),
  };
}
