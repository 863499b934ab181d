import * as z from 'zod';
import { outputMetrics } from '../../../checkpoint/depth/output-change.ts';
import { coarsenings } from '../../../checkpoint/depth/stack-plan.ts';

const layer = z.int().min(0);

export const surgerySchema = z.strictObject({
  seed: z.int().min(0).default(1),
  checkpoint: z
    .string()
    .min(1, 'Name the folder or file of a trained model.')
    .describe('path of a folder or file with a trained model'),
  text: z
    .string()
    .default('moby-dick')
    .describe('a corpus by name, or the path of a UTF-8 text file; read where no ids are given'),
  inputs: z.int().min(1).default(4).describe('pieces of the text, taken at even distances'),
  tokens: z.int().min(8).default(64).describe('n, tokens of each input'),
  ids: z
    .array(z.array(layer).min(8))
    .min(1)
    .optional()
    .describe('numbers of tokens, one list for each input, in place of a text'),
  refine: z
    .array(z.int().min(2))
    .default([2, 4, 8])
    .refine((all) => all.every((m, i) => m === 2 ** (i + 1)), {
      message: 'must be 2, 4, 8, …: each number of steps twice the one before it',
    })
    .describe('m: each layer of the segment as m steps of length 1/m'),
  segment: z
    .tuple([layer, layer])
    .optional()
    .describe('layers a ≤ l < b that are operated on; default all'),
  perLayer: z
    .boolean()
    .default(false)
    .describe('whether each layer is halved alone and the norm of its derivative measured'),
  ends: z
    .boolean()
    .default(true)
    .describe('whether the first and the last layer, and all but these, are refined apart'),
  coarsen: z
    .array(z.enum(coarsenings))
    .optional()
    .describe(
      'default all; pairs: one step with the mean of two neighbouring fields; drop: every other layer left out, the rest twice as long; swap: neighbours exchanged',
    ),
  metric: z
    .enum(outputMetrics)
    .optional()
    .describe(
      'nll: cross-entropy of the next token; state: |X′ − X|/|X| after the last norm; cosine: 1 − cos of mean tokens. Default nll for a model with logits, else state',
    ),
});

export type Surgery = z.infer<typeof surgerySchema>;
