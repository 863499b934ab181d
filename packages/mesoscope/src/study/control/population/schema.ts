import * as z from 'zod';
import { controlSolvers } from '../../../control/solvers/index.ts';

const count = z.int().min(1);
const matrix = z.array(z.array(z.number())).min(1);

/** Everything that the study of a finite population can be told; `parse({})` is the preset. */
export const populationSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  words: z
    .strictObject({
      letters: z.int().min(2).max(6).default(3).describe('letters of the alphabet'),
      length: z.int().min(2).max(6).default(4).describe('n, letters of a word'),
      repetition: z.number().gt(0).lt(1).default(0.4).describe('probability to repeat a letter'),
      noise: z.number().min(0).lt(0.5).default(0.05).describe('probability of the wrong class'),
    })
    .prefault({})
    .describe('all words of an alphabet; does the last letter occur before?'),
  data: z
    .strictObject({
      h0: z.array(matrix).min(1).describe('M sequences of n tokens of d numbers'),
      labels: z.array(z.int().min(0)).min(1).describe('a class for each sequence'),
      probabilities: z
        .array(z.number().min(0))
        .min(1)
        .optional()
        .describe('of the sequences; default equal ones'),
    })
    .optional()
    .describe('an explicit population instead of words'),
  U: matrix.optional().describe('the readout, C × d, kept as it is; default random'),
  readout: z
    .number()
    .positive()
    .default(3)
    .describe('deviation of the entries of a random readout, times √d'),
  heads: count.default(1).describe('H'),
  keyDimension: count.default(2).describe('k'),
  hidden: count.default(6).describe('width of the feed-forward layer'),
  activation: z.enum(['tanh', 'relu', 'gelu', 'silu']).default('tanh'),
  pooling: z.enum(['last', 'mean']).default('last').describe('what the readout sees'),
  horizon: z.number().positive().default(1).describe('T'),
  regularisation: z.number().min(0).default(0.01).describe('λ of ∫(λ/2)|θ|² dt'),
  smoothness: z.number().min(0).default(0.01).describe('μ of ∫(μ/2)|θ̇|² dt'),
  depths: z
    .array(count)
    .min(1)
    .default([2, 4, 8, 16, 32])
    .refine((depths) => depths.every((L, i) => i === 0 || L === 2 * depths[i - 1]), {
      message: 'each must be twice the one before',
    })
    .describe('numbers of layers, each twice the one before, whose solution starts it'),
  prolongation: z.enum(['repeat', 'linear']).default('linear'),
  starts: count
    .default(6)
    .describe('random starts at the first depth; the lowest objective goes on'),
  solver: z.enum(controlSolvers).default('l-bfgs'),
  tolerance: z
    .number()
    .positive()
    .default(1e-8)
    .describe('of the first-order conditions, where the solver stops'),
  iterations: count.default(2000).describe('of the solver at each depth, at the most'),
  comparison: z
    .strictObject({
      layers: count.default(8).describe('L'),
      tolerance: z.number().positive().default(1e-6),
      iterations: count.default(1000).describe('of the gradient flow, Adam and L-BFGS'),
      smoothness: z
        .number()
        .min(0)
        .default(0)
        .describe('μ there: successive approximations take each layer by itself'),
      regularisation: z.number().min(0).default(0.1).describe('λ there'),
      sweeps: count.default(12).describe('of the methods of successive approximations'),
    })
    .prefault({})
    .describe('all solvers from one random start'),
});

export type PopulationStudy = z.infer<typeof populationSchema>;
