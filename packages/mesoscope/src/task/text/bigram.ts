import { refuse } from '../../numeric/checks.ts';

/** A character-bigram model, the baseline that a trained flow has to beat. */
export interface BigramModel {
  /** Strength α of the prior, in characters. */
  readonly alpha: number;
  /** C × C, row a: the law of the next class after class a. */
  readonly probabilities: Float64Array<ArrayBuffer>;
  readonly classes: number;
}

/**
 * Fits `p(b|a) = (n_ab + α q_b) / (n_a + α)`, `q_b = (n_b + 1)/(N + C)`: counts of pairs with a Dirichlet prior
 * around the frequencies of single characters. The strength α is the one of 2⁻⁴, 2⁻³, …, 2¹² that gives the
 * training pairs the greatest leave-one-out likelihood `Π (n_ab − 1 + α q_b)/(n_a − 1 + α)`: a rule that needs no
 * further data and has no knob. (MacKay & Peto, A hierarchical Dirichlet language model, 1995; q is held fixed.)
 *
 * @throws MesoscopeError `invalid-value`: fewer than two characters
 */
export function fitBigram(training: ArrayLike<number>, classes: number): BigramModel {
  if (training.length < 2) {
    refuse('training', training.length, 'at least two characters');
  }
  const single = new Float64Array(classes).fill(1 / (training.length + classes));
  const pairs = new Float64Array(classes * classes);
  const first = new Float64Array(classes);
  for (let i = 0; i < training.length; i++) {
    single[training[i]] += 1 / (training.length + classes);
    if (i === 0) continue;
    pairs[training[i - 1] * classes + training[i]] += 1;
    first[training[i - 1]] += 1;
  }
  const candidates = Array.from({ length: 17 }, (_, i) => 2 ** (i - 4));
  let alpha = candidates[0];
  let best = Number.NEGATIVE_INFINITY;
  for (const candidate of candidates) {
    const likelihood = leaveOneOut(pairs, first, single, candidate);
    if (likelihood > best) [best, alpha] = [likelihood, candidate];
  }
  const probabilities = pairs.map(
    (count, i) => (count + alpha * single[i % classes]) / (first[Math.floor(i / classes)] + alpha),
  );
  return { alpha, probabilities, classes };
}

/** `−(1/N) Σ log₂ p(label|token)` over pairs. */
export function bigramBits(
  model: BigramModel,
  tokens: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  let bits = 0;
  for (let i = 0; i < tokens.length; i++) {
    bits -= Math.log2(model.probabilities[tokens[i] * model.classes + labels[i]]);
  }
  return bits / tokens.length;
}

function leaveOneOut(
  pairs: Float64Array,
  first: Float64Array,
  single: Float64Array,
  alpha: number,
): number {
  const classes = single.length;
  let logarithm = 0;
  for (let i = 0; i < pairs.length; i++) {
    if (pairs[i] === 0) continue;
    const total = first[Math.floor(i / classes)];
    logarithm +=
      pairs[i] * Math.log((pairs[i] - 1 + alpha * single[i % classes]) / (total - 1 + alpha));
  }
  return logarithm;
}
