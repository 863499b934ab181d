import { describe, expect, it } from 'vitest';
import { tokenizerOf } from '../tokenizer.ts';
import { bytePairTokenizer } from './byte-pairs.ts';
import { ggufTokenizer } from './gguf.ts';
import { symbolTokenizer, wordPieceTokenizer } from './vocabulary.ts';

describe('symbols', () => {
  const words = [
    '[PAD]',
    '[UNK]',
    '[CLS]',
    '[SEP]',
    'C',
    'l',
    'Cl',
    '>>',
    '>',
    '[C@H]',
    '%12',
    '(',
  ];

  it('are brackets, then the longest words, then characters', () => {
    const { encode, decode, size } = symbolTokenizer(words, false);
    expect(encode('CCl>>[C@H]%12 (')).toEqual([4, 6, 7, 9, 10, 11]);
    expect(decode([4, 6, 7, 9])).toBe('CCl>>[C@H]');
    expect(size).toBe(words.length);
  });

  it('are [UNK] where the vocabulary lacks them', () => {
    expect(symbolTokenizer(words, false).encode('[Xe]Z%13')).toEqual([1, 1, 1]);
  });

  it('are framed for models that read both ways', () => {
    expect(symbolTokenizer(words, true).encode('C')).toEqual([2, 4, 3]);
  });
});

describe('word pieces', () => {
  const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'token', '##iser', 'a', ',', 'Ab'];

  it('are the longest from the left, lower case, accents off', () => {
    const { encode, decode } = wordPieceTokenizer(words, true, 'vocab.txt');
    expect(encode('Tókeniser, A [MASK] xyz')).toEqual([2, 5, 6, 8, 7, 4, 1, 3]);
    expect(decode([5, 6, 8])).toBe('tokeniser,');
  });

  it('keep their case where the model does', () => {
    expect(wordPieceTokenizer(words, false, 'vocab.txt').encode('Ab ab')).toEqual([2, 9, 1, 3]);
  });
});

describe('byte pairs', () => {
  const words = ['<|end|>', 'Ġ', 'a', 'b', 'ab', 'Ġab', '1', '12', 'Ã', '©'];
  const merges = ['a b', 'Ġ ab', '1 2'];
  const pairs = {
    words: [...words, '2'],
    merges,
    special: new Set(['<|end|>']),
    splitDigits: false,
  };

  it('are joined in their order, bytes of UTF-8 first', () => {
    const { encode, decode } = bytePairTokenizer(pairs, 'x');
    expect(encode('ab ab12é<|end|>')).toEqual([4, 5, 7, 8, 9, 0]);
    expect(decode([4, 5, 8, 9])).toBe('ab abé');
  });

  it('leave digits alone where the model does', () => {
    expect(bytePairTokenizer({ ...pairs, splitDigits: true }, 'x').encode('12')).toEqual([6, 10]);
  });
});

describe('what is not known is refused', () => {
  const settings = (changes: Readonly<Record<string, unknown>>) =>
    new Map(
      Object.entries({
        model: 'gpt2',
        pre: 'gpt-2',
        tokens: ['a'],
        merges: [],
        token_type: [1],
        ...changes,
      }).map(([key, value]) => [`tokenizer.ggml.${key}`, value]),
    );

  it.each([
    ['SentencePiece', { model: 'llama' }, 'its tokeniser is "llama", which is not read here'],
    ['another way of cutting', { pre: 'qwen2' }, 'cuts texts by "qwen2", which is not known here'],
    ['no words', { tokens: undefined }, 'the words of its tokeniser are missing'],
  ])('%s in GGUF', (_, changes, sentence) => {
    expect(() => ggufTokenizer(settings(changes), 'x.gguf')).toThrow(sentence);
  });

  it('a tokenizer.json of another kind', () => {
    expect(() => tokenizerOf({ model: { type: 'Mystery' } }, {}, 'tokenizer.json')).toThrow(
      'tokenizer.json: it is no tokeniser that can be read',
    );
  });
});
