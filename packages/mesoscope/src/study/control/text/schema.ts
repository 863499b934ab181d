import { z } from 'zod';
import { firstLookText } from '../../../control/text/configuration.ts';
import { raceSchema, stagesSchema } from '../depth-trainings.ts';

const count = z.int().min(1);

/** Everything that the study of text can be told; `parse({})` is the preset: the problem of the first look. */
export const textSchema = z.strictObject({
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
  stages: stagesSchema
    .default([
      { layers: 2, steps: 800 },
      { layers: 4, steps: 400 },
      { layers: 8, steps: 200 },
      { layers: 16, steps: 100 },
    ])
    .describe('depths and steps of the model that is judged'),
  prolongation: z.enum(['repeat', 'linear']).default(firstLookText.prolongation),
  batch: count.default(firstLookText.batch).describe('sequences a step'),
  rate: z
    .number()
    .positive()
    .default(firstLookText.rate)
    .describe('of Adam, decaying by a cosine over all steps of a training'),
  warmUp: z.int().min(0).default(firstLookText.warmUp).describe('steps'),
  regularisation: z
    .number()
    .min(0)
    .default(firstLookText.regularisation)
    .describe('λ of ∫(λ/2)|θ|² dt'),
  smoothness: z.number().min(0).default(firstLookText.smoothness).describe('μ of ∫(μ/2)|θ̇|² dt'),
  maximumClasses: z.int().min(2).default(firstLookText.maximumClasses),
  heldOutFraction: z.number().gt(0).lt(0.5).default(firstLookText.heldOutFraction),
  reportEvery: count.default(50).describe('steps between two looks at the judged model'),
  reportSequences: z
    .int()
    .min(2)
    .default(firstLookText.reportSequences)
    .describe('validation sequences of such a look'),
  finalSequences: z.int().min(2).default(firstLookText.finalSequences),
  race: raceSchema({
    stages: [
      { layers: 2, steps: 100 },
      { layers: 4, steps: 60 },
      { layers: 8, steps: 40 },
      { layers: 16, steps: 24 },
      { layers: 32, steps: 16 },
    ],
    validation: 64,
    retraining: 40,
  }),
});

export type TextDepths = z.infer<typeof textSchema>;
