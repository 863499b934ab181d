import { MesoscopeError } from '../errors.ts';
import type { AttentionKind, AttentionShape, MatrixRef } from '../kernels/instruction.ts';
import { literal, one, type ProgramBuilder, rowsOf } from '../kernels/program.ts';
import { requireFinite } from '../numeric/checks.ts';
import { requireCount, requireName } from './check.ts';
import {
  type Field,
  type FieldGradients,
  type FieldInput,
  type FieldTrace,
  type ParameterRef,
  parameterLayout,
  parameterMatrix,
} from './field.ts';
import { writeZeros } from './zeros.ts';

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
  const headWeight = literal(combine === 'mean' ? 1 / heads : 1);

  /** The blocks Q, K, V (or B, V) follow one another: one matrix takes tokens to queries, keys and values. */
  const stacked = ({ slot, offset }: ParameterRef): MatrixRef => ({
    slot,
    offset,
    rows: queryRows + keyRows + valueRows,
    columns: d,
    stride: d,
  });
  const split = (rows: MatrixRef) => ({
    queries: rowsOf(rows, 0, queryRows),
    keys: rowsOf(rows, queryRows, keyRows),
    values: rowsOf(rows, queryRows + keyRows, valueRows),
  });

  function trace(builder: ProgramBuilder, input: FieldInput): FieldTrace {
    const { state } = input;
    const n = state.columns;
    const maps = stacked(input.parameters);
    const mapped = builder.scratch(maps.rows, n);
    builder.emit({
      op: 'product',
      a: maps,
      transposeA: false,
      b: state,
      c: mapped,
      alpha: one,
      accumulate: false,
    });
    const { queries, keys, values } = split(mapped);
    const operands = {
      queries,
      keys: form === 'bilinear' ? state : keys,
      values,
      ...(input.weights === undefined ? {} : { weights: input.weights }),
      normaliser: builder.scratch(heads, n),
      alpha: output ? 1 : headWeight.factor,
      ...shape,
    };
    const out = builder.scratch(output ? valueRows : d, n);
    builder.emit({ op: 'attention', ...operands, out });
    const value = output ? builder.scratch(d, n) : out;
    if (output) {
      builder.emit({
        op: 'product',
        a: parameterMatrix(parameters, input.parameters, 'O'),
        transposeA: false,
        b: out,
        c: value,
        alpha: headWeight,
        accumulate: false,
      });
    }

    /** Pulls p back through O: returns the costate of `out`. */
    function pullBackOutput(p: MatrixRef, gradient: ParameterRef | undefined): MatrixRef {
      const costate = builder.scratch(valueRows, n);
      builder.emit({
        op: 'product',
        a: parameterMatrix(parameters, input.parameters, 'O'),
        transposeA: true,
        b: p,
        c: costate,
        alpha: headWeight,
        accumulate: false,
      });
      if (gradient !== undefined) {
        builder.emit({
          op: 'outer',
          a: p,
          b: out,
          c: parameterMatrix(parameters, gradient, 'O'),
          alpha: headWeight,
          accumulate: true,
        });
      }
      return costate;
    }

    function pullback(p: MatrixRef, gradients: FieldGradients): void {
      const costate = output ? pullBackOutput(p, gradients.parameters) : p;
      const gMapped = writeZeros(builder, maps.rows, n);
      const { queries: gQueries, keys: gOwnKeys, values: gValues } = split(gMapped);
      const gKeys = form === 'bilinear' ? (gradients.state ?? writeZeros(builder, d, n)) : gOwnKeys;
      builder.emit({ op: 'attentionPullback', ...operands, p: costate, gQueries, gKeys, gValues });
      if (gradients.parameters !== undefined) {
        builder.emit({
          op: 'outer',
          a: gMapped,
          b: state,
          c: stacked(gradients.parameters),
          alpha: one,
          accumulate: true,
        });
      }
      if (gradients.state !== undefined) {
        builder.emit({
          op: 'product',
          a: maps,
          transposeA: true,
          b: gMapped,
          c: gradients.state,
          alpha: one,
          accumulate: true,
        });
      }
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
