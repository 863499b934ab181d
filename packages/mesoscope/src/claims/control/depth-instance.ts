import * as z from 'zod';
import { matrix, vector } from '../fields.ts';

export { matrix };

/** Numbers of layers at which orders are measured, unless said otherwise. */
export const defaultDepths: readonly number[] = [8, 16, 32, 64, 128, 256, 512];

const head = z.strictObject({
  Q: matrix.describe('k × d'),
  K: matrix.describe('k × d'),
  V: matrix.describe('d × d; v × d if there is an O'),
  O: matrix.optional().describe('d × v, in every head or in none'),
});

const feedForward = z
  .union([
    z.strictObject({
      W1: matrix.describe('m × d'),
      b1: vector.optional().describe('m numbers, default 0'),
      W2: matrix.describe('d × m'),
      b2: vector.optional().describe('d numbers, default 0'),
      activation: z.enum(['tanh', 'relu', 'gelu', 'silu']).default('gelu'),
    }),
    z.strictObject({
      W: matrix.describe('d × d'),
      b: vector.optional().describe('d numbers, default 0'),
    }),
  ])
  .nullable()
  .default(null)
  .describe('W2 σ(W1 h + b1) + b2, or W h + b, added to the heads; null: none');

/** A sequence and the layer that acts on it, the same at all depths. */
export const depthData = {
  h0: matrix.describe('n tokens of d numbers'),
  heads: z.array(head).min(1).describe('summed; scores ⟨Qx, Ky⟩/√k'),
  feedForward,
  causal: z.boolean().default(false).describe('token i sees tokens j ≤ i only'),
};

/** T. */
export const horizonField = z.number().positive().default(1).describe('T');

/** What the readout of a sequence sees. */
export const poolingField = z
  .enum(['position', 'last', 'mean'])
  .default('position')
  .describe('what the readout sees: every token, the last one, or their mean');
