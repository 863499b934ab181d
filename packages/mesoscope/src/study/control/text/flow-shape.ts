import * as z from 'zod';
import { activationKinds } from '../../../field/feed-forward.ts';
import { firstLookText } from '../../../task/text/configuration.ts';

const count = z.int().min(1);

/** The text, the flow and its penalties, as studies of text are told of them. */
export const textFlowShape = {
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
  activation: z.enum(activationKinds).default(firstLookText.activation),
  normalisation: z
    .enum(['layer', 'rms'])
    .default(firstLookText.normalisation)
    .describe('of the tokens that a layer and the readout see'),
  horizon: z.number().positive().default(firstLookText.horizon).describe('T'),
  prolongation: z.enum(['repeat', 'linear']).default(firstLookText.prolongation),
  batch: count.default(firstLookText.batch).describe('sequences a step'),
  regularisation: z
    .number()
    .min(0)
    .default(firstLookText.regularisation)
    .describe('λ of ∫(λ/2)|θ|² dt'),
  smoothness: z.number().min(0).default(firstLookText.smoothness).describe('μ of ∫(μ/2)|θ̇|² dt'),
  maximumClasses: z.int().min(2).default(firstLookText.maximumClasses),
  heldOutFraction: z.number().gt(0).lt(0.5).default(firstLookText.heldOutFraction),
};
