import * as z from 'zod';
import type { RandomStream } from '../../numeric/random.ts';
import { plainAttention, type SphereAttention } from '../../sphere/attention.ts';
import { headsField, headsOf, kindField, tokensField } from '../../sphere/schema.ts';
import { onSphere, uniformTokens } from '../../sphere/tokens.ts';

const uniformStart = z.strictObject({
  count: z.int().min(1).max(20_000).describe('n, uniform tokens'),
  dimension: z.int().min(2).describe('d, so that they lie on S^{d−1}'),
});

/** Uniform tokens, or tokens of one's own. */
export const startField = (count: number, dimension: number) =>
  z
    .union([uniformStart, z.strictObject({ tokens: tokensField })])
    .default({ count, dimension })
    .describe('{count, dimension} for uniform tokens, or {tokens}');

const plainLayer = z.strictObject({ beta: z.number().describe('β: B = βI, V = I') });

/** `B = βI`, `V = I`, or heads of one's own. */
export const layerField = (beta: number) =>
  z
    .union([plainLayer, z.strictObject({ heads: headsField })])
    .default({ beta })
    .describe('{beta} for B = βI and V = I, or {heads}');

export const attentionFields = (beta: number) => ({
  kind: kindField,
  causal: z.boolean().default(false).describe('whether token i sees tokens j ≤ i only'),
  layer: layerField(beta),
});

/** The tokens of a start. */
export function tokensOf(
  start: z.output<ReturnType<typeof startField>>,
  stream: RandomStream,
): number[][] {
  return 'tokens' in start
    ? onSphere(start.tokens)
    : uniformTokens(stream, start.count, start.dimension);
}

/** The attention of a layer on tokens of dimension d. */
export function attentionOfLayer(
  { kind, causal, layer }: z.output<z.ZodObject<ReturnType<typeof attentionFields>>>,
  d: number,
): SphereAttention {
  return 'beta' in layer
    ? plainAttention(d, layer.beta, kind, causal)
    : { kind, causal, heads: headsOf(layer.heads) };
}
