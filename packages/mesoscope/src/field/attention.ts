import { MesoscopeError } from '../errors.ts';
import type { AttentionKind, AttentionShape, MatrixRef } from '../kernels/instruction.ts';
import { literal, one, type ProgramBuilder } from '../kernels/program.ts';
import { requireFinite } from '../numeric/checks.ts';
import { requireCount, requireName } from './check.ts';
import {
  type Field,
  type FieldGradients,
  type FieldInput,
  type FieldTrace,
  parameterLayout,
  parameterMatrix,
} from './field.ts';

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
  /** 1, or 1/H. */
  readonly headWeight: number;
}

/**
 * Multi-head self-attention as a field:
 * `f(h)_i = c Σ_{h ≤ H} O_h V_h Σ_j P^h_ij h_j`, with P from the scores as in {@link AttentionKind}, c = 1 or 1/H, and
 * O_h absent unless asked for. In the notation of tilted means, softmax gives `f(h)_i = c Σ_h V_h ȳ_μ(B_h h_i)` with
 * `B_h = β K_hᵀ Q_h` and μ the weighted law of the tokens.
 *
 * The values are formed before the means: for v ≤ d this never costs more than pushing the tilted means through V,
 * all heads are one product, and the kernel adds the heads where there is no output matrix.
 *
 * Source: arXiv 1706.03762 (attention); arXiv 2006.04710 (`l2`); arXiv 2312.10794 (as an interacting particle system).
 *
 * @throws MesoscopeError `invalid-value`, `not-finite`, `unknown-name`
 */
export function attention(options: AttentionOptions): Field {
  const resolved = resolve(options);
  const { shape, form, output } = resolved;
  const { heads, keyDimension, valueDimension } = shape;
  const d = options.dimension;
  const parameters = parameterLayout({
    ...(form === 'bilinear'
      ? { B: [heads * d, d, 1 / d] as const }
      : { Q: [heads * keyDimension, d] as const, K: [heads * keyDimension, d] as const }),
    ...(output
      ? { V: [heads * valueDimension, d] as const, O: [d, heads * valueDimension] as const }
      : { V: [heads * d, d, 1 / Math.sqrt(resolved.headWeight === 1 ? heads * d : d)] as const }),
  });

  function trace(builder: ProgramBuilder, input: FieldInput): FieldTrace {
    const { state } = input;
    const n = state.columns;
    const matrix = (name: string) => parameterMatrix(parameters, input.parameters, name);
    const apply = (name: string): MatrixRef => {
      const a = matrix(name);
      const c = builder.scratch(a.rows, n);
      builder.emit({
        op: 'product',
        a,
        transposeA: false,
        b: state,
        c,
        alpha: one,
        accumulate: false,
      });
      return c;
    };
    const queries = apply(form === 'bilinear' ? 'B' : 'Q');
    const keys = form === 'bilinear' ? state : apply('K');
    const values = apply('V');
    const normaliser = builder.scratch(heads, n);
    const out = builder.scratch(output ? heads * valueDimension : d, n);
    const alpha = output ? 1 : resolved.headWeight;
    const operands = {
      queries,
      keys,
      values,
      ...(input.weights === undefined ? {} : { weights: input.weights }),
      normaliser,
      alpha,
      ...shape,
    };
    builder.emit({ op: 'attention', ...operands, out });
    const value = output ? builder.scratch(d, n) : out;
    if (output) {
      builder.emit({
        op: 'product',
        a: matrix('O'),
        transposeA: false,
        b: out,
        c: value,
        alpha: literal(resolved.headWeight),
        accumulate: false,
      });
    }

    function pullback(p: MatrixRef, gradients: FieldGradients): void {
      const zeros = (rows: number): MatrixRef => {
        const y = builder.scratch(rows, n);
        builder.emit({ op: 'fill', y, value: 0 });
        return y;
      };
      const gradient = gradients.parameters;
      /** `g = ∂/∂(A h)` pulled back to the block A and to the state. */
      const pullBackProduct = (name: string, g: MatrixRef) => {
        if (gradient !== undefined) {
          builder.emit({
            op: 'outer',
            a: g,
            b: state,
            c: parameterMatrix(parameters, gradient, name),
            alpha: one,
            accumulate: true,
          });
        }
        if (gradients.state !== undefined) {
          builder.emit({
            op: 'product',
            a: matrix(name),
            transposeA: true,
            b: g,
            c: gradients.state,
            alpha: one,
            accumulate: true,
          });
        }
      };
      const costate = output ? builder.scratch(out.rows, n) : p;
      if (output) {
        const alphaOut = literal(resolved.headWeight);
        builder.emit({
          op: 'product',
          a: matrix('O'),
          transposeA: true,
          b: p,
          c: costate,
          alpha: alphaOut,
          accumulate: false,
        });
        if (gradient !== undefined) {
          builder.emit({
            op: 'outer',
            a: p,
            b: out,
            c: parameterMatrix(parameters, gradient, 'O'),
            alpha: alphaOut,
            accumulate: true,
          });
        }
      }
      const gQueries = zeros(queries.rows);
      const gKeys =
        form === 'bilinear' && gradients.state !== undefined ? gradients.state : zeros(keys.rows);
      const gValues = zeros(values.rows);
      builder.emit({ op: 'attentionPullback', ...operands, p: costate, gQueries, gKeys, gValues });
      pullBackProduct(form === 'bilinear' ? 'B' : 'Q', gQueries);
      if (form === 'query-key') pullBackProduct('K', gKeys);
      pullBackProduct('V', gValues);
    }

    return { value, pullback };
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
  const keyDimension = options.keyDimension ?? (form === 'bilinear' ? dimension : Number.NaN);
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
    headWeight: combine === 'mean' ? 1 / heads : 1,
  };
}
