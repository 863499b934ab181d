import * as z from 'zod';
import { firstLookText } from '../../task/text/configuration.ts';
import { textFlowShape } from '../control/text/flow-shape.ts';

const count = z.int().min(1);

/** Everything that a first look can be told; `parse({})` is the preset. */
export const firstLookSchema = z.strictObject({
  ...textFlowShape,
  stages: z
    .array(z.strictObject({ layers: count, steps: z.int().min(0) }))
    .min(1)
    .default([...firstLookText.stages])
    .describe('depths, each twice the one before, and the steps of Adam at each'),
  rate: z.number().positive().default(firstLookText.rate).describe('of Adam, after warm-up'),
  warmUp: z.int().min(0).default(firstLookText.warmUp).describe('steps'),
  reportEvery: count.default(firstLookText.reportEvery).describe('steps between two reports'),
  reportSequences: z.int().min(2).default(firstLookText.reportSequences),
  finalSequences: z.int().min(2).default(firstLookText.finalSequences),
});

export type FirstLook = z.infer<typeof firstLookSchema>;
