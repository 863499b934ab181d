import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { type Folder, fileAbove } from './files.ts';
import { readJsonObject } from './json-file.ts';
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

/** The tokeniser of a checkpoint in the folder `at`; undefined where none is found there or above. */
export function findTokenizer(folder: Folder, at: string): TokenizerSource | undefined {
  const file = fileAbove(folder, at, 'tokenizer.json');
  if (file === undefined) return undefined;
  return {
    from: file.path,
    async load() {
      const settings = fileAbove(folder, at, 'tokenizer_config.json');
      const settingsJson = settings === undefined ? {} : await readJsonObject(settings);
      return tokenizerOf(await readJsonObject(file), settingsJson, file.path);
    },
  };
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
