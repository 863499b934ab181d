import { refuse } from '../../numeric/checks.ts';
import type { FinitePopulation } from './population.ts';

export interface LetterPopulationOptions {
  /** A: letters of the alphabet, at least 2. */
  readonly letters: number;
  /** n: letters of a word, at least 2. */
  readonly length: number;
  /** Probability that a letter is the one before it; any other letter is as likely as the next. */
  readonly repetition: number;
  /** Probability of the wrong class. */
  readonly noise: number;
}

/**
 * All words of n letters, by a Markov chain that begins anywhere and repeats a letter with a given probability. A word's
 * class is 1 if its last letter occurred before, else 0; with probability `noise` it is the other one. What decides is a
 * comparison of tokens: no function of one token tells it.
 *
 * In R⁴ letter a at place j is `(cos 2πa/A, sin 2πa/A, cos 2πj/n, sin 2πj/n)`.
 *
 * @throws MesoscopeError `invalid-value`
 */
export function letterPopulation(options: LetterPopulationOptions): FinitePopulation {
  const { letters, length, repetition, noise } = options;
  for (const [path, received] of Object.entries({ letters, length })) {
    if (!(Number.isInteger(received) && received >= 2))
      refuse(path, received, 'a whole number of at least 2');
  }
  for (const [path, received] of Object.entries({ repetition, noise })) {
    if (!(received >= 0 && received <= 1)) refuse(path, received, 'a probability from 0 to 1');
  }
  const [dimension, classes] = [4, 2];
  const words = letters ** length;
  const states = new Float64Array(words * classes * length * dimension);
  const labels = new Int32Array(words * classes);
  const probabilities = new Float64Array(words * classes);
  for (let word = 0; word < words; word++) {
    const spelt = Array.from(
      { length },
      (_, j) => Math.floor(word / letters ** (length - 1 - j)) % letters,
    );
    const probability = spelt.reduce((product, letter, j) => {
      if (j === 0) return product / letters;
      const repeats = letter === spelt[j - 1];
      return product * (repeats ? repetition : (1 - repetition) / (letters - 1));
    }, 1);
    const truth = spelt.indexOf(spelt[length - 1]) < length - 1 ? 1 : 0;
    for (let label = 0; label < classes; label++) {
      const atom = classes * word + label;
      labels[atom] = label;
      probabilities[atom] = probability * (label === truth ? 1 - noise : noise);
      spelt.forEach((letter, j) => {
        const [a, b] = [(2 * Math.PI * letter) / letters, (2 * Math.PI * j) / length];
        const token = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
        states.set(token, (atom * length + j) * dimension);
      });
    }
  }
  return { tokens: length, dimension, classes, states, labels, probabilities };
}
