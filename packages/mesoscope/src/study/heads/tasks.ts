import { type HeadLaw, randomHeads } from '../../heads/head-law.ts';
import { createHeadProblem } from '../../heads/problem.ts';
import { type SequenceData, sequenceData } from '../../heads/sequences.ts';
import type { Backend } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { singularValueDecomposition } from '../../numeric/decompositions.ts';
import { randomStream } from '../../numeric/random.ts';
import { fitBigram } from '../../task/text/bigram.ts';
import { evenStarts, prepareCorpus, sequencesAt } from '../../task/text/corpus.ts';
import type { TeacherStudy, TextStudy } from './schema.ts';

/** Labelled sequences to train on and to test on. */
export interface HeadTask {
  readonly training: SequenceData;
  /** What a preset may be chosen on; undefined where nothing is chosen. */
  readonly validation?: SequenceData;
  /** Nothing was chosen on it: final numbers come from here. */
  readonly heldOut: SequenceData;
  /** Cross-entropy per label that nobody can beat on the training tokens, in nats, where it is known. */
  readonly entropy?: number;
  /** The law that drew the labels, where it is known. */
  readonly teacher?: HeadLaw;
  /** Bits per label of the character-bigram model, on the validation and on the held-out part. */
  readonly bigramBits?: { readonly validation: number; readonly heldOut: number };
}

/** Normal tokens with labels drawn from `softmax(z)` of a law of teacher heads. */
export function teacherTask(backend: Backend, configuration: TeacherStudy): HeadTask {
  const { seed, dimension, keyDimension, classes, sequences, tokens, teacherHeads } = configuration;
  const shape = { dimension, keyDimension, classes };
  const random = randomStream(seed, 'teacher');
  const teacher = randomHeads(shape, teacherHeads, random, { score: 1.2, value: 2.5 });
  const draw = (purpose: string) => drawLabels(backend, teacher, sequences, tokens, seed, purpose);
  const training = draw('training sequences');
  return {
    training: training.data,
    heldOut: draw('held-out sequences').data,
    entropy: training.entropy,
    teacher,
  };
}

function drawLabels(
  backend: Backend,
  teacher: HeadLaw,
  sequences: number,
  tokens: number,
  seed: number,
  purpose: string,
): { data: SequenceData; entropy: number } {
  const { dimension, keyDimension, classes } = teacher.shape;
  const random = randomStream(seed, purpose);
  const states = Array.from({ length: sequences }, () =>
    Array.from({ length: tokens }, () => Array.from({ length: dimension }, () => random.normal())),
  );
  const blank = states.map((sequence) => sequence.map(() => 0));
  const logits = backend.scoped(() =>
    createHeadProblem(backend, sequenceData(states, blank, classes), {
      keyDimension,
      regularisation: 0,
    }).logits(teacher),
  );
  const stride = columnStride(tokens);
  let entropy = 0;
  const labels = states.map((sequence, s) =>
    sequence.map((_, t) => {
      const z = Array.from({ length: classes }, (_, c) => logits[(s * classes + c) * stride + t]);
      const largest = Math.max(...z);
      const weights = z.map((value) => Math.exp(value - largest));
      const total = weights.reduce((a, b) => a + b, 0);
      for (const weight of weights) {
        entropy -= ((weight / total) * Math.log(weight / total)) / (sequences * tokens);
      }
      let left = random.uniform() * total;
      const label = weights.findIndex((weight) => {
        left -= weight;
        return left < 0;
      });
      return label < 0 ? classes - 1 : label;
    }),
  );
  return { data: sequenceData(states, labels, classes), entropy };
}

/**
 * Next characters of a text: training, validation and held-out part as in {@link prepareCorpus}. A token is a
 * character's vector, fixed, followed by its position: the leading left singular vectors of the log-odds
 * `log p(b|a) − log p(b)` of character bigrams, scaled to unit variance over the text, and `√2(cos, sin)(2πt/p)` for each period p.
 */
export function textTask(text: string, configuration: TextStudy): HeadTask {
  const { context, sequences, testSequences, maximumClasses } = configuration;
  const corpus = prepareCorpus(text, { context, maximumClasses });
  const classes = corpus.vocabulary.classes.length;
  const bigram = fitBigram(corpus.training, classes);
  const vectors = characterVectors(corpus.training, bigram.probabilities, configuration);
  const pack = (part: Int32Array, count: number) => {
    const { tokens, labels, samples } = sequencesAt(
      part,
      evenStarts(part, context, count),
      context,
    );
    const rows = Array.from({ length: samples }, (_, s) => s);
    const at = (s: number) => Array.from(tokens.subarray(s * context, (s + 1) * context));
    const states = rows.map((s) =>
      at(s).map((token, t) => [...vectors[token], ...position(t, configuration)]),
    );
    const wanted = rows.map((s) => Array.from(labels.subarray(s * context, (s + 1) * context)));
    const bits = rows.reduce(
      (sum, s) =>
        sum -
        at(s).reduce(
          (bit, token, t) => bit + Math.log2(bigram.probabilities[token * classes + wanted[s][t]]),
          0,
        ),
      0,
    );
    return { data: sequenceData(states, wanted, classes), bits: bits / (samples * context) };
  };
  const validation = pack(corpus.validation, testSequences);
  const heldOut = pack(corpus.heldOut, testSequences);
  return {
    training: pack(corpus.training, sequences).data,
    validation: validation.data,
    heldOut: heldOut.data,
    bigramBits: { validation: validation.bits, heldOut: heldOut.bits },
  };
}

function position(t: number, { periods }: TextStudy): number[] {
  return periods.flatMap((period) => {
    const angle = (2 * Math.PI * t) / period;
    return [Math.SQRT2 * Math.cos(angle), Math.SQRT2 * Math.sin(angle)];
  });
}

function characterVectors(
  training: Int32Array,
  probabilities: Float64Array,
  { embedding }: TextStudy,
): number[][] {
  const classes = Math.round(Math.sqrt(probabilities.length));
  const frequency = new Float64Array(classes);
  for (const c of training) frequency[c] += 1 / training.length;
  const odds = { rows: classes, columns: classes, data: probabilities.slice() };
  odds.data.forEach((p, i) => {
    const row = Math.floor(i / classes);
    const likely = Math.max(frequency[i % classes], 1e-9);
    odds.data[i] =
      Math.sqrt(Math.max(frequency[row], 1e-9)) * Math.log(p / likely) * Math.sqrt(likely);
  });
  const { left } = singularValueDecomposition(odds);
  const kept = Math.min(embedding, classes);
  const vectors = Array.from({ length: classes }, (_, c) =>
    Array.from(
      { length: kept },
      (_, a) => left.data[c * left.columns + a] / Math.sqrt(Math.max(frequency[c], 1e-9)),
    ),
  );
  for (let a = 0; a < kept; a++) {
    let square = 0;
    vectors.forEach((vector, c) => {
      square += frequency[c] * vector[a] ** 2;
    });
    for (const vector of vectors) {
      // A very rare character would stand far out.
      vector[a] = Math.max(-3, Math.min(3, vector[a] / Math.sqrt(square)));
    }
  }
  return vectors;
}
