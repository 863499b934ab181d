import * as z from 'zod';

export const probeSchema = z.strictObject({
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
  tokens: z.int().min(8).default(96).describe('n, tokens of each input'),
  ids: z
    .array(z.array(z.int().min(0)).min(8))
    .min(1)
    .optional()
    .describe('numbers of tokens, one list for each input, in place of a text'),
  gaussian: z
    .enum(['none', 'matched', 'standard'])
    .default('none')
    .describe(
      'Gaussian tokens in place of the embedded ones: of the mean and covariance of all inputs together, or standard normal',
    ),
  states: z
    .boolean()
    .default(false)
    .describe('whether the states of all depths are kept, h0 … hL and final'),
  heads: z.boolean().default(false).describe('whether the report has a table of every head'),
});

export type Probe = z.infer<typeof probeSchema>;
