import { unreadable } from '../refusal.ts';
import { computedTensor, type Tensor } from '../tensor.ts';
import { ggufTokenizer } from '../tokenizers/gguf.ts';
import type { Numbers } from './codec.ts';
import type { Contents } from './contents.ts';
import type { Gguf } from './gguf.ts';

/** What llama.cpp calls the tensors of a Llama, and what Hugging Face does. */
const names: readonly (readonly [RegExp, string])[] = [
  [/^token_embd\./, 'model.embed_tokens.'],
  [/^output_norm\./, 'model.norm.'],
  [/^output\./, 'lm_head.'],
  [/^blk\.(\d+)\.attn_norm\./, 'model.layers.$1.input_layernorm.'],
  [/^blk\.(\d+)\.attn_(q|k|v)\./, 'model.layers.$1.self_attn.$2_proj.'],
  [/^blk\.(\d+)\.attn_output\./, 'model.layers.$1.self_attn.o_proj.'],
  [/^blk\.(\d+)\.ffn_norm\./, 'model.layers.$1.post_attention_layernorm.'],
  [/^blk\.(\d+)\.ffn_(gate|up|down)\./, 'model.layers.$1.mlp.$2_proj.'],
];

/** Settings of llama.cpp under the keys of Hugging Face's `LlamaConfig`. */
const keys: Readonly<Record<string, string>> = {
  vocab_size: 'vocab_size',
  context_length: 'max_position_embeddings',
  embedding_length: 'hidden_size',
  feed_forward_length: 'intermediate_size',
  block_count: 'num_hidden_layers',
  'attention.head_count': 'num_attention_heads',
  'attention.head_count_kv': 'num_key_value_heads',
  'attention.key_length': 'head_dim',
  'attention.layer_norm_rms_epsilon': 'rms_norm_eps',
  'rope.freq_base': 'rope_theta',
};

/**
 * The tensors and settings of a GGUF file under the names of Hugging Face where it holds a Llama, else under its own.
 * llama.cpp stores the rows of Q and K so that the rotary map acts on neighbours (2i, 2i + 1); they are put back to the
 * two halves (i, i + k/2) of Hugging Face.
 *
 * @throws MesoscopeError `file` for rows that do not divide into heads, and for a part of a model in several files
 */
export function describeGguf({ metadata, tensors }: Gguf, path: string): Contents {
  const parts = Number(metadata.get('split.count') ?? 1);
  if (parts > 1) {
    const wayOut = 'Join them: llama-gguf-split --merge.';
    throw unreadable(path, `it is one of ${parts} parts of a model`, wayOut);
  }
  const licence = metadata.get('general.license');
  const common = {
    licence: licence === undefined ? undefined : `${String(licence)} (${path})`,
    tokenizer: metadata.has('tokenizer.ggml.model')
      ? () => ggufTokenizer(metadata, path)
      : undefined,
  };
  const architecture = String(metadata.get('general.architecture'));
  if (architecture !== 'llama') {
    const settings = [...metadata].filter(([name]) => !name.startsWith('tokenizer.'));
    const config = { model_type: architecture, ...Object.fromEntries(settings) };
    const note = `names and settings are those of llama.cpp: no table here for "${architecture}"`;
    return { ...common, tensors, config, notes: [note] };
  }
  const config = llamaConfig(metadata, tensors);
  const heads = { q: Number(config.num_attention_heads), k: Number(config.num_key_value_heads) };
  const renamed = tensors.map((tensor) => {
    const kind = tensor.name.match(/\.attn_(q|k)\./)?.[1];
    const name = names.reduce((text, [theirs, ours]) => text.replace(theirs, ours), tensor.name);
    const named = { ...tensor, name };
    return kind === 'q' || kind === 'k' ? withHalves(named, heads[kind], path) : named;
  });
  const note = 'rows of Q and K were put back from the pairs of llama.cpp to halves';
  return { ...common, tensors: renamed, config, notes: [note] };
}

function llamaConfig(metadata: ReadonlyMap<string, unknown>, tensors: readonly Tensor[]) {
  const config: Record<string, unknown> = { model_type: 'llama', hidden_act: 'silu' };
  for (const [name, key] of Object.entries(keys)) {
    const value = metadata.get(`llama.${name}`);
    if (value !== undefined) config[key] = value;
  }
  config.num_key_value_heads ??= config.num_attention_heads;
  const has = (name: string) => tensors.some((tensor) => tensor.name === name);
  config.tie_word_embeddings = !has('output.weight');
  const scaling = has('rope_freqs.weight') ? 'llama3' : metadata.get('llama.rope.scaling.type');
  if (scaling !== undefined && scaling !== 'none') config.rope_scaling = { rope_type: scaling };
  return config;
}

/** Rows (head, i, half) in the order (head, half, i). */
function withHalves(tensor: Tensor, heads: number, path: string): Tensor {
  const [rows] = tensor.shape;
  const half = rows / heads / 2;
  if (!Number.isInteger(half)) {
    throw unreadable(
      path,
      `tensor "${tensor.name}" has ${rows} rows, which ${heads} heads cannot share`,
    );
  }
  return computedTensor(tensor, async () => {
    const stored = await tensor.read();
    const width = stored.length / rows;
    const ordered: Numbers = stored.slice();
    for (let row = 0; row < rows; row++) {
      const head = Math.floor(row / (2 * half));
      const place = row % (2 * half);
      const from = 2 * half * head + 2 * (place % half) + Math.floor(place / half);
      ordered.set(stored.subarray(from * width, (from + 1) * width), row * width);
    }
    return ordered;
  });
}
