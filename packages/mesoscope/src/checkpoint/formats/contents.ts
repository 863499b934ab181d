import type { Tensor } from '../tensor.ts';
import type { Tokenizer } from '../tokenizer.ts';

/** What a file of weights says about a model. */
export interface Contents {
  readonly tensors: readonly Tensor[];
  /** Settings of the model, in formats that carry them. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What was changed in reading, one sentence each. */
  readonly notes?: readonly string[];
  readonly licence?: string | undefined;
  /** Its tokeniser, in formats that carry one. */
  readonly tokenizer?: (() => Tokenizer) | undefined;
}
