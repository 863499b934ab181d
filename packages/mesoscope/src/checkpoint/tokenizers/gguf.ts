import { preview } from '../../errors.ts';
import { unreadable } from '../refusal.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { bytePairTokenizer } from './byte-pairs.ts';

/** How texts are cut before pairs are joined, by llama.cpp's name: whether digits stand alone. */
const splittings: ReadonlyMap<unknown, { readonly splitDigits: boolean }> = new Map([
  ['gpt-2', { splitDigits: false }],
  ['smollm', { splitDigits: true }],
]);

/** Types of words in llama.cpp that are never split: control words and those that users added. */
const specialTypes: ReadonlySet<unknown> = new Set([3, 4]);

/**
 * The tokeniser that a GGUF file carries.
 *
 * @throws MesoscopeError `file` for one that cuts texts in a way that is not known here
 */
export function ggufTokenizer(metadata: ReadonlyMap<string, unknown>, path: string): Tokenizer {
  const setting = (name: string) => metadata.get(`tokenizer.ggml.${name}`);
  const wayOut = 'Put the model’s tokenizer.json beside it.';
  const model = setting('model');
  if (model !== 'gpt2') {
    throw unreadable(path, `its tokeniser is ${preview(model)}, which is not read here`, wayOut);
  }
  const splitting = splittings.get(setting('pre'));
  if (splitting === undefined) {
    const reason = `its tokeniser cuts texts by ${preview(setting('pre'))}, which is not known here`;
    throw unreadable(path, reason, wayOut);
  }
  const [words, merges, wordTypes] = ['tokens', 'merges', 'token_type'].map(setting);
  if (!isTexts(words) || !isTexts(merges)) {
    throw unreadable(path, 'the words of its tokeniser are missing', wayOut);
  }
  const types = Array.isArray(wordTypes) ? wordTypes : [];
  const special = new Set(words.filter((_, id) => specialTypes.has(types[id])));
  const pairs = { words, merges, special, splitDigits: splitting.splitDigits };
  const first = words[Number(setting('bos_token_id'))];
  const begins = setting('add_bos_token') === true && first !== undefined;
  return bytePairTokenizer(begins ? { ...pairs, first } : pairs, path);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
