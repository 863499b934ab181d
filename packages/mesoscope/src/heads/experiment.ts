import type { Backend } from '../kernels/backend.ts';
import { columnStride } from '../kernels/instruction.ts';
import { randomStream } from '../numeric/random.ts';
import { type HeadLaw, headLaw, headLawOf, randomHeads } from './head-law.ts';
import { createHeadProblem, type HeadProblem } from './problem.ts';
import { sequenceData } from './sequences.ts';

/** A problem with the law of heads that a claim is measured on. */
export interface HeadExperiment {
  readonly problem: HeadProblem;
  readonly law: HeadLaw;
}

export interface RandomExperimentOptions {
  readonly regularisation: number;
  /** N; default 32. */
  readonly heads?: number;
  /** S; default 16. */
  readonly sequences?: number;
  /** n; default 5. */
  readonly tokens?: number;
  /** Standard deviation of V's entries at the start; default 1. */
  readonly value?: number;
  /** Deviation of the entries of Q and K at the start; default 1. */
  readonly score?: number;
  /** Whether all tokens lie on one line through 0; default no. */
  readonly onLine?: boolean;
}

/** d = 3, k = 2, C = 3. */
const shape = { dimension: 3, keyDimension: 2, classes: 3 };

/**
 * Normal tokens, labels drawn from a teacher of two heads (entries of deviation 1.5 and 3), and a law of N random heads.
 *
 * @param index - which one of many
 */
export function randomExperiment(
  backend: Backend,
  seed: number,
  index: number,
  options: RandomExperimentOptions,
): HeadExperiment {
  const { regularisation, heads = 32, sequences = 16, tokens = 5, value = 1, score = 1 } = options;
  const random = randomStream(seed, 'labelled sequences', index);
  const normals = () => Array.from({ length: shape.dimension }, () => random.normal());
  const line = options.onLine ? unit(normals()) : undefined;
  const token = () => {
    if (line === undefined) return normals();
    const coordinate = random.normal();
    return line.map((x) => coordinate * x);
  };
  const drawn = Array.from({ length: sequences }, () => Array.from({ length: tokens }, token));
  const blank = drawn.map((sequence) => sequence.map(() => 0));
  const teacher = randomHeads(shape, 2, random, { score: 1.5, value: 3 });
  const logits = backend.scoped(() =>
    createHeadProblem(backend, sequenceData(drawn, blank, shape.classes), {
      keyDimension: shape.keyDimension,
      regularisation: 0,
    }).logits(teacher),
  );
  const stride = columnStride(tokens);
  const labels = drawn.map((sequence, s) =>
    sequence.map((_, t) => {
      const weights = Array.from({ length: shape.classes }, (_, c) =>
        Math.exp(logits[(s * shape.classes + c) * stride + t]),
      );
      let left = random.uniform() * weights.reduce((a, b) => a + b, 0);
      const label = weights.findIndex((weight) => {
        left -= weight;
        return left < 0;
      });
      return label < 0 ? shape.classes - 1 : label;
    }),
  );
  const data = sequenceData(drawn, labels, shape.classes);
  const problem = createHeadProblem(backend, data, {
    keyDimension: shape.keyDimension,
    regularisation,
  });
  const law = randomHeads(shape, heads, randomStream(seed, 'heads', index), { score, value });
  return { problem, law };
}

function unit(x: readonly number[]): number[] {
  const norm = Math.hypot(...x);
  return x.map((entry) => entry / norm);
}

/**
 * Two classes with random labels and heads whose values are `(v, −v)`, each with its opposite: then z_ρ = 0, `p = (½, ½)`, and
 * `Φ − z` lies along `(1, −1)`, where the curvature of the cross-entropy is ½, the most there is.
 */
export function sharpExperiment(
  backend: Backend,
  seed: number,
  index: number,
  options: { readonly regularisation: number; readonly heads: number },
): HeadExperiment {
  const { regularisation, heads } = options;
  const [d, k, S, n] = [3, 2, 16, 5];
  const random = randomStream(seed, 'sequences of two classes', index);
  const rows = (count: number, deviation: number) =>
    Array.from({ length: count }, () =>
      Array.from({ length: d }, () => deviation * random.normal()),
    );
  const sequences = Array.from({ length: S }, () => rows(n, 1));
  const labels = sequences.map((tokens) => tokens.map(() => random.integer(2)));
  const law = headLawOf(
    Array.from({ length: heads / 2 }, () => {
      const [Q, K, [v]] = [rows(k, 1), rows(k, 1), rows(1, 0.4)];
      const opposite = v.map((x) => -x);
      return [
        { Q, K, V: [v, opposite] },
        { Q, K, V: [opposite, v] },
      ];
    }).flat(),
  );
  const data = sequenceData(sequences, labels, 2);
  return { problem: createHeadProblem(backend, data, { keyDimension: k, regularisation }), law };
}

/** The law of heads drawn independently from a law: `choices[i]` is the head that became head i. */
export function drawHeads(
  law: HeadLaw,
  count: number,
  uniform: () => number,
): { readonly law: HeadLaw; readonly choices: Int32Array } {
  const P = law.parameters.length / law.count;
  const choices = drawIndices(law.weights, count, uniform);
  const parameters = new Float64Array(count * P);
  choices.forEach((from, to) => {
    parameters.set(law.parameters.subarray(from * P, (from + 1) * P), to * P);
  });
  return { law: headLaw(law.shape, parameters), choices };
}

/** Indices drawn independently with probabilities in proportion to weights. */
export function drawIndices(
  weights: Float64Array,
  count: number,
  uniform: () => number,
): Int32Array {
  let sum = 0;
  const upTo = weights.map((weight) => {
    sum += weight;
    return sum;
  });
  const choices = new Int32Array(count);
  for (let i = 0; i < count; i++) choices[i] = firstAbove(upTo, uniform() * sum);
  return choices;
}

/** Index of the first number of an increasing list that is above a value; the last index if none is. */
function firstAbove(increasing: Float64Array, value: number): number {
  let low = 0;
  let high = increasing.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (increasing[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Whether a law has at least two different heads of positive weight. */
export function isSpread(law: HeadLaw): boolean {
  const P = law.parameters.length / law.count;
  const used = Array.from(law.weights.keys()).filter((i) => law.weights[i] > 0);
  return used.some((i) =>
    law.parameters
      .subarray(i * P, (i + 1) * P)
      .some((x, j) => x !== law.parameters[used[0] * P + j]),
  );
}
