import { sizeOf } from '../../../formats/arrays.ts';
import type { Tensor } from '../../tensor.ts';
import type { OnnxModel, OnnxNode } from './model.ts';

type Settings = Record<string, unknown>;

/**
 * What an ONNX model says about itself, under the keys of Hugging Face's config.json: its kind by the names of its
 * tensors, its sizes by their shapes, heads and ε by its computation. What cannot be told is left out.
 *
 * @param tensors - under the names of PyTorch
 */
export async function readSettings(
  model: OnnxModel,
  tensors: ReadonlyMap<string, Tensor>,
): Promise<Settings> {
  const find = (ending: RegExp) => [...tensors.values()].find(({ name }) => ending.test(name));
  const layers = [...tensors.keys()].flatMap((name) => {
    const layer = name.match(/\b(?:layer|layers|h)\.(\d+)\./)?.[1];
    return layer === undefined ? [] : [Number(layer)];
  });
  const kind = kinds.find(([ending]) => find(ending) !== undefined)?.[1];
  const query = find(/\bquery\.weight$/);
  const settings: Settings = {
    model_type: kind,
    num_hidden_layers: layers.length > 0 ? 1 + Math.max(...layers) : undefined,
    hidden_size: query?.shape[1],
    num_attention_heads: query && (await headsOf(model, query.shape[0])),
    intermediate_size: find(/\b(intermediate\.dense|mlp\.fc1)\.weight$/)?.shape[0],
    layer_norm_eps: await epsilonOf(model),
    hidden_act: model.nodes.some(({ operator }) => operator === 'Erf') ? 'gelu' : undefined,
    vocab_size: find(/\bword_embeddings\.weight$/)?.shape[0],
    max_position_embeddings: find(/\bposition_embeddings\.weight$/)?.shape[0],
    type_vocab_size: find(/\btoken_type_embeddings\.weight$/)?.shape[0],
    patch_size: find(/\bpatch_embeddings\.projection\.weight$/)?.shape[2],
    num_channels: find(/\bpatch_embeddings\.projection\.weight$/)?.shape[1],
    image_size: [...model.inputs.values()].find((shape) => shape.length === 4)?.[3],
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

/** Kinds of models by a tensor that only they have. */
const kinds: readonly (readonly [RegExp, string])[] = [
  [/\blayer_scale1\.lambda1$/, 'dinov2'],
  [/\blayernorm_before\.weight$/, 'vit'],
  [/\blayer\.\d+\.attention\.self\.query\.weight$/, 'bert'],
];

/** Heads: the queries are reshaped to … × heads × entries, by a constant or by a list that ends in two. */
async function headsOf(
  { nodes, constants }: OnnxModel,
  width: number,
): Promise<number | undefined> {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const added = nodes.find(
    ({ operator, inputs }) =>
      operator === 'Add' && inputs.some((name) => /\bquery\.bias$/.test(name)),
  );
  const reshape = nodes.find(
    ({ operator, inputs }) => operator === 'Reshape' && inputs[0] === added?.outputs[0],
  );
  if (reshape === undefined) return undefined;
  const whole = constants.get(reshape.inputs[1]);
  const parts = whole === undefined ? (producers.get(reshape.inputs[1])?.inputs ?? []) : [];
  const last = parts.slice(-2).flatMap((name) => constants.get(name) ?? []);
  const numbers = await Promise.all(
    (whole === undefined ? last : [whole]).map((one) => one.read()),
  );
  const [heads, entries] = numbers.flatMap((list) => [...list]).slice(-2);
  return heads > 0 ? heads : entries > 0 ? width / entries : undefined;
}

/** ε of the first normalisation: an attribute, or the number added under a square root. */
async function epsilonOf({ nodes, constants }: OnnxModel): Promise<number | undefined> {
  const norm = nodes.find(({ operator }) => operator === 'LayerNormalization');
  if (norm !== undefined) return norm.numbers.get('epsilon') ?? 1e-5;
  const root: OnnxNode | undefined = nodes.find(({ operator }) => operator === 'Sqrt');
  const sum = nodes.find(
    ({ operator, outputs }) => operator === 'Add' && outputs[0] === root?.inputs[0],
  );
  const added = sum?.inputs.flatMap((name) => constants.get(name) ?? [])[0];
  return added !== undefined && sizeOf(added.shape) === 1 ? (await added.read())[0] : undefined;
}
