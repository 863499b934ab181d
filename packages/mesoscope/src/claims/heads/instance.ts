import * as z from 'zod';
import { MesoscopeError } from '../../errors.ts';
import type { HeadExperiment } from '../../heads/experiment.ts';
import { type HeadLaw, headLaw, headLawOf } from '../../heads/head-law.ts';
import { createHeadProblem } from '../../heads/problem.ts';
import { type SequenceData, sequenceData } from '../../heads/sequences.ts';
import { resolvedContraction } from '../../heads/step-contraction.ts';
import type { Backend } from '../../kernels/backend.ts';
import { refuse, shapeMismatch } from '../../numeric/checks.ts';
import type { Condition } from '../check.ts';
import { matrix } from '../fields.ts';

const head = z.strictObject({
  Q: matrix.describe('k × d'),
  K: matrix.describe('k × d'),
  V: matrix.describe('C × d: values go straight to the logits'),
  weight: z
    .number()
    .min(0)
    .optional()
    .describe('in all heads or in none; sum 1; default 1/N each; a head of weight 0 is left out'),
});

/** λ ≥ 0. */
export const penalty = z.number().min(0).describe('λ of (λ/2)∫|θ|²dρ');

/** Labelled sequences and a law of heads, beside λ. */
export const headData = {
  sequences: z
    .array(matrix)
    .min(1)
    .describe('sequences of tokens of d numbers; lengths may differ'),
  labels: z
    .array(z.array(z.int()).min(1))
    .min(1)
    .describe('a class 0 … C−1 for every token, −1 for none; all labelled positions count alike'),
  classes: z.int().min(2).describe('C'),
  radius: z
    .number()
    .positive()
    .optional()
    .describe('heads stay in the ball |θ| ≤ r; default: no ball'),
  heads: z.array(head).min(1).describe('one causal layer, scores ⟨Qx_t, Kx_s⟩/√k'),
};

export type HeadData = z.infer<z.ZodObject<typeof headData>>;

/** The resolution that steps of the flow are small enough for its numbers to mean anything, by what halving them contracts. */
export function resolvedSteps(contractions: readonly number[]): Condition {
  return {
    name: 'the steps resolve the flow: halving them contracts what it moves as an order nearer to the 4 of the scheme than to 0 does, below 1/4',
    holds: contractions.every((contraction) => contraction < resolvedContraction),
    value: Math.max(...contractions),
  };
}

/** Complaints about explicit data whose parts do not fit each other. */
export function checkHeads(
  given: { readonly explicit: false } | ({ readonly explicit: true } & HeadData),
) {
  if (!given.explicit) return [];
  try {
    unpack(given);
    return [];
  } catch (error) {
    if (!(error instanceof MesoscopeError)) throw error;
    return [{ path: '', message: error.message }];
  }
}

/** The experiment of explicit data. */
export function explicitExperiment(
  backend: Backend,
  given: HeadData & { readonly regularisation: number },
): HeadExperiment {
  const { data, law } = unpack(given);
  const { regularisation, radius } = given;
  const { keyDimension } = law.shape;
  return {
    problem: createHeadProblem(backend, data, { keyDimension, regularisation, radius }),
    law,
  };
}

/** The data and the law that an instance describes. */
function unpack(given: HeadData): { data: SequenceData; law: HeadLaw } {
  const { sequences, labels, classes, heads } = given;
  const data = sequenceData(sequences, labels, classes);
  const weighed = heads.filter(({ weight }) => weight !== undefined);
  if (weighed.length > 0 && weighed.length < heads.length) {
    refuse(
      'heads.weight',
      `${weighed.length} weights for ${heads.length} heads`,
      'a weight for every head, or for none',
    );
  }
  const law = headLawOf(heads, weighed.length > 0 ? heads.map((h) => h.weight ?? 0) : undefined);
  const { dimension, classes: C } = law.shape;
  if (dimension !== data.dimension || C !== classes) {
    throw shapeMismatch(
      'heads (columns of Q, rows of V)',
      [dimension, C],
      [data.dimension, classes],
    );
  }
  return { data, law: withoutEmpty(law) };
}

/** A law without the heads of weight 0, which are not in it. */
function withoutEmpty(law: HeadLaw): HeadLaw {
  const { shape, count, parameters, weights } = law;
  if (weights.every((weight) => weight > 0)) return law;
  const P = parameters.length / count;
  const kept = parameters.filter((_, j) => weights[Math.floor(j / P)] > 0);
  return headLaw(
    shape,
    kept,
    weights.filter((weight) => weight > 0),
  );
}
