import { parameterLayout, parameterMatrix } from '../field/field.ts';
import type { FieldSequence } from '../field/sequence.ts';
import { transformerLayer } from '../field/transformer-layer.ts';
import type { Backend } from '../kernels/backend.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import type { Blueprint, LayerPlan } from './architecture.ts';
import { embed, type ModelInput, normalised } from './embed.ts';
import { mapTokens } from './map-tokens.ts';
import { type Recognised, recognise } from './recognise.ts';
import { blockKey, namedWeights, readParameters, type Weights } from './weights.ts';

/** One layer with its weights. */
export interface LoadedLayer {
  readonly plan: LayerPlan;
  /** Layers of one shape share their field. */
  readonly field: FieldSequence;
  readonly parameters: Float64Array;
}

/** A checkpoint that runs: an embedding, a field with its parameters for each layer, what follows. Weights are read when asked for. */
export interface Model {
  readonly source: string;
  readonly recognised: Recognised;
  readonly blueprint: Blueprint;
  /** h⁰, n × d. @throws MesoscopeError as {@link embed} */
  embed(backend: Backend, input: ModelInput): Promise<Matrix>;
  /** Layer l, whose step of length 1 takes h^l to h^{l+1}. @throws MesoscopeError `file`, `shape-mismatch`, `not-finite` */
  layer(l: number): Promise<LoadedLayer>;
  /** The states after the last normalisation; the same where there is none. */
  finish(backend: Backend, states: Matrix): Promise<Matrix>;
  /** Logits of finished states, n × vocabulary; undefined for a model without them. */
  logits(backend: Backend, finished: Matrix): Promise<Matrix> | undefined;
}

/** Rows of the map to logits that are in memory at once. */
const slab = 4096;

/**
 * A checkpoint as a model: its architecture is recognised, its configuration checked; no weight is read yet.
 *
 * @throws MesoscopeError as {@link recognise}; `invalid-value`, `unknown-name` for layers that are not built
 */
export function openModel(given: Weights): Model {
  const recognised = recognise(given);
  const { blueprint, prefix } = recognised;
  const weights = namedWeights(given, prefix);
  const fields = new Map<string, FieldSequence>();
  let last: { readonly prefix: string; readonly layer: Promise<LoadedLayer> } | undefined;

  function fieldOf(plan: LayerPlan): FieldSequence {
    const key = JSON.stringify(plan.options);
    const field = fields.get(key) ?? transformerLayer(plan.options);
    fields.set(key, field);
    return field;
  }

  async function load(plan: LayerPlan): Promise<LoadedLayer> {
    const field = fieldOf(plan);
    return {
      plan,
      field,
      parameters: await readParameters(field.parameters, plan.weights, weights),
    };
  }

  async function logitsOf(backend: Backend, finished: Matrix, name: string): Promise<Matrix> {
    const table = weights.tensor(name);
    const [vocabulary, d] = table.shape;
    const result = zeros(finished.rows, vocabulary);
    for (let from = 0; from < vocabulary; from += slab) {
      const to = Math.min(vocabulary, from + slab);
      const layout = parameterLayout({ W: [to - from, d] });
      const rows = Float64Array.from(await table.readRows(from, to));
      const part = mapTokens(backend, finished, rows, to - from, (builder, x, theta) =>
        builder.product(parameterMatrix(layout, theta, 'W'), x),
      );
      for (let i = 0; i < part.rows; i++) {
        const row = part.data.subarray(i * part.columns, (i + 1) * part.columns);
        result.data.set(row, i * vocabulary + from);
      }
    }
    return result;
  }

  return {
    source: given.source,
    recognised,
    blueprint,
    embed: (backend, input) => embed(backend, blueprint, weights, input),
    layer(l) {
      const plan = blueprint.layer(l);
      if (last?.prefix !== plan.prefix) last = { prefix: plan.prefix, layer: load(plan) };
      return last.layer;
    },
    async finish(backend, states) {
      const { end } = blueprint;
      return end === undefined ? states : normalised(backend, end, weights, states);
    },
    logits(backend, finished) {
      const name = blueprint.head?.find((tensor) => weights.find(tensor) !== undefined);
      return name === undefined ? undefined : logitsOf(backend, finished, name);
    },
  };
}

/** The model with its layers changed as they are loaded; the last one is kept, as {@link openModel} keeps it. */
export function withLayers(
  model: Model,
  change: (layer: LoadedLayer, l: number) => LoadedLayer,
): Model {
  let last: { readonly l: number; readonly layer: Promise<LoadedLayer> } | undefined;
  return {
    ...model,
    layer(l) {
      if (last?.l !== l) last = { l, layer: model.layer(l).then((layer) => change(layer, l)) };
      return last.layer;
    },
  };
}

/** The numbers of a block, as `attention.Q`; undefined where the layer has none. They are the layer's own, not a copy. */
export function layerBlock({ field, parameters }: LoadedLayer, key: string): Matrix | undefined {
  const found = field.parameters.blocks.find(({ name }) => blockKey(name) === key);
  if (found === undefined) return undefined;
  const { rows, columns, offset } = found;
  return { rows, columns, data: parameters.subarray(offset, offset + rows * columns) };
}

/** A layer whose parts are 0, so that only its normalisations act. */
export function onlyNorms(layer: LoadedLayer): LoadedLayer {
  const parameters = layer.parameters.slice();
  for (const { name, rows, columns, offset } of layer.field.parameters.blocks) {
    if (!/\.norm\.(gain|bias)$/.test(name)) parameters.fill(0, offset, offset + rows * columns);
  }
  return { ...layer, parameters };
}
