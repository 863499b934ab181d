import { z } from 'zod';
import {
  type DiscreteInputs,
  type EnsembleInputs,
  ensembleInputs,
  sampledInputs,
} from '../../ensemble/inputs.ts';
import { particles } from '../../law/law.ts';
import { lawSchema } from '../../law/schema.ts';
import { requireFinite, shapeMismatch } from '../../numeric/checks.ts';
import { randomStream } from '../../numeric/random.ts';
import type { ClaimContext } from '../legacy.ts';

/** An explicit instance of the claims about laws of heads. */
export const ensembleInstance = z.strictObject({
  contexts: z
    .array(lawSchema)
    .min(1)
    .describe(
      'N token laws: {"points", "weights"}, {"gaussian"}, {"mixture"}, {"box"}; exact where the computation has a closed form for them, sampled otherwise',
    ),
  tokens: z.array(z.array(z.number()).min(1)).min(1).describe('N tokens of d numbers'),
  targets: z
    .array(z.array(z.number()).min(1))
    .min(1)
    .optional()
    .describe(
      'N targets of d numbers for the final tokens; default: a random start displaced a little',
    ),
  depths: z.array(z.int().min(1).max(4096)).min(1).default([1, 2, 4]).describe('L of the networks'),
  heads: z.int().min(1).max(4096).default(8).describe('H, heads at each depth'),
  keyDimension: z.int().min(1).max(256).optional().describe('k, rows of Q and K; default d'),
  contextPoints: z
    .int()
    .min(1)
    .max(65_536)
    .default(32)
    .describe(
      'points that stand for a context which is no set of points, where no closed form is used',
    ),
  seed: z.int().min(0).default(1).describe('of heads at the start and of sampled points'),
});

export type EnsembleInstance = z.infer<typeof ensembleInstance>;

/** One experiment's inputs. */
export interface EnsembleProblem {
  readonly inputs: EnsembleInputs;
  /** The same, with points for every context. */
  readonly discrete: DiscreteInputs;
  /** Undefined: the experiment makes its own. */
  readonly targets: readonly Float64Array[] | undefined;
  readonly heads: number;
  readonly keyDimension: number;
  /** Of random heads. */
  readonly seed: number;
}

/**
 * Checks an explicit instance and makes its experiments: the same inputs with other random heads.
 *
 * @throws MesoscopeError as `ensembleInputs`; `shape-mismatch` for targets
 */
export function explicitProblem(instance: EnsembleInstance, index = 0): EnsembleProblem {
  const inputs = ensembleInputs(instance.contexts, instance.tokens);
  const { dimension, contexts } = inputs;
  const { targets } = instance;
  if (targets !== undefined) {
    if (targets.length !== contexts.length) {
      throw shapeMismatch('targets', [targets.length], [contexts.length]);
    }
    targets.forEach((target, i) => {
      if (target.length !== dimension) {
        throw shapeMismatch(`targets[${i}]`, [target.length], [dimension]);
      }
      requireFinite(`targets[${i}]`, target);
    });
  }
  return {
    inputs,
    discrete: sampledInputs(inputs, { points: instance.contextPoints, seed: instance.seed }),
    targets: targets?.map((target) => Float64Array.from(target)),
    heads: instance.heads,
    keyDimension: instance.keyDimension ?? dimension,
    seed: instance.seed + 1000 * index,
  };
}

/** Three discrete contexts of 4, 5 and 6 normal points in the plane, normal tokens. */
export function randomProblem(seed: number, index: number, heads = 8): EnsembleProblem {
  const stream = randomStream(seed, 'ensemble inputs', index);
  const point = () => Array.from(stream.normals(new Float64Array(2)));
  const contexts = [4, 5, 6].map((n) => particles(Array.from({ length: n }, point)));
  const inputs = ensembleInputs(contexts, contexts.map(point));
  return {
    inputs,
    discrete: sampledInputs(inputs),
    targets: undefined,
    heads,
    keyDimension: 2,
    seed: seed + 1000 * index,
  };
}

/** The experiments of a claim: random ones, or an explicit instance with random heads. */
export function problemOf(
  { instance, seed }: Pick<ClaimContext<EnsembleInstance>, 'instance' | 'seed'>,
  index: number,
): EnsembleProblem {
  return instance === undefined ? randomProblem(seed, index) : explicitProblem(instance, index);
}

/** Depths to fit an order over: the instance's if it gives at least four. */
export function fittedDepths(
  instance: EnsembleInstance | undefined,
  own: readonly number[],
): readonly number[] {
  const given = instance?.depths ?? [];
  return given.length >= 4 ? [...given].sort((a, b) => a - b) : own;
}

/** Final tokens displaced by independent normal numbers of the given size. */
export function displacedTargets(
  finals: Float64Array,
  dimension: number,
  size: number,
  seed: number,
): Float64Array[] {
  const noise = randomStream(seed, 'targets').normals(new Float64Array(finals.length));
  return Array.from({ length: finals.length / dimension }, (_, i) =>
    Float64Array.from({ length: dimension }, (_, a) => {
      const at = i * dimension + a;
      return finals[at] + size * noise[at];
    }),
  );
}
