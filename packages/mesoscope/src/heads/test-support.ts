import type { Backend } from '../kernels/backend.ts';
import { columnStride } from '../kernels/instruction.ts';
import { randomStream } from '../numeric/random.ts';
import { type HeadLaw, headOf, secondMoment } from './head-law.ts';
import { createHeadProblem, type HeadProblem, type ParameterSet } from './problem.ts';
import { sequenceData } from './sequences.ts';

/** Random labelled sequences, the last one shorter, some labels left out. */
export function randomProblem(
  backend: Backend,
  options: ParameterSet & {
    readonly sequences?: number;
    readonly tokens?: number;
    readonly dimension?: number;
    readonly keyDimension?: number;
    readonly classes?: number;
    readonly seed?: number;
  },
): {
  problem: HeadProblem;
  sequences: number[][][];
  labels: number[][];
} {
  const {
    sequences: S = 5,
    tokens = 6,
    dimension = 3,
    keyDimension = 2,
    classes = 4,
    seed = 1,
  } = options;
  const random = randomStream(seed, 'test sequences');
  const sequences = Array.from({ length: S }, (_, s) =>
    Array.from({ length: s === S - 1 ? Math.ceil(tokens / 2) : tokens }, () =>
      Array.from({ length: dimension }, () => random.normal()),
    ),
  );
  const labels = sequences.map((tokens) =>
    tokens.map((_, t) => (t === 1 && tokens.length > 2 ? -1 : random.integer(classes))),
  );
  const data = sequenceData(sequences, labels, classes);
  return {
    problem: createHeadProblem(backend, data, { keyDimension, ...options }),
    sequences,
    labels,
  };
}

/** The risk by its definition, sequence by sequence, without padding and without kernels. */
export function riskByDefinition(
  law: HeadLaw,
  sequences: readonly (readonly (readonly number[])[])[],
  labels: readonly (readonly number[])[],
  regularisation: number,
): number {
  const beta = 1 / Math.sqrt(law.shape.keyDimension);
  const times = (A: readonly (readonly number[])[], x: readonly number[]) =>
    A.map((row) => row.reduce((sum, a, j) => sum + a * x[j], 0));
  let total = 0;
  let count = 0;
  sequences.forEach((tokens, s) => {
    tokens.forEach((x, t) => {
      if (labels[s][t] < 0) return;
      const z = new Array<number>(law.shape.classes).fill(0);
      for (let i = 0; i < law.count; i++) {
        const { Q, K, V } = headOf(law, i);
        const q = times(Q, x);
        const scores = tokens.slice(0, t + 1).map((y) => {
          return Math.exp(beta * times(K, y).reduce((sum, v, j) => sum + v * q[j], 0));
        });
        const sum = scores.reduce((a, b) => a + b, 0);
        const mean = x.map((_, a) =>
          scores.reduce((m, score, j) => m + (score / sum) * tokens[j][a], 0),
        );
        times(V, mean).forEach((value, c) => {
          z[c] += law.weights[i] * value;
        });
      }
      total += Math.log(z.reduce((sum, value) => sum + Math.exp(value), 0)) - z[labels[s][t]];
      count++;
    });
  });
  return total / count + (regularisation / 2) * secondMoment(law);
}

/** Entries of a padded array that stand for tokens: `rows × n` of every row of `columnStride(n)`. */
export function withoutPadding(values: Float64Array, tokens: number): number[] {
  const stride = columnStride(tokens);
  return [...values].filter((_, i) => i % stride < tokens);
}

/** A problem that descends by its linearisation and first variation, one after the other: what is planted in these, its flows feel. */
export function descendingApart(problem: HeadProblem): HeadProblem {
  return {
    ...problem,
    descend(law, gradient, drawn) {
      const at = problem.linearise(law, drawn);
      problem.firstVariation(at, law.parameters, gradient);
      return at;
    },
  };
}
