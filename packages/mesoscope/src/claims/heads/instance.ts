import { z } from 'zod';
import { MesoscopeError } from '../../errors.ts';
import { type HeadLaw, headLaw, headLawOf, randomHeads } from '../../heads/head-law.ts';
import { createHeadProblem, type HeadProblem } from '../../heads/problem.ts';
import { type SequenceData, sequenceData } from '../../heads/sequences.ts';
import type { Backend } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { randomStream } from '../../numeric/random.ts';

const matrix = z.array(z.array(z.number()).min(1)).min(1);

const head = z.strictObject({
  Q: matrix.describe('k × d'),
  K: matrix.describe('k × d'),
  V: matrix.describe('C × d: values go straight to the logits'),
  weight: z.number().min(0).optional().describe('in all heads or in none; sum 1; default 1/N each'),
});

/** Labelled sequences and a law of heads. */
export const headInstance = z
  .strictObject({
    sequences: z
      .array(matrix)
      .min(1)
      .describe('sequences of tokens of d numbers; lengths may differ'),
    labels: z
      .array(z.array(z.int()).min(1))
      .min(1)
      .describe('a class 0 … C−1 for every token, −1 for none; all labelled positions count alike'),
    classes: z.int().min(2).describe('C'),
    regularisation: z.number().min(0).describe('λ of (λ/2)∫|θ|²dρ'),
    radius: z
      .number()
      .positive()
      .optional()
      .describe('heads stay in the ball |θ| ≤ r; default: no ball'),
    heads: z.array(head).min(1).describe('one causal layer, scores ⟨Qx_t, Kx_s⟩/√k'),
  })
  .superRefine((instance, context) => {
    try {
      unpack(instance);
    } catch (error) {
      if (!(error instanceof MesoscopeError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  });

export type HeadInstance = z.infer<typeof headInstance>;

/** A problem with the law of heads that a claim is measured on. */
export interface HeadExperiment {
  readonly problem: HeadProblem;
  readonly law: HeadLaw;
}

/** The data and the law that an instance describes. */
function unpack(instance: HeadInstance): { data: SequenceData; law: HeadLaw } {
  const { sequences, labels, classes, heads } = instance;
  const data = sequenceData(sequences, labels, classes);
  const given = heads.filter(({ weight }) => weight !== undefined);
  if (given.length > 0 && given.length < heads.length) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'heads.weight',
      received: `${given.length} weights for ${heads.length} heads`,
      expected: 'a weight for every head, or for none',
    });
  }
  const law = headLawOf(heads, given.length > 0 ? heads.map((h) => h.weight ?? 0) : undefined);
  const { dimension, classes: C } = law.shape;
  if (dimension !== data.dimension || C !== classes) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'heads (columns of Q, rows of V)',
      received: [dimension, C],
      expected: [data.dimension, classes],
    });
  }
  return { data, law };
}

/** The experiment of an explicit instance. */
export function explicitExperiment(backend: Backend, instance: HeadInstance): HeadExperiment {
  const { data, law } = unpack(instance);
  const { regularisation, radius } = instance;
  const { keyDimension } = law.shape;
  const set = radius === undefined ? { regularisation } : { regularisation, radius };
  return { problem: createHeadProblem(backend, data, { keyDimension, ...set }), law };
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
  const { regularisation, heads = 32, sequences = 16, tokens = 5, value = 1 } = options;
  const random = randomStream(seed, 'labelled sequences', index);
  const drawn = Array.from({ length: sequences }, () =>
    Array.from({ length: tokens }, () =>
      Array.from({ length: shape.dimension }, () => random.normal()),
    ),
  );
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
  const law = randomHeads(shape, heads, randomStream(seed, 'heads', index), { score: 1, value });
  return { problem, law };
}

/** The law of heads drawn independently from a law: `choices[i]` is the head that became head i. */
export function drawHeads(
  law: HeadLaw,
  count: number,
  uniform: () => number,
): { readonly law: HeadLaw; readonly choices: Int32Array } {
  const P = law.parameters.length / law.count;
  const choices = Int32Array.from({ length: count }, () => {
    let left = uniform();
    const choice = law.weights.findIndex((weight) => {
      left -= weight;
      return left < 0;
    });
    return choice < 0 ? law.count - 1 : choice;
  });
  const parameters = new Float64Array(count * P);
  choices.forEach((from, to) => {
    parameters.set(law.parameters.subarray(from * P, (from + 1) * P), to * P);
  });
  return { law: headLaw(law.shape, parameters), choices };
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
