import type {
  AttentionKind,
  AttentionShape,
  MatrixRef,
  RotationLayout,
} from '../kernels/instruction.ts';
import { attentionKinds, rotationLayouts } from '../kernels/instruction-table.ts';
import { literal, type ProgramBuilder, rowsOf } from '../kernels/program.ts';
import { refuse, requireFinite } from '../numeric/checks.ts';
import { affineMap } from './affine.ts';
import { requireCount, requireName, requirePositive } from './check.ts';
import { type Field, type FieldInput, parameterLayout, parameterMatrix } from './field.ts';

export { attentionKinds };

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
  /** G, of which H is a multiple: query head h uses key and value head ⌊hG/H⌋; default H. In the query-key form only. */
  readonly keyHeads?: number;
  /** Whether queries, keys, values and output have biases, blocks bQ, bK, bV, bO (arXiv 1810.04805); default false. */
  readonly bias?: boolean;
  /** Rotary positions of queries and keys: pair j of token i is turned by `iθ^{−2j/k}` (arXiv 2104.09864); default none. */
  readonly rotary?: Rotary;
  /** w: token i sees tokens with |i − j| ≤ w only (arXiv 2004.05150); default ∞. */
  readonly window?: number;
  /** Whether `m_h|i − j|` is subtracted from the scores of head h (arXiv 2108.12409); default false. */
  readonly alibi?: boolean;
  /** c: scores become `c·tanh(s/c)` (arXiv 2408.00118); default ∞. */
  readonly softCap?: number;
  /** `sum` (default): `Σ_h`, a real layer; `mean`: `(1/H) Σ_h`, a law of heads. */
  readonly combine?: 'sum' | 'mean';
}

export interface Rotary {
  readonly theta: number;
  /** `halves` (default): pair j of a head is its rows (j, j + k/2); `pairs`: rows (2j, 2j + 1). */
  readonly layout?: RotationLayout;
}

/** Attention whose queries, keys and values can be looked at. */
export interface AttentionField extends Field {
  readonly shape: AttentionShape;
  /** Queries (H·k), keys (G·k) and values (G·v) as the scores see them: with biases, turned by rotary positions. */
  project(
    builder: ProgramBuilder,
    input: FieldInput,
  ): { readonly queries: MatrixRef; readonly keys: MatrixRef; readonly values: MatrixRef };
}

interface ResolvedAttention {
  readonly shape: AttentionShape;
  readonly keyHeads: number;
  readonly bias: boolean;
  readonly rotary: Required<Rotary> | undefined;
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
export function attention(options: AttentionOptions): AttentionField {
  const { shape, keyHeads, bias, rotary, form, output, combine } = resolve(options);
  const { heads, keyDimension, valueDimension } = shape;
  const d = options.dimension;
  const bilinear = form === 'bilinear';
  const queryRows = heads * keyDimension;
  const keyRows = bilinear ? 0 : keyHeads * keyDimension;
  const valueRows = keyHeads * valueDimension;
  const mapRows = queryRows + keyRows + valueRows;
  const valueDeviation = 1 / Math.sqrt(combine === 'sum' ? heads * d : d);
  const parameters = parameterLayout({
    B: bilinear ? [queryRows, d, 1 / d] : undefined,
    Q: bilinear ? undefined : [queryRows, d],
    K: bilinear ? undefined : [keyRows, d],
    V: output ? [valueRows, d] : [valueRows, d, valueDeviation],
    O: output ? [d, heads * valueDimension] : undefined,
    bQ: bias ? [queryRows, 1, 0] : undefined,
    bK: bias ? [keyRows, 1, 0] : undefined,
    bV: bias ? [valueRows, 1, 0] : undefined,
    bO: bias && output ? [d, 1, 0] : undefined,
  });
  const headWeight = combine === 'mean' ? 1 / heads : 1;

  /** The blocks Q, K, V (or B, V) follow one another, as do their biases: one map to queries, keys and values. */
  function mapTokens(builder: ProgramBuilder, { state, parameters: theta }: FieldInput): MatrixRef {
    const first = (name: string) => parameterMatrix(parameters, theta, name);
    const maps = { ...first(bilinear ? 'B' : 'Q'), rows: mapRows };
    return affineMap(builder, maps, bias ? { ...first('bQ'), rows: mapRows } : undefined, state);
  }

  function project(builder: ProgramBuilder, input: FieldInput) {
    const mapped = mapTokens(builder, input);
    const turned = (rows: MatrixRef) =>
      rotary === undefined ? rows : builder.rotate(rows, { ...rotary, dimension: keyDimension });
    return {
      queries: turned(rowsOf(mapped, 0, queryRows)),
      keys: bilinear ? input.state : turned(rowsOf(mapped, queryRows, keyRows)),
      values: rowsOf(mapped, queryRows + keyRows, valueRows),
    };
  }

  function trace(builder: ProgramBuilder, input: FieldInput): MatrixRef {
    const { parameters: theta, weights } = input;
    const out = builder.attention({
      ...project(builder, input),
      shape,
      weights,
      alpha: output ? 1 : headWeight,
      summed: !output,
    });
    if (!output) return out;
    const O = parameterMatrix(parameters, theta, 'O');
    const alpha = literal(headWeight);
    if (!bias) return builder.product(O, out, { alpha });
    const bO = builder.broadcast(parameterMatrix(parameters, theta, 'bO'), out.columns);
    return builder.product(O, out, { alpha, into: bO, add: true });
  }

  return {
    name: `${shape.kind} attention, ${heads} head${heads === 1 ? '' : 's'}`,
    dimension: d,
    parameters,
    shape,
    project,
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
    refuse(
      'keyDimension',
      keyDimension,
      `the dimension ${dimension}, since the tokens themselves are the keys`,
      'Leave it out, or use the form "query-key".',
    );
  }
  const valueDimension = options.valueDimension ?? (output ? keyDimension : dimension);
  requireCount('valueDimension', valueDimension);
  if (!output && valueDimension !== dimension) {
    refuse(
      'valueDimension',
      valueDimension,
      `the dimension ${dimension}, since there is no output matrix`,
      'Leave it out, or set "output" to true.',
    );
  }
  const scale = options.scale ?? (form === 'bilinear' ? 1 : 1 / Math.sqrt(keyDimension));
  requireFinite('scale', [scale]);
  const keyHeads = options.keyHeads ?? heads;
  requireCount('keyHeads', keyHeads);
  if (heads % keyHeads !== 0 || (form === 'bilinear' && keyHeads !== heads)) {
    refuse(
      'keyHeads',
      keyHeads,
      form === 'bilinear' ? `${heads}` : `a divisor of the ${heads} heads`,
    );
  }
  const { window = Number.POSITIVE_INFINITY, softCap = Number.POSITIVE_INFINITY } = options;
  if (!(window >= 0)) refuse('window', window, 'a number ≥ 0');
  if (!(softCap > 0)) refuse('softCap', softCap, 'a number > 0');
  const alibi = options.alibi ? 1 : 0;
  if (kind !== 'softmax' && (alibi > 0 || softCap < Number.POSITIVE_INFINITY)) {
    refuse('kind', kind, '"softmax", since scores are capped or biased by distance');
  }
  const causal = options.causal ?? false;
  const shape = {
    kind,
    causal,
    heads,
    keyDimension,
    valueDimension,
    scale,
    window,
    alibi,
    softCap,
  };
  return {
    shape,
    keyHeads,
    bias: options.bias ?? false,
    rotary: resolveRotary(options.rotary, form, keyDimension),
    form,
    output,
    combine,
  };
}

function resolveRotary(
  rotary: Rotary | undefined,
  form: ResolvedAttention['form'],
  keyDimension: number,
): Required<Rotary> | undefined {
  if (rotary === undefined) return undefined;
  const { theta, layout = 'halves' } = rotary;
  requirePositive('rotary.theta', theta);
  requireName('layout of rotary positions', layout, rotationLayouts);
  if (form === 'bilinear') refuse('form', form, '"query-key", since keys have positions');
  if (keyDimension % 2 !== 0) {
    refuse('keyDimension', keyDimension, 'an even number, since its rows are turned in pairs');
  }
  return { theta, layout };
}
