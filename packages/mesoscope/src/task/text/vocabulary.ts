import { MesoscopeError } from '../../errors.ts';
import { refuse } from '../../numeric/checks.ts';

/** The class of every character that has no class of its own, shown as U+FFFD. */
export const rareCharacter = '\uFFFD';

/** Characters as classes 0 … C−1. A character is a Unicode code point; case is kept. */
export interface CharacterVocabulary {
  /** The character of each class; the last is {@link rareCharacter}. */
  readonly classes: readonly string[];
  /** Classes of a text's characters, one for each code point. */
  encode(text: string): Int32Array<ArrayBuffer>;
  /** The text of classes. */
  decode(classes: ArrayLike<number>): string;
}

export interface CharacterVocabularyOptions {
  /** Upper bound of C, the class of rare characters included; default 64, at least 2. */
  readonly maximumClasses?: number;
}

/**
 * The most frequent characters of a text as classes, in order of code points; every other character falls into
 * one last class for rare ones, which exists even if the text has none (other texts may). Equal frequencies: the
 * smaller code point wins. Case is kept: folding it would make the task another, easier one.
 *
 * @throws MesoscopeError `invalid-value`: no text, or maximumClasses not an integer ≥ 2
 */
export function characterVocabulary(
  text: string,
  options: CharacterVocabularyOptions = {},
): CharacterVocabulary {
  const maximumClasses = options.maximumClasses ?? 64;
  if (!Number.isInteger(maximumClasses) || maximumClasses < 2) {
    refuse('maximumClasses', maximumClasses, 'an integer of at least 2');
  }
  if (text.length === 0) throw emptyCorpus();
  const frequency = new Map<string, number>();
  for (const character of text) frequency.set(character, (frequency.get(character) ?? 0) + 1);
  frequency.delete(rareCharacter);
  const kept = [...frequency]
    .sort(([a, countA], [b, countB]) => countB - countA || codePoint(a) - codePoint(b))
    .slice(0, maximumClasses - 1)
    .map(([character]) => character)
    .sort((a, b) => codePoint(a) - codePoint(b));
  return vocabularyOf([...kept, rareCharacter]);
}

/** The vocabulary whose classes are these characters; the last stands for all others. */
export function vocabularyOf(classes: readonly string[]): CharacterVocabulary {
  const classOf = new Map(classes.map((character, index) => [character, index]));
  const rare = classes.length - 1;
  return {
    classes,
    encode: (text) => Int32Array.from([...text], (character) => classOf.get(character) ?? rare),
    decode: (indices) => Array.from(indices, (index) => classes[index]).join(''),
  };
}

export function emptyCorpus(): MesoscopeError {
  return new MesoscopeError({
    code: 'invalid-value',
    path: 'corpus',
    received: '',
    expected: 'a text with at least one character that is not white space',
  });
}

function codePoint(character: string): number {
  return character.codePointAt(0) as number;
}
