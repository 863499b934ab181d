import * as z from 'zod';
import { stagesSchema } from '../../control/race-schema.ts';

const count = z.int().min(1);

export const refinementRaceSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  seeds: count.default(5),
  corpus: z
    .string()
    .default('moby-dick')
    .describe('a corpus by name, or the path of a UTF-8 text file'),
  context: count.default(64).describe('n, characters seen at most'),
  dimension: count.default(128).describe('d, a multiple of the number of heads'),
  heads: count.default(4).describe('H, attention heads a layer'),
  hidden: count.default(512).describe('width of the feed-forward layer'),
  batch: count.default(8).describe('sequences a step'),
  shallow: z
    .strictObject({
      layers: count.default(2).describe('its layers are steps of length 1'),
      steps: count.default(400),
    })
    .prefault({})
    .describe('the stack that is trained first'),
  stages: stagesSchema
    .default([
      { layers: 4, steps: 120 },
      { layers: 8, steps: 120 },
    ])
    .describe(
      'depths to which it is refined, and steps of the fine-tuning at each; the first is twice the shallow one',
    ),
  deepSteps: count.default(400).describe('steps of the deepest stack from a random start'),
  rate: z
    .number()
    .positive()
    .default(0.003)
    .describe('of Adam, decaying by a cosine in each training'),
  warmUp: z.int().min(0).default(20).describe('steps'),
  regularisation: z.number().min(0).default(1e-5).describe('λ of ∫(λ/2)|θ|² dt'),
  reportEvery: count.default(20).describe('steps between two looks at the validation loss'),
  validation: z.int().min(2).default(32).describe('sequences of a look'),
});

export type RefinementRace = z.infer<typeof refinementRaceSchema>;
