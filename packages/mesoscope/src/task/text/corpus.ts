import { refuse } from '../../numeric/checks.ts';
import {
  type CharacterVocabulary,
  type CharacterVocabularyOptions,
  characterVocabulary,
  emptyCorpus,
} from './vocabulary.ts';

/** A text as classes, cut into three contiguous parts: held out, training, validation. */
export interface Corpus {
  /** Built from the training part alone. */
  readonly vocabulary: CharacterVocabulary;
  readonly training: Int32Array<ArrayBuffer>;
  /** The end of the text: watched during training, and what the preset was chosen on. */
  readonly validation: Int32Array<ArrayBuffer>;
  /** The beginning of the text: nothing was chosen on it; final numbers are measured here. */
  readonly heldOut: Int32Array<ArrayBuffer>;
}

export interface CorpusOptions extends CharacterVocabularyOptions {
  /** n: the characters a prediction may see at most. Every part must hold n + 1 characters. */
  readonly context: number;
  /** Fraction of the text at its beginning that is held out, and at its end for validation; default 0.1. */
  readonly heldOutFraction?: number;
}

/** Every run of white space becomes one blank, none at the ends: line breaks of an edition are not prose. */
export function cleanText(text: string): string {
  return text.replace(/\s+/gu, ' ').trim();
}

/**
 * Cleans a text ({@link cleanText}) and cuts it in three contiguous parts without overlap.
 *
 * @throws MesoscopeError `invalid-value`: empty corpus, a context longer than a part, a fraction outside (0, ½)
 */
export function prepareCorpus(text: string, options: CorpusOptions): Corpus {
  const { context, heldOutFraction = 0.1 } = options;
  if (!Number.isInteger(context) || context < 1) {
    refuse('context', context, 'an integer of at least 1');
  }
  if (!(heldOutFraction > 0 && heldOutFraction < 0.5)) {
    refuse('heldOutFraction', heldOutFraction, 'a number between 0 and 0.5, both excluded');
  }
  const characters = [...cleanText(text)];
  if (characters.length === 0) throw emptyCorpus();
  const part = Math.round(characters.length * heldOutFraction);
  const trainingCount = characters.length - 2 * part;
  const shorter = Math.min(part, trainingCount);
  if (shorter < context + 1) {
    refuse(
      'context',
      context,
      `less than the ${shorter} characters of the shorter part (training ${trainingCount}, held out and validation ${part} each)`,
      'Use a longer text or a shorter context.',
    );
  }
  const between = (from: number, to: number) => characters.slice(from, to).join('');
  const trainingText = between(part, part + trainingCount);
  const vocabulary = characterVocabulary(trainingText, options);
  return {
    vocabulary,
    training: vocabulary.encode(trainingText),
    validation: vocabulary.encode(between(part + trainingCount, characters.length)),
    heldOut: vocabulary.encode(between(0, part)),
  };
}

/** Sequences of n characters with the character that follows each of them. */
export interface SequenceBatch {
  readonly samples: number;
  /** S × n classes seen. */
  readonly tokens: Int32Array<ArrayBuffer>;
  /** S × n classes to predict: `labels[s, i]` follows `tokens[s, i]`. */
  readonly labels: Int32Array<ArrayBuffer>;
}

/** The sequences `classes[start … start + n]` (n + 1 characters each) for every start. */
export function sequencesAt(
  classes: Int32Array,
  starts: ArrayLike<number>,
  context: number,
): SequenceBatch {
  const samples = starts.length;
  const tokens = new Int32Array(samples * context);
  const labels = new Int32Array(samples * context);
  for (let s = 0; s < samples; s++) {
    const start = starts[s];
    tokens.set(classes.subarray(start, start + context), s * context);
    labels.set(classes.subarray(start + 1, start + 1 + context), s * context);
  }
  return { samples, tokens, labels };
}

/**
 * Starts of at most `count` sequences spread evenly over a part. They share no label, so that as many as fit
 * (the default) predict each character at most once.
 */
export function evenStarts(
  classes: Int32Array,
  context: number,
  count = Number.POSITIVE_INFINITY,
): Int32Array<ArrayBuffer> {
  const available = Math.floor((classes.length - 1) / context);
  const used = Math.min(count, available);
  return Int32Array.from({ length: used }, (_, j) => Math.floor((j * available) / used) * context);
}
