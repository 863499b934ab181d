import * as z from 'zod';
import { lawSchema } from '../../law/schema.ts';

const count = z.int().min(1);
const rows = z.array(z.array(z.number()).min(1)).min(1);

/** Own inputs; without them a study makes its preset's from the seed. */
export const taskFields = {
  contexts: z.array(lawSchema).min(1).optional().describe('N token laws; default: the preset’s'),
  tokens: rows.optional().describe('N tokens of d numbers; with contexts'),
};

/** What a training of a law of heads can be told, with a preset's defaults. */
export function trainingSchema(preset: {
  readonly layers: number;
  readonly heads: number;
  readonly steps: number;
}) {
  return z.strictObject({
    seed: z.int().min(0).default(1),
    ...taskFields,
    targets: rows.optional().describe('N targets of d numbers, for the square loss'),
    labels: z
      .array(z.int().min(0))
      .min(1)
      .optional()
      .describe(
        'N classes, for cross-entropy; default: the sign of the first coordinate of the targets',
      ),
    loss: z.enum(['square', 'cross-entropy']).default('square'),
    layers: count.default(preset.layers).describe('L, depths'),
    heads: count.default(preset.heads).describe('H, heads at each depth'),
    keyDimension: count.optional().describe('k, rows of Q and K; default d'),
    affine: z.boolean().default(false).describe('an affine part W h + b in each layer'),
    contextPoints: count.default(32).describe('points that stand for a context without points'),
    step: z
      .number()
      .positive()
      .default(0.05)
      .describe('first step Δτ of training time; the learning rate of a head is LH Δτ'),
    energyTolerance: z
      .number()
      .positive()
      .lt(1)
      .default(0.1)
      .describe('largest relative defect of the energy identity in one step'),
    steps: count.default(preset.steps).describe('of gradient flow, at most'),
    target: z.number().min(0).default(1e-12).describe('loss at which training stops'),
    reportEvery: count.default(20).describe('steps between two reports'),
  });
}

export type EnsembleTraining = z.infer<ReturnType<typeof trainingSchema>>;
