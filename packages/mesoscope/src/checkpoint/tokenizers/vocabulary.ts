import { type RandomAccess, readWhole } from '../files.ts';
import { unreadable } from '../refusal.ts';
import { type Tokenizer, tokenizerOf } from '../tokenizer.ts';
import { plain } from './byte-pairs.ts';

/** Bytes that a vocabulary may have. */
const longestVocabulary = 2 ** 25;

/** Words in the order of their ids, one a line. @throws MesoscopeError `file` */
export async function readVocabulary(file: RandomAccess): Promise<string[]> {
  if (file.size > longestVocabulary) throw unreadable(file.path, 'it is no vocabulary: too long');
  const text = new TextDecoder().decode(await readWhole(file));
  return text.replace(/\r?\n$/, '').split(/\r?\n/);
}

/**
 * BERT's tokeniser: words are cut into the longest pieces of the vocabulary, those after the first marked by `##`
 * (Devlin et al. 2018).
 */
export function wordPieceTokenizer(
  words: readonly string[],
  lowercase: boolean,
  path: string,
): Tokenizer {
  const vocab = Object.fromEntries(words.map((word, id) => [word, id]));
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].filter((word) => word in vocab);
  const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const text = { Sequence: { id: 'A', type_id: 0 } };
  const described = (id: string) => [id, { id, ids: [vocab[id]], tokens: [id] }];
  const json = {
    version: '1.0',
    added_tokens: special.map((content) => ({ id: vocab[content], content, ...plain })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [token('[CLS]'), text, token('[SEP]')],
      pair: [],
      special_tokens: Object.fromEntries(['[CLS]', '[SEP]'].map(described)),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
  return tokenizerOf(json, {}, path);
}

/**
 * The tokeniser of a vocabulary of symbols, as of molecules (SMILES) and proteins: what stands in brackets is one word, then
 * come the longest words of the vocabulary, then single characters. Unknown ones are `[UNK]`.
 *
 * @param framed - whether `[CLS]` and `[SEP]` stand around a text
 */
export function symbolTokenizer(words: readonly string[], framed: boolean): Tokenizer {
  const ids = new Map(words.map((word, id) => [word, id]));
  const long = words.filter((word) => word.length > 1 && !word.startsWith('['));
  long.sort((a, b) => b.length - a.length);
  const escaped = long.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  const symbol = new RegExp(['\\[[^\\]\\s]+\\]', '%\\d\\d', ...escaped, '\\S'].join('|'), 'gu');
  const unknown = ids.get('[UNK]') ?? 0;
  const [opening, closing] = ['[CLS]', '[SEP]'].map((word) => ids.get(word) ?? []);
  return {
    size: words.length,
    encode(text) {
      const inner = (text.match(symbol) ?? []).map((word) => ids.get(word) ?? unknown);
      return framed ? [opening, inner, closing].flat() : inner;
    },
    decode: (list) => list.map((id) => words[id] ?? '[UNK]').join(''),
  };
}
