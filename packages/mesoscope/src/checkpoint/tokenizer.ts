import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { unreadable } from './refusal.ts';

/** Text to token ids and back. */
export interface Tokenizer {
  /** Words of the vocabulary, added ones included. */
  readonly size: number;
  /** Ids of a text with the special tokens that the model expects around it; never padded or cut. */
  encode(text: string): number[];
  decode(ids: readonly number[]): string;
}

/** A tokeniser that has been found and not yet been loaded. */
export interface TokenizerSource {
  /** What it is made of: `tokenizer.json`. */
  readonly from: string;
  /** @throws MesoscopeError `file` */
  load(): Promise<Tokenizer>;
}

/**
 * A tokeniser from the content of a tokenizer.json, by `@huggingface/tokenizers`.
 *
 * @throws MesoscopeError `file` if it is of a kind that is not known there
 */
export function tokenizerOf(json: object, settings: object, path: string): Tokenizer {
  try {
    const tokenizer = new HuggingFaceTokenizer(json, settings);
    return {
      size: tokenizer.get_vocab().size,
      encode: (text) => tokenizer.encode(text).ids,
      decode: (ids) => tokenizer.decode([...ids]),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(path, `it is no tokeniser that can be read (${reason})`);
  }
}
