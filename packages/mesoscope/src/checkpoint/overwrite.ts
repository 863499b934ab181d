import type { FieldSequence } from '../field/sequence.ts';
import { type TransformerLayerOptions, transformerLayer } from '../field/transformer-layer.ts';
import type { Matrix } from '../numeric/matrix.ts';
import type { Blueprint, LayerPlan } from './architecture.ts';
import { type LoadedLayer, layerBlock, type Model } from './model.ts';
import { blockKey } from './weights.ts';

/** What is prescribed in every layer in place of what was trained. */
export interface Overwrite {
  /** K = ±Q, without biases. */
  readonly K?: 'own' | 'Q' | '-Q';
  /** `±(1/H) Σ_h ȳ_h` in place of `Σ_h O_h V_h ȳ_h`: V = ±I, the mean over heads. */
  readonly V?: 'own' | 'I' | '-I';
  /** `off`: parts see the tokens as they are, and nothing is normalised at the end. */
  readonly norm?: 'own' | 'off';
  /** `off`: attention alone. */
  readonly feedForward?: 'own' | 'off';
}

/**
 * A model with prescribed matrices: with `K = ±Q, V = ±I, norm = off, feedForward = off` a layer is
 * `x_i ← x_i ± (1/H) Σ_h Σ_j P^h_ij x_j`, the experiment of arXiv 2606.07600 on the queries of a trained model. Keys and values
 * that heads share are repeated.
 */
export function overwritten(model: Model, overwrite: Overwrite): Model {
  const { norm = 'own' } = overwrite;
  const { end, ...rest } = model.blueprint;
  const planned = (plan: LayerPlan): LayerPlan => ({
    ...plan,
    options: overwrittenOptions(plan.options, overwrite),
  });
  const inner = { ...rest, layer: (l: number) => planned(model.blueprint.layer(l)) };
  const blueprint: Blueprint = norm === 'off' || end === undefined ? inner : { ...inner, end };
  const fields = new Map<string, FieldSequence>();
  return {
    ...model,
    blueprint,
    async layer(l) {
      const own = await model.layer(l);
      const plan = planned(own.plan);
      const key = JSON.stringify(plan.options);
      const field = fields.get(key) ?? transformerLayer(plan.options);
      fields.set(key, field);
      return overwrittenLayer(own, { plan, field }, overwrite);
    },
    finish: norm === 'off' ? async (_, states) => states : model.finish,
  };
}

function overwrittenOptions(
  options: TransformerLayerOptions,
  { V = 'own', norm = 'own' }: Overwrite,
): TransformerLayerOptions {
  const { keyHeads: _, output, valueDimension, combine, ...attention } = options.attention;
  const { normalisation, attentionNormalisation = normalisation, ...rest } = options;
  const value =
    V === 'own'
      ? { output: output ?? false, combine: combine ?? 'sum' }
      : ({ output: false, combine: 'mean' } as const);
  const width = V === 'own' && valueDimension !== undefined ? { valueDimension } : {};
  return {
    ...rest,
    normalisation: norm === 'off' ? 'none' : normalisation,
    attentionNormalisation: norm === 'off' ? 'none' : attentionNormalisation,
    attention: { ...attention, ...value, ...width },
  };
}

function overwrittenLayer(
  own: LoadedLayer,
  { plan, field }: Pick<LoadedLayer, 'plan' | 'field'>,
  { K = 'own', V = 'own', feedForward = 'own' }: Overwrite,
): LoadedLayer {
  const layer = { plan, field, parameters: new Float64Array(field.parameters.length) };
  const { heads, keyHeads = heads } = own.plan.options.attention;
  for (const { name } of field.parameters.blocks) {
    const key = blockKey(name);
    const into = layerBlock(layer, key);
    const from = layerBlock(own, key);
    if (into === undefined) continue;
    const word = key.replace('attention.', '');
    if (feedForward === 'off' && /^feedForward\.(W2|b2)$/.test(key)) continue;
    if (K !== 'own' && /^b[QK]$/.test(word)) continue;
    if (V !== 'own' && word === 'bV') continue;
    if (K !== 'own' && word === 'K') {
      const sign = K === 'Q' ? 1 : -1;
      layerBlock(own, 'attention.Q')?.data.forEach((x, k) => {
        into.data[k] = sign * x;
      });
    } else if (V !== 'own' && word === 'V') fillIdentities(into, V === 'I' ? 1 : -1);
    else if (V !== 'own' && word === 'scale') into.data.fill(1);
    else if (from !== undefined) repeatGroups(into, from, keyHeads);
  }
  return layer;
}

/** ±I for each head. */
function fillIdentities({ rows, columns, data }: Matrix, sign: number): void {
  for (let row = 0; row < rows; row++) data[row * columns + (row % columns)] = sign;
}

/** The rows of each head's keys or values, for all the heads of its group: blocks of one size are copied. */
function repeatGroups(into: Matrix, from: Matrix, keyHeads: number): void {
  if (into.rows === from.rows) {
    into.data.set(from.data);
    return;
  }
  const size = from.data.length / keyHeads;
  const times = into.rows / from.rows;
  for (let group = 0; group < keyHeads; group++) {
    const rows = from.data.subarray(group * size, (group + 1) * size);
    for (let k = 0; k < times; k++) into.data.set(rows, (group * times + k) * size);
  }
}
