import * as z from 'zod';
import { firstLookText } from '../../../task/text/configuration.ts';
import { raceSchema, stagesSchema } from '../race-schema.ts';
import { textFlowShape } from './flow-shape.ts';

const count = z.int().min(1);

/** Everything that the study of text can be told; `parse({})` is the preset: the problem of the first look. */
export const textSchema = z.strictObject({
  ...textFlowShape,
  stages: stagesSchema
    .default([
      { layers: 2, steps: 800 },
      { layers: 4, steps: 400 },
      { layers: 8, steps: 200 },
      { layers: 16, steps: 100 },
    ])
    .describe('depths and steps of the model that is judged'),
  rate: z
    .number()
    .positive()
    .default(firstLookText.rate)
    .describe('of Adam, decaying by a cosine over all steps of a training'),
  warmUp: z.int().min(0).default(firstLookText.warmUp).describe('steps'),
  reportEvery: count.default(50).describe('steps between two looks at the judged model'),
  reportSequences: z
    .int()
    .min(2)
    .default(firstLookText.reportSequences)
    .describe('validation sequences of such a look'),
  finalSequences: z.int().min(2).default(firstLookText.finalSequences),
  race: raceSchema({ validation: 64 }),
});

export type TextDepths = z.infer<typeof textSchema>;
