import { MesoscopeError } from '../errors.ts';
import type { AttentionKind, AttentionShape, MatrixRef } from '../kernels/instruction.ts';
import { literal, type ProgramBuilder, rowsOf } from '../kernels/program.ts';
import { requireFinite } from '../numeric/checks.ts';
import { requireCount, requireName } from './check.ts';
import { type Field, type FieldInput, parameterLayout, parameterMatrix } from './field.ts';

export const attentionKinds: readonly AttentionKind[] = [
  'softmax',
  'l2',
  'hardmax',
  'unnormalised',
  'linear',
];

export interface AttentionOptions {
  /** d. */
  readonly dimension: number;
  /** H. */
  readonly heads: number;
  /** k, rows of one head's Q and K. The bilinear form has k = d; there it may be left out. */
  readonly keyDimension?: number;
  /** v, rows of one head's V when there is an output matrix; default k, or d in the bilinear form. */
  readonly valueDimension?: number;
  /** How scores become weights; default `softmax`. */
  readonly kind?: AttentionKind;
  /** Token i sees tokens j ≤ i only; default false. */
  readonly causal?: boolean;
  /** β; default `1/√k`, in the bilinear form 1 (β is part of B). */
  readonly scale?: number;
  /**
   * - `query-key` (default): `s_ij = β⟨Q h_i, K h_j⟩`, blocks Q and K, (H·k)×d;
   * - `bilinear`: `s_ij = β⟨B h_i, h_j⟩`, block B, (H·d)×d.
   */
  readonly form?: 'query-key' | 'bilinear';
  /**
   * Without (default) V is d×d for each head, block V (H·d)×d. With, V is v×d and O d×v for each head:
   * blocks V, (H·v)×d, and O, d×(H·v), the heads' matrices side by side.
   */
  readonly output?: boolean;
  /** `sum` (default): `Σ_h`, a real layer; `mean`: `(1/H) Σ_h`, a law of heads. */
  readonly combine?: 'sum' | 'mean';
}

interface ResolvedAttention {
  readonly shape: AttentionShape;
  readonly form: 'query-key' | 'bilinear';
  readonly output: boolean;
  readonly combine: 'sum' | 'mean';
}

/**
 * Multi-head self-attention as a field:
 * `f(h)_i = c Σ_{a ≤ H} O_a V_a Σ_j P^a_ij h_j`, with P^a from head a's scores as in {@link AttentionKind}, c = 1 or
 * 1/H, and O_a absent unless asked for. In the notation of tilted means, softmax gives
 * `f(h)_i = c Σ_a V_a ȳ_μ(B_a h_i)` with `B_a = β K_aᵀ Q_a` and μ the weighted law of the tokens.
 *
 * The values are formed before the means: for v ≤ d this never costs more than pushing the tilted means through V, the
 * queries, keys and values of all heads are one product, and without an output matrix the kernel adds the heads.
 *
 * Source: arXiv 1706.03762 (attention); arXiv 2006.04710 (`l2`); arXiv 2312.10794 (as an interacting particle system).
 *
 * @throws MesoscopeError `invalid-value`, `not-finite`, `unknown-name`
 */
export function attention(options: AttentionOptions): Field {
  const { shape, form, output, combine } = resolve(options);
  const { heads, keyDimension, valueDimension } = shape;
  const d = options.dimension;
  const queryRows = heads * keyDimension;
  const keyRows = form === 'bilinear' ? 0 : queryRows;
  const valueRows = heads * valueDimension;
  const parameters = parameterLayout({
    ...(form === 'bilinear'
      ? { B: [queryRows, d, 1 / d] as const }
      : { Q: [queryRows, d] as const, K: [keyRows, d] as const }),
    ...(output
      ? { V: [valueRows, d] as const, O: [d, valueRows] as const }
      : { V: [valueRows, d, 1 / Math.sqrt(combine === 'sum' ? heads * d : d)] as const }),
  });
  const headWeight = combine === 'mean' ? 1 / heads : 1;

  function trace(builder: ProgramBuilder, input: FieldInput): MatrixRef {
    const { state, parameters: theta, weights } = input;
    // The blocks Q, K, V (or B, V) follow one another: one matrix takes tokens to queries, keys and values.
    const maps = { ...theta, rows: queryRows + keyRows + valueRows, columns: d, stride: d };
    const mapped = builder.product(maps, state);
    const out = builder.attention({
      shape,
      queries: rowsOf(mapped, 0, queryRows),
      keys: form === 'bilinear' ? state : rowsOf(mapped, queryRows, keyRows),
      values: rowsOf(mapped, queryRows + keyRows, valueRows),
      weights,
      alpha: output ? 1 : headWeight,
      summed: !output,
    });
    if (!output) return out;
    const O = parameterMatrix(parameters, theta, 'O');
    return builder.product(O, out, { alpha: literal(headWeight) });
  }

  return {
    name: `${shape.kind} attention, ${heads} head${heads === 1 ? '' : 's'}`,
    dimension: d,
    parameters,
    trace,
  };
}

function resolve(options: AttentionOptions): ResolvedAttention {
  const { dimension, heads, form = 'query-key', output = false, combine = 'sum' } = options;
  const kind = options.kind ?? 'softmax';
  requireCount('dimension', dimension);
  requireCount('heads', heads);
  requireName('attention kind', kind, attentionKinds);
  requireName('attention form', form, ['query-key', 'bilinear']);
  requireName('combination of heads', combine, ['sum', 'mean']);
  const keyDimension = options.keyDimension ?? (form === 'bilinear' ? dimension : undefined);
  requireCount('keyDimension', keyDimension);
  if (form === 'bilinear' && keyDimension !== dimension) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'keyDimension',
      received: keyDimension,
      expected: `the dimension ${dimension}, since the tokens themselves are the keys`,
      wayOut: 'Leave it out, or use the form "query-key".',
    });
  }
  const valueDimension = options.valueDimension ?? (output ? keyDimension : dimension);
  requireCount('valueDimension', valueDimension);
  if (!output && valueDimension !== dimension) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'valueDimension',
      received: valueDimension,
      expected: `the dimension ${dimension}, since there is no output matrix`,
      wayOut: 'Leave it out, or set "output" to true.',
    });
  }
  const scale = options.scale ?? (form === 'bilinear' ? 1 : 1 / Math.sqrt(keyDimension));
  requireFinite('scale', [scale]);
  return {
    shape: { kind, causal: options.causal ?? false, heads, keyDimension, valueDimension, scale },
    form,
    output,
    combine,
  };
}
