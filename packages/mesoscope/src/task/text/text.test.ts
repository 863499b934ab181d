import { describe, expect, it } from 'vitest';
import { bigramBits, fitBigram } from './bigram.ts';
import { cleanText, evenStarts, prepareCorpus, sequencesAt } from './corpus.ts';
import { characterVocabulary, rareCharacter } from './vocabulary.ts';

const prose = 'Call me Ishmael. Some years ago, never mind how long precisely. '.repeat(20);

describe('characterVocabulary', () => {
  it('keeps the most frequent characters and maps the others to one class', () => {
    const vocabulary = characterVocabulary('aaaabbbccd', { maximumClasses: 3 });
    expect(vocabulary.classes).toEqual(['a', 'b', rareCharacter]);
    expect([...vocabulary.encode('dab🐋')]).toEqual([2, 0, 1, 2]);
    expect(vocabulary.decode([0, 1, 2])).toBe(`ab${rareCharacter}`);
  });

  it('counts code points, keeps case, and breaks ties by code point', () => {
    const vocabulary = characterVocabulary('🐋aA', { maximumClasses: 3 });
    expect(vocabulary.classes).toEqual(['A', 'a', rareCharacter]);
    expect(characterVocabulary('🐋🐋').encode('🐋')).toHaveLength(1);
  });

  it('refuses no text and too few classes', () => {
    expect(() => characterVocabulary('')).toThrow(/corpus/);
    expect(() => characterVocabulary('a', { maximumClasses: 1 })).toThrow(/maximumClasses/);
  });
});

describe('prepareCorpus', () => {
  it('cleans white space and splits without overlap or loss', () => {
    const corpus = prepareCorpus(` \n${prose}\t\n`, { context: 16 });
    const { vocabulary } = corpus;
    const cleaned = cleanText(prose);
    const parts = [corpus.heldOut, corpus.training, corpus.validation];
    expect(parts.map((part) => vocabulary.decode(part)).join('')).toBe(cleaned);
    expect(corpus.heldOut.length / cleaned.length).toBeCloseTo(0.1, 2);
    expect(corpus.validation.length).toBe(corpus.heldOut.length);
  });

  it('builds its classes from the training part alone', () => {
    const corpus = prepareCorpus(`${'z'.repeat(20)}${'ab'.repeat(80)}${'z'.repeat(20)}`, {
      context: 4,
    });
    expect(corpus.vocabulary.classes).toEqual(['a', 'b', rareCharacter]);
    expect(new Set([...corpus.heldOut, ...corpus.validation])).toEqual(new Set([2]));
  });

  it.each([
    ['', 4, /corpus/],
    [' \n\t ', 4, /corpus/],
    ['short text', 4, /context/],
    [prose, 1000, /context/],
    [prose, 0, /context/],
  ])('refuses %j with context %i', (text, context, message) => {
    expect(() => prepareCorpus(text, { context })).toThrow(message);
  });

  it('predicts each held-out character but the first at most once', () => {
    const classes = Int32Array.from({ length: 34 }, (_, i) => i);
    const starts = evenStarts(classes, 8);
    const batch = sequencesAt(classes, starts, 8);
    expect([...batch.labels]).toEqual(Array.from({ length: 32 }, (_, i) => i + 1));
    expect([...evenStarts(classes, 8, 2)]).toEqual([0, 16]);
  });
});

describe('bigram', () => {
  it('reproduces the formula on counts made by hand', () => {
    // Pairs of 0 0 1 0 0 1: (0,0) twice, (0,1) twice, (1,0) once; N = 6, C = 2, q = (5/8, 3/8).
    const { alpha, probabilities } = fitBigram([0, 0, 1, 0, 0, 1], 2);
    expect(probabilities[0]).toBeCloseTo((2 + (alpha * 5) / 8) / (4 + alpha), 14);
    expect(probabilities[2]).toBeCloseTo((1 + (alpha * 5) / 8) / (1 + alpha), 14);
    expect(probabilities[0] + probabilities[1]).toBeCloseTo(1, 14);
  });

  it('comes to the entropy rate of a Markov chain whose law is known', () => {
    // After 0: 0 or 1 with probability ½; after 1: always 0. Stationary law (2/3, 1/3), entropy rate 2/3 bit.
    let state = 12345;
    const draw = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const chain = [0];
    while (chain.length < 40001) chain.push(chain[chain.length - 1] === 0 && draw() < 0.5 ? 1 : 0);
    const model = fitBigram(chain.slice(0, 20001), 2);
    const bits = bigramBits(model, chain.slice(20000, 40000), chain.slice(20001));
    expect(Math.abs(bits - 2 / 3)).toBeLessThan(0.01);
  });

  it('smooths strongly where pairs tell nothing, weakly where they tell all', () => {
    let state = 1;
    const noise = Array.from({ length: 4000 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * 16);
    });
    const cycle = Array.from({ length: 4000 }, (_, i) => i % 16);
    expect(fitBigram(noise, 16).alpha).toBeGreaterThan(100);
    expect(fitBigram(cycle, 16).alpha).toBeLessThan(0.1);
  });

  it('gives finite bits to pairs that training never saw', () => {
    const model = fitBigram([0, 1, 0, 1], 4);
    expect(bigramBits(model, [3], [2])).toBeLessThan(10);
  });
});
