import * as z from 'zod';
import { fromRows, multiply, scale, toRows, transpose } from '../numeric/matrix.ts';
import type { SphereAttention, SphereHead } from './attention.ts';
import type { Tokens } from './tokens.ts';

const numbers = z.array(z.number()).min(1);
const matrix = z.array(numbers).min(1);

const bilinearHead = z.strictObject({
  B: matrix.describe('score ⟨Bx, y⟩ of query x and key y, d × d'),
  V: matrix.describe('value matrix, d × d'),
});
const queryKeyHead = z.strictObject({
  Q: matrix.describe('query matrix, k × d'),
  K: matrix.describe('key matrix, k × d'),
  V: matrix.describe('value matrix, d × d'),
  scale: z.number().optional().describe('β in the score β⟨Qx, Ky⟩; default 1/√k'),
});

export const kindField = z
  .enum(['softmax', 'unnormalised'])
  .default('softmax')
  .describe('softmax: weights e^s over their sum; unnormalised: e^s/n');

/** Tokens of one's own. */
export const tokensField = matrix.describe('n tokens of d numbers; their directions count');

/** Heads of one's own. */
export const headsField = z
  .array(z.union([bilinearHead, queryKeyHead]))
  .min(1)
  .describe('heads {B, V}, or {Q, K, V, scale}; their outputs are added');

/** Tokens and one constant layer of attention on the sphere. */
export const sphereFields = {
  tokens: tokensField,
  kind: kindField,
  causal: z.boolean().default(false).describe('whether token i sees tokens j ≤ i only'),
  heads: headsField,
};

export type SphereInstance = z.output<z.ZodObject<typeof sphereFields>>;

/** Heads as scores and values: `B = βKᵀQ`. @throws MesoscopeError `shape-mismatch` */
export function headsOf(heads: SphereInstance['heads']): SphereHead[] {
  return heads.map((head) => {
    if ('B' in head) return head;
    const [Q, K] = [fromRows(head.Q, 'Q'), fromRows(head.K, 'K')];
    const beta = head.scale ?? 1 / Math.sqrt(Q.rows);
    return { B: toRows(scale(beta, multiply(transpose(K), Q))), V: head.V };
  });
}

/** The attention of an instance. */
export function attentionOf({
  kind,
  causal,
  heads,
}: Omit<SphereInstance, 'tokens'>): SphereAttention {
  return { kind, causal, heads: headsOf(heads) };
}

/** Complaints about tokens that are no two directions or more of two numbers or more; their shapes are checked by the schema. */
export function tokenComplaints(
  tokens: Tokens,
): { readonly path: string; readonly message: string }[] {
  return [
    ...(tokens.length < 2 ? [{ path: 'tokens', message: 'must be two or more' }] : []),
    ...(tokens[0].length < 2
      ? [{ path: 'tokens.0', message: 'must be two numbers or more: S⁰ has no way to go' }]
      : []),
    ...tokens.flatMap((token, i) =>
      token.some((entry) => entry !== 0)
        ? []
        : [{ path: `tokens.${i}`, message: 'must not be 0, since its direction counts' }],
    ),
  ];
}
