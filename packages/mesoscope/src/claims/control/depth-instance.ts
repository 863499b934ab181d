import { z } from 'zod';
import { affine } from '../../field/affine.ts';
import { attention } from '../../field/attention.ts';
import { feedForward } from '../../field/feed-forward.ts';
import type { Field } from '../../field/field.ts';
import { parametersFromMatrices } from '../../field/parameters.ts';
import { sumOf } from '../../field/sum.ts';

/** Zod's form of a list of finite numbers, and of a list of such lists, neither empty. */
export const vector = z.array(z.number()).min(1);
export const matrix = z.array(vector).min(1);

/** Numbers of layers at which orders are measured, unless said otherwise. */
export const defaultDepths: number[] = [8, 16, 32, 64, 128, 256, 512];

const head = z.strictObject({
  Q: matrix.describe('k × d'),
  K: matrix.describe('k × d'),
  V: matrix.describe('d × d; v × d if there is an O'),
  O: matrix.optional().describe('d × v, in every head or in none'),
});

const feedForwardPart = z
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
export const depthInstanceShape = {
  h0: matrix.describe('n tokens of d numbers'),
  heads: z.array(head).min(1).describe('summed; scores ⟨Qx, Ky⟩/√k'),
  feedForward: feedForwardPart,
  causal: z.boolean().default(false).describe('token i sees tokens j ≤ i only'),
  horizon: z.number().positive().default(1).describe('T'),
  depths: z
    .array(z.int().min(1))
    .min(4)
    .default(defaultDepths)
    .describe('numbers of layers L, increasing, at least 4')
    .refine((depths) => depths.every((L, i) => i === 0 || L > depths[i - 1]), {
      message: 'must increase',
    }),
};

export const depthInstance = z.strictObject(depthInstanceShape);

export type DepthInstance = z.infer<typeof depthInstance>;

/** A field and one parameter vector for it. */
export interface Layer {
  readonly field: Field;
  readonly parameters: Float64Array;
}

/**
 * The layer that an instance describes: heads summed, feed-forward part added.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value` where matrices do not fit together
 */
export function layerOf(
  instance: Pick<DepthInstance, 'h0' | 'heads' | 'feedForward' | 'causal'>,
): Layer {
  const { heads, causal } = instance;
  const dimension = instance.h0[0].length;
  const output = heads.some((given) => given.O !== undefined);
  const attend = attention({
    dimension,
    heads: heads.length,
    keyDimension: heads[0].Q.length,
    ...(output ? { valueDimension: heads[0].V.length } : {}),
    causal,
    output,
  });
  const named = {
    'attention.Q': heads.map((given) => given.Q),
    'attention.K': heads.map((given) => given.K),
    'attention.V': heads.map((given) => given.V),
    ...(output ? { 'attention.O': heads.map((given) => given.O ?? []) } : {}),
  };
  const part = instance.feedForward;
  if (part === null) {
    const field = sumOf({ attention: attend });
    return { field, parameters: parametersFromMatrices(field, named) };
  }
  const zeros = (length: number) => new Array<number>(length).fill(0);
  if ('W' in part) {
    const field = sumOf({ attention: attend, affine: affine({ dimension }) });
    const { W, b = zeros(dimension) } = part;
    return {
      field,
      parameters: parametersFromMatrices(field, { ...named, 'affine.W': W, 'affine.b': b }),
    };
  }
  const hidden = part.W1.length;
  const field = sumOf({
    attention: attend,
    feedForward: feedForward({ dimension, hidden, activation: part.activation }),
  });
  const { W1, b1 = zeros(hidden), W2, b2 = zeros(dimension) } = part;
  return {
    field,
    parameters: parametersFromMatrices(field, {
      ...named,
      'feedForward.W1': W1,
      'feedForward.b1': b1,
      'feedForward.W2': W2,
      'feedForward.b2': b2,
    }),
  };
}
