import * as z from 'zod';
import type { EnsembleExperiment } from '../../ensemble/experiment.ts';
import { randomInputs } from '../../ensemble/experiment.ts';
import { ensembleInputs, sampledInputs } from '../../ensemble/inputs.ts';
import { type LawDescription, lawSchema } from '../../law/schema.ts';
import { requireFinite, shapeMismatch } from '../../numeric/checks.ts';
import { randomStream } from '../../numeric/random.ts';
import { matrix } from '../fields.ts';

/** Fields of explicit inputs. */
export const inputFields = {
  contexts: z
    .array(lawSchema)
    .min(1)
    .describe(
      'N token laws: {"points", "weights"}, {"gaussian"}, {"mixture"}, {"box"}; exact where the computation has a closed form for them, sampled otherwise',
    ),
  tokens: matrix.describe('N tokens of d numbers'),
  contextPoints: z
    .int()
    .min(1)
    .max(65_536)
    .default(32)
    .describe(
      'points that stand for a context which is no set of points, where no closed form is used',
    ),
};

export const targetRows = matrix.describe('N targets of d numbers for the final tokens');

/** Fields of explicit inputs with targets, which a claim can make itself. */
export const trainedFields = { ...inputFields, targets: targetRows.optional() };

export const keyDimension = z
  .int()
  .min(1)
  .max(256)
  .optional()
  .describe('k, rows of Q and K; default d');

/** How many heads there are at each depth. */
export function headCount(count: number, meaning = 'H, heads at each depth') {
  return z.int().min(1).max(4096).default(count).describe(meaning);
}

/** What inputs are made of. */
export type GivenInputs = { readonly keyDimension?: number | undefined } & (
  | { readonly explicit: false }
  | {
      readonly explicit: true;
      readonly contexts: readonly LawDescription[];
      readonly tokens: readonly (readonly number[])[];
      readonly contextPoints?: number;
      readonly targets?: readonly (readonly number[])[] | undefined;
    }
);

/** Experiment `index`: random inputs, or explicit ones with random heads of their own. */
export function experimentOf(given: GivenInputs, seed: number, index: number): EnsembleExperiment {
  const own = experimentSeed(seed, index);
  if (!given.explicit) {
    const inputs = randomInputs(own);
    return {
      inputs,
      discrete: inputs,
      targets: undefined,
      keyDimension: given.keyDimension ?? 2,
      seed: own,
    };
  }
  const inputs = ensembleInputs(given.contexts, given.tokens);
  return {
    inputs,
    discrete: sampledInputs(inputs, { points: given.contextPoints ?? 1, seed }),
    targets: given.targets?.map((target) => Float64Array.from(target)),
    keyDimension: given.keyDimension ?? inputs.dimension,
    seed: own,
  };
}

/** A seed for each experiment, so that what is drawn in one stays the same whatever others there are. */
export function experimentSeed(seed: number, index: number): number {
  return randomStream(seed, 'experiment', index).integer(2 ** 32);
}

/**
 * Checks the shapes of explicit inputs before work starts.
 *
 * @throws MesoscopeError as `ensembleInputs`; `shape-mismatch` for targets
 */
export function requireInputs(given: GivenInputs): [] {
  if (!given.explicit) return [];
  const { contexts, dimension } = ensembleInputs(given.contexts, given.tokens);
  const { targets } = given;
  if (targets === undefined) return [];
  if (targets.length !== contexts.length) {
    throw shapeMismatch('targets', [targets.length], [contexts.length]);
  }
  targets.forEach((target, i) => {
    if (target.length !== dimension) {
      throw shapeMismatch(`targets[${i}]`, [target.length], [dimension]);
    }
    requireFinite(`targets[${i}]`, target);
  });
  return [];
}
