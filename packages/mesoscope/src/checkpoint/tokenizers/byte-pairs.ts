import { type Tokenizer, tokenizerOf } from '../tokenizer.ts';

/** What a tokeniser of byte pairs consists of. */
export interface BytePairs {
  /** Words in the order of their ids. */
  readonly words: readonly string[];
  /** Pairs in the order in which they are joined: `Ġ t`. */
  readonly merges: readonly string[];
  /** Words that stand for themselves in a text and are never split. */
  readonly special: ReadonlySet<string>;
  /** Whether each digit is a word of its own. */
  readonly splitDigits: boolean;
  /** Put before every text. */
  readonly first?: string;
}

/** GPT-2's tokeniser with other words (Radford et al. 2019, byte-level byte pair encoding). */
export function bytePairTokenizer(pairs: BytePairs, path: string): Tokenizer {
  const { words, merges, special, splitDigits, first } = pairs;
  const ids = new Map(words.map((word, id) => [word, id]));
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
  const split = { ...byteLevel, use_regex: true };
  const digits = { type: 'Digits', individual_digits: true };
  const added = [...special].map((content) => ({ id: ids.get(content), content, ...plain }));
  const json = {
    version: '1.0',
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: splitDigits ? { type: 'Sequence', pretokenizers: [digits, split] } : split,
    post_processor: first === undefined ? null : beginningWith(first, ids),
    decoder: byteLevel,
    model: { type: 'BPE', vocab: Object.fromEntries(ids), merges, unk_token: null },
  };
  return tokenizerOf(json, {}, path);
}

/** How an added word is looked for: as it stands. */
export const plain = {
  special: true,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
};

function beginningWith(word: string, ids: ReadonlyMap<string, number>) {
  const specialToken = { SpecialToken: { id: word, type_id: 0 } };
  return {
    type: 'TemplateProcessing',
    single: [specialToken, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { [word]: { id: word, ids: [ids.get(word)], tokens: [word] } },
  };
}
