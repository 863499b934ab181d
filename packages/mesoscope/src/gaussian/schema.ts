import { z } from 'zod';
import { fromRows } from '../numeric/matrix.ts';
import { distanceHead, type GaussianHead, type GaussianLayer, gaussianLayer } from './layer.ts';
import type { GaussianMoments } from './moments.ts';
import { realisations } from './reachability/steer.ts';

const numbers = z.array(z.number()).min(1);
const matrix = z.array(numbers).min(1);
const positive = z.number().positive();

/** `{"mean": […], "covariance": [[…]]}`. */
export const gaussianLawSchema = z.strictObject({
  mean: numbers.describe('m, d numbers'),
  covariance: matrix.describe('Σ, d × d, symmetric positive semi-definite, not zero'),
});

const bilinearHead = z.strictObject({
  V: matrix.describe('value matrix, d × d'),
  B: matrix.describe('score ⟨Bx, y⟩ of query x and key y, d × d'),
});

const distanceHeadSchema = z.strictObject({
  V: matrix.describe('value matrix, d × d'),
  Q: matrix.describe('query matrix, k × d'),
  K: matrix.describe('key matrix, k × d'),
  scale: positive.optional().describe('β in the score −β|Qx − Ky|²; default 1/√k'),
});

/** A Gaussian law and a constant layer. */
export const gaussianFlowSchema = z
  .strictObject({
    law: gaussianLawSchema,
    attention: z.enum(['softmax', 'l2', 'sinkhorn']).default('softmax'),
    heads: z
      .array(z.union([bilinearHead, distanceHeadSchema]))
      .default([])
      .describe('heads {V, B}; for l2 attention {V, Q, K, scale}'),
    W: matrix.optional().describe('feed-forward matrix, d × d; default 0'),
    b: numbers.optional().describe('feed-forward bias, d numbers; default 0'),
    horizon: positive.default(10).describe('T; the flow stops earlier at a blow-up'),
  })
  .superRefine((value, context) => {
    value.heads.forEach((head, h) => {
      if ('Q' in head !== (value.attention === 'l2')) {
        context.addIssue({
          code: 'custom',
          path: ['heads', h],
          message: `${value.attention} attention takes heads ${value.attention === 'l2' ? '{V, Q, K, scale}' : '{V, B}'}`,
        });
      }
    });
  });

/** Two Gaussian laws of equal rank, and how to steer between them. */
export const steeringSchema = z.strictObject({
  from: gaussianLawSchema,
  to: gaussianLawSchema,
  realisation: z.enum(realisations).default('feed-forward'),
  horizon: positive.default(1).describe('T'),
  bestApproximation: z
    .boolean()
    .default(false)
    .describe(
      'whether unequal ranks are answered with the best reachable law instead of a refusal',
    ),
});

export type GaussianFlowInstance = z.infer<typeof gaussianFlowSchema>;
export type SteeringInstance = z.infer<typeof steeringSchema>;

/** The law of a configuration. @throws MesoscopeError `shape-mismatch`, `not-finite` */
export function lawOfInstance(
  law: z.infer<typeof gaussianLawSchema>,
  path = 'law',
): GaussianMoments {
  return {
    mean: Float64Array.from(law.mean),
    covariance: fromRows(law.covariance, `${path}.covariance`),
  };
}

/** The layer of a configuration. @throws MesoscopeError `shape-mismatch`, `not-finite` */
export function layerOfInstance(instance: GaussianFlowInstance): GaussianLayer {
  const heads = instance.heads.map((head, h): GaussianHead => {
    const at = (name: string) => `heads[${h}].${name}`;
    const V = fromRows(head.V, at('V'));
    if ('B' in head) return { V, B: fromRows(head.B, at('B')) };
    const { scale } = head;
    return distanceHead({
      V,
      Q: fromRows(head.Q, at('Q')),
      K: fromRows(head.K, at('K')),
      ...(scale === undefined ? {} : { scale }),
    });
  });
  return gaussianLayer({
    dimension: instance.law.mean.length,
    attention: instance.attention,
    heads,
    ...(instance.W === undefined ? {} : { W: fromRows(instance.W, 'W') }),
    ...(instance.b === undefined ? {} : { b: instance.b }),
  });
}
