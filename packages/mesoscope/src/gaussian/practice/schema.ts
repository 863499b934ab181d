import * as z from 'zod';
import type { TransformerShape } from './stacks.ts';

/** The shape of a transformer. */
export const shapeField = z
  .strictObject({
    name: z.string().min(1).default('given shape'),
    layers: z.int().min(1).describe('L'),
    dimension: z.int().min(1).describe('d, a multiple of the number of heads'),
    heads: z.int().min(1).describe('H'),
    hidden: z.int().min(1).describe('width of the feed-forward layer'),
  })
  .refine(({ dimension, heads }) => dimension % heads === 0, {
    path: ['dimension'],
    message: 'must be a multiple of the number of heads',
  });

/** As deep as needed, as narrow as possible. */
export const narrowShapes: readonly TransformerShape[] = [
  { name: 'ModernBERT, narrow', layers: 10, dimension: 64, heads: 4, hidden: 96 },
  { name: 'Tiny-DeiT, narrow', layers: 8, dimension: 48, heads: 3, hidden: 192 },
];

/** Of the parts of blocks. */
export const normalisationKinds = z.enum(['layer', 'rms', 'none']);
