import * as z from 'zod';
import { inputFields } from '../../claims/checkpoint/instance.ts';

const own = z.enum(['own', 'off']).default('own');

export const probeSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  checkpoint: z
    .string()
    .min(1, 'Name the folder or file of a trained model.')
    .describe(
      'path of a folder or file with a trained model, or of a .npz of hidden states h0 … hL (n × d, or inputs × n × d)',
    ),
  ...inputFields,
  inputs: z.int().min(1).default(4).describe('pieces of the text, taken at even distances'),
  tokens: z.int().min(8).default(96).describe('n, tokens of each input'),
  overwrite: z
    .strictObject({
      K: z.enum(['own', 'Q', '-Q']).default('own').describe('keys: ±Q, without biases'),
      V: z.enum(['own', 'I', '-I']).default('own').describe('values: ±I, the mean over heads'),
      norm: own.describe('off: no normalisation'),
      feedForward: own.describe('off: attention alone'),
    })
    .prefault({})
    .describe('what is prescribed in every layer in place of what was trained'),
  layers: z
    .tuple([z.int().min(0), z.int().min(1)])
    .optional()
    .describe('a ≤ l < b: layers whose heads and steps are measured; default all'),
  practice: z
    .boolean()
    .default(true)
    .describe(
      'whether Gaussian tokens, and prescribed attention on the queries of the model, are followed too',
    ),
  states: z
    .boolean()
    .default(false)
    .describe('whether the states of all depths are kept, h0 … hL and final'),
  heads: z.boolean().default(false).describe('whether the report has a table of every head'),
});

export type Probe = z.infer<typeof probeSchema>;
