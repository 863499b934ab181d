import { z } from 'zod';
import { firstLookText } from '../../control/text/configuration.ts';

const count = z.int().min(1);

/** Everything that a first look can be told; `parse({})` is the preset. */
export const firstLookSchema = z.strictObject({
  corpus: z
    .string()
    .default('moby-dick')
    .describe('a corpus by name, or the path of a UTF-8 text file'),
  seed: z.int().min(0).default(firstLookText.seed),
  context: count.default(firstLookText.context).describe('n, characters seen at most'),
  dimension: count.default(firstLookText.dimension).describe('d'),
  heads: count.default(firstLookText.heads).describe('H, attention heads a layer'),
  keyDimension: count.default(firstLookText.keyDimension).describe('k'),
  hidden: count.default(firstLookText.hidden).describe('width of the feed-forward layer'),
  activation: z.enum(['tanh', 'relu', 'gelu', 'silu']).default(firstLookText.activation),
  normalisation: z
    .enum(['layer', 'rms'])
    .default(firstLookText.normalisation)
    .describe('of the tokens that a layer and the readout see'),
  horizon: z.number().positive().default(firstLookText.horizon).describe('T'),
  stages: z
    .array(z.strictObject({ layers: count, steps: z.int().min(0) }))
    .min(1)
    .default([...firstLookText.stages])
    .describe('depths, each twice the one before, and the steps of Adam at each'),
  prolongation: z.enum(['repeat', 'linear']).default(firstLookText.prolongation),
  batch: count.default(firstLookText.batch).describe('sequences a step'),
  rate: z.number().positive().default(firstLookText.rate).describe('of Adam, after warm-up'),
  warmUp: z.int().min(0).default(firstLookText.warmUp).describe('steps'),
  regularisation: z
    .number()
    .min(0)
    .default(firstLookText.regularisation)
    .describe('λ of ∫(λ/2)|θ|² dt'),
  smoothness: z.number().min(0).default(firstLookText.smoothness).describe('μ of ∫(μ/2)|θ̇|² dt'),
  maximumClasses: z.int().min(2).default(firstLookText.maximumClasses),
  heldOutFraction: z.number().gt(0).lt(0.5).default(firstLookText.heldOutFraction),
  reportEvery: count.default(firstLookText.reportEvery).describe('steps between two reports'),
  reportSequences: z.int().min(2).default(firstLookText.reportSequences),
  finalSequences: z.int().min(2).default(firstLookText.finalSequences),
});

export type FirstLook = z.infer<typeof firstLookSchema>;
