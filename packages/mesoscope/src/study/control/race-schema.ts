import * as z from 'zod';

const count = z.int().min(1);

/** Depths and steps at each; every depth is twice the one before. */
export const stagesSchema = z
  .array(z.strictObject({ layers: count, steps: count }))
  .min(1)
  .refine((list) => list.every(({ layers }, i) => i === 0 || layers === 2 * list[i - 1].layers), {
    message: 'each depth must be twice the one before',
  });

/** What the two ways of training the finest depth are given, and what is done with the refined models. */
export function raceSchema(defaults: { readonly validation: number }) {
  return z
    .strictObject({
      seeds: z.int().min(0).default(5).describe('0: no race'),
      stages: stagesSchema
        .default([
          { layers: 2, steps: 100 },
          { layers: 4, steps: 60 },
          { layers: 8, steps: 40 },
          { layers: 16, steps: 24 },
          { layers: 32, steps: 16 },
        ])
        .describe('of the refinement; the random start takes all its steps at the last depth'),
      reportEvery: count.default(8).describe('steps between two looks at the validation loss'),
      validation: z
        .int()
        .min(2)
        .default(defaults.validation)
        .describe('samples of a look, of the validation part'),
      coarsening: z
        .strictObject({
          layers: z
            .array(count)
            .default([16, 8])
            .describe('numbers of layers at which the refined model is sampled'),
          steps: count.default(40).describe('of the retraining of each'),
          rate: z.number().positive().default(0.003).describe('of Adam in the retraining'),
        })
        .prefault({})
        .describe('what is left of the trained model on fewer layers'),
    })
    .prefault({})
    .describe('depth refinement against training the finest depth from a random start');
}

export type RaceConfiguration = z.infer<ReturnType<typeof raceSchema>>;
