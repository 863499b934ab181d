import type { Tensor } from './tensor.ts';
import type { TokenizerSource } from './tokenizer.ts';

/** Formats in which checkpoints come. */
export type CheckpointFormat = 'safetensors' | 'pytorch' | 'onnx' | 'gguf';

/** A trained model as its files hold it; its weights are not read yet. */
export interface Checkpoint {
  /** As messages name it. */
  readonly source: string;
  readonly format: CheckpointFormat;
  /** Under the keys of Hugging Face's config.json, whatever the format; empty where nothing is said. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By their names in the file, prefixes such as `bert.` included; in the order of the file. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** What the folder says about its licence, and where. */
  readonly licence: string | undefined;
  readonly tokenizer: TokenizerSource | undefined;
  /** How images are prepared: preprocessor_config.json, where there is one. */
  readonly processor: Readonly<Record<string, unknown>> | undefined;
  /** What was changed in reading, one sentence each. */
  readonly notes: readonly string[];
}
