import { z } from 'zod';
import { firstLookSchema } from '../../first-look/schema.ts';
import { raceSchema, stagesSchema } from '../depth-trainings.ts';

/** Everything that the study of text can be told; `parse({})` is the preset: the problem of the first look. */
export const textSchema = firstLookSchema.extend({
  stages: stagesSchema
    .default([
      { layers: 2, steps: 800 },
      { layers: 4, steps: 400 },
      { layers: 8, steps: 200 },
      { layers: 16, steps: 100 },
    ])
    .describe('depths and steps of the model that is judged'),
  reportEvery: z.int().min(1).default(50).describe('steps between two looks at the judged model'),
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
