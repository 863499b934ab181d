import * as z from 'zod';
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

/** The fields of a Gaussian law and a constant layer. */
export const gaussianFlowFields = {
  law: gaussianLawSchema,
  attention: z.enum(['softmax', 'l2', 'sinkhorn']).default('softmax'),
  heads: z
    .array(z.union([bilinearHead, distanceHeadSchema]))
    .default([])
    .describe('heads {V, B}; for l2 attention {V, Q, K, scale}'),
  W: matrix.optional().describe('feed-forward matrix, d × d; default 0'),
  b: numbers.optional().describe('feed-forward bias, d numbers; default 0'),
};

const flowFieldsSchema = z.strictObject(gaussianFlowFields);

/** What a schema of single heads cannot see: that they are of the kind that the attention takes. */
export function headComplaints({
  attention,
  heads,
}: Pick<z.infer<typeof flowFieldsSchema>, 'attention' | 'heads'>): {
  readonly path: string;
  readonly message: string;
}[] {
  return heads.flatMap((head, h) =>
    'Q' in head === (attention === 'l2')
      ? []
      : [
          {
            path: `heads.${h}`,
            message: `${attention} attention takes heads ${attention === 'l2' ? '{V, Q, K, scale}' : '{V, B}'}`,
          },
        ],
  );
}

/** A Gaussian law and a constant layer, up to a depth. */
export const gaussianFlowSchema = z
  .strictObject({
    ...gaussianFlowFields,
    horizon: positive.default(10).describe('T; the flow stops earlier at a blow-up'),
  })
  .superRefine((value, context) => {
    for (const { path, message } of headComplaints(value)) {
      context.addIssue({ code: 'custom', path: path.split('.'), message });
    }
  });

/** The fields of two Gaussian laws of equal rank, and how to steer between them. */
export const steeringFields = {
  from: gaussianLawSchema,
  to: gaussianLawSchema,
  realisation: z.enum(realisations).default('feed-forward'),
  bestApproximation: z
    .boolean()
    .default(false)
    .describe(
      'whether unequal ranks are answered with the best reachable law instead of a refusal',
    ),
};

export type GaussianFlowInstance = z.infer<typeof gaussianFlowSchema>;
/** A law and a layer without a depth. */
export type LawAndLayer = z.infer<typeof flowFieldsSchema>;

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
export function layerOfInstance(instance: LawAndLayer): GaussianLayer {
  const heads = instance.heads.map((head, h): GaussianHead => {
    const at = (name: string) => `heads[${h}].${name}`;
    const V = fromRows(head.V, at('V'));
    if ('B' in head) return { V, B: fromRows(head.B, at('B')) };
    const { scale } = head;
    return distanceHead({
      V,
      Q: fromRows(head.Q, at('Q')),
      K: fromRows(head.K, at('K')),
      scale,
    });
  });
  return gaussianLayer({
    dimension: instance.law.mean.length,
    attention: instance.attention,
    heads,
    W: instance.W && fromRows(instance.W, 'W'),
    b: instance.b,
  });
}
