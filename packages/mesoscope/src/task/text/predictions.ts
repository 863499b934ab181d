import type { ControlProblem } from '../../control/problem.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { randomStream } from '../../numeric/random.ts';
import { evenStarts, sequencesAt } from './corpus.ts';
import type { CharacterVocabulary } from './vocabulary.ts';

/** A trained next-character flow: a problem over characters, causal, read at every position. */
export interface TextModel {
  readonly problem: ControlProblem;
  readonly parameters: FloatArray;
  readonly vocabulary: CharacterVocabulary;
}

/** What the model expects after a context from the held-out part, beside what came. */
export interface Prediction {
  /** The n characters seen. */
  readonly context: string;
  /** The character that followed. */
  readonly actual: string;
  readonly actualProbability: number;
  /** The likeliest next characters, likeliest first. */
  readonly expected: readonly { readonly character: string; readonly probability: number }[];
}

/**
 * Predictions after contexts spread evenly over a part of the corpus.
 *
 * @param options.count - number of contexts; default 8
 * @param options.expected - number of likeliest characters shown; default 5
 */
export function predictNext(
  model: TextModel,
  heldOut: Int32Array,
  options: { readonly count?: number; readonly expected?: number } = {},
): Prediction[] {
  const { count = 8, expected = 5 } = options;
  const { problem, vocabulary } = model;
  const n = problem.tokens;
  return [...evenStarts(heldOut, n, count)].map((start) => {
    const { tokens, labels } = sequencesAt(heldOut, [start], n);
    const probabilities = nextLaw(model, tokens, n);
    const order = probabilities
      .map((_, index) => index)
      .sort((a, b) => {
        return probabilities[b] - probabilities[a];
      });
    const actual = labels[n - 1];
    return {
      context: vocabulary.decode(tokens),
      actual: vocabulary.classes[actual],
      actualProbability: probabilities[actual],
      expected: [...order.slice(0, expected)].map((index) => ({
        character: vocabulary.classes[index],
        probability: probabilities[index],
      })),
    };
  });
}

export interface ContinuationOptions {
  /** Characters to add; default 120. */
  readonly length?: number;
  /** The logits are divided by it before a character is drawn; 0 takes the likeliest; default 0.7. */
  readonly temperature?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** A text continued by the model, one character after the other; it sees at most the last n. */
export function continueText(
  model: TextModel,
  prompt: string,
  options: ContinuationOptions = {},
): string {
  const { length = 120, temperature = 0.7, seed = 0 } = options;
  const stream = randomStream(seed, 'text continuation');
  const n = model.problem.tokens;
  const seen = [...model.vocabulary.encode(prompt)];
  const added: number[] = [];
  for (let k = 0; k < length; k++) {
    const recent = seen.slice(-n);
    const next = drawClass(nextLaw(model, recent, recent.length, temperature), stream.uniform());
    seen.push(next);
    added.push(next);
  }
  return model.vocabulary.decode(added);
}

/** The law of the character after the first `count` tokens (those behind them are not seen: the flow is causal). */
function nextLaw(
  model: TextModel,
  tokens: ArrayLike<number>,
  count: number,
  temperature = 1,
): Float64Array<ArrayBuffer> {
  const { problem, parameters } = model;
  const { tokens: n, classes } = problem;
  const padded = new Int32Array(n);
  for (let j = 0; j < count; j++) padded[j] = tokens[j];
  const logits = problem.logits(parameters, { samples: 1, tokens: padded });
  const stride = columnStride(n);
  const z = Float64Array.from({ length: classes }, (_, c) => logits[c * stride + count - 1]);
  const largest = z.reduce((a, b) => Math.max(a, b));
  if (temperature === 0) return z.map((x) => (x === largest ? 1 : 0));
  const weights = z.map((x) => Math.exp((x - largest) / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
}

/** The class in whose share of [0, 1) the number lies. */
function drawClass(probabilities: Float64Array, uniform: number): number {
  let below = 0;
  for (let c = 0; c < probabilities.length; c++) {
    below += probabilities[c];
    if (uniform < below) return c;
  }
  return probabilities.length - 1;
}
