import * as z from 'zod';
import { raceSchema, stagesSchema } from '../race-schema.ts';

const count = z.int().min(1);

/** Everything that the study of digits can be told; `parse({})` is the preset. */
export const digitsSchema = z.strictObject({
  images: z
    .string()
    .default('mnist')
    .describe('images by name, or the path of a JSON file {width, height, pixels, labels}'),
  classes: z.int().min(2).default(10).describe('C'),
  seed: z.int().min(0).default(1),
  split: z
    .strictObject({
      training: count.default(7000),
      validation: z.int().min(2).default(1000),
      heldOut: z.int().min(2).default(2000),
    })
    .prefault({})
    .describe('numbers of images'),
  patch: count.default(7).describe('side of a patch in pixels; a patch is a token'),
  dimension: count.default(22).describe('d: frequencies of a patch, and its place'),
  heads: count.default(2).describe('H'),
  keyDimension: count.default(8).describe('k'),
  hidden: count.default(32).describe('width of the feed-forward layer'),
  activation: z.enum(['tanh', 'relu', 'gelu', 'silu']).default('gelu'),
  normalisation: z.enum(['layer', 'rms']).default('layer'),
  horizon: z.number().positive().default(1).describe('T'),
  regularisation: z.number().min(0).default(3e-3).describe('λ of ∫(λ/2)|θ|² dt'),
  batch: count.default(32).describe('images a step'),
  prolongation: z.enum(['repeat', 'linear']).default('repeat'),
  stages: stagesSchema
    .default([
      { layers: 2, steps: 1000 },
      { layers: 4, steps: 600 },
      { layers: 8, steps: 250 },
    ])
    .describe('depths and steps of the model that is judged'),
  rate: z
    .number()
    .positive()
    .default(0.01)
    .describe('of Adam, decaying by a cosine over all steps of a training'),
  warmUp: z.int().min(0).default(20).describe('steps'),
  linear: z
    .array(z.number().positive())
    .min(1)
    .default([0.003, 0.001, 0.0003])
    .describe('λ of the linear classifier; the validation images choose'),
  race: raceSchema({ validation: 400 }),
});

export type Digits = z.infer<typeof digitsSchema>;
