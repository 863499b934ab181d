import type { Extent, InstructionRule } from './instruction-rule.ts';

/** The order of names is that of their numbers in the kernels. */
export const activationKinds = ['tanh', 'relu', 'gelu', 'silu', 'gelu-tanh'] as const;
export const normalisationKinds = ['layer', 'rms'] as const;
export const attentionKinds = ['softmax', 'l2', 'hardmax', 'unnormalised', 'linear'] as const;

export const rotationLayouts = ['halves', 'pairs'] as const;

const x = { role: 'read', shape: ['d', 'n'] } as const;
const row = { role: 'read', shape: [1, 'n'] } as const;
const scalarResult = { role: 'result', shape: [1, 1] } as const;

const attentionNumbers = {
  kind: attentionKinds,
  causal: 'flag',
  heads: 'count',
  keyDimension: 'count',
  valueDimension: 'count',
  scale: 'number',
  alpha: 'number',
  window: { otherwise: Number.POSITIVE_INFINITY },
  alibi: { otherwise: 0 },
  softCap: { otherwise: Number.POSITIVE_INFINITY },
} as const;

function attentionFault(i: {
  readonly kind: string;
  readonly window?: number;
  readonly alibi?: number;
  readonly softCap?: number;
}): readonly [string, string] | undefined {
  const { window = 0, alibi = 0, softCap = Number.POSITIVE_INFINITY } = i;
  if (!(window >= 0)) return ['window', 'a number ≥ 0'];
  if (!(softCap > 0)) return ['softCap', 'a number > 0'];
  const changesScores = alibi !== 0 || softCap !== Number.POSITIVE_INFINITY;
  return changesScores && i.kind !== 'softmax'
    ? ['kind', '"softmax", since scores are capped or biased']
    : undefined;
}

interface HeadShape {
  readonly heads: number;
  readonly keyDimension: number;
  readonly valueDimension: number;
  readonly causal: boolean;
}

/** Rows of one head, of all heads, or (keys and values) of groups of heads that share them. */
const ofKeys = ({ heads, keyDimension }: HeadShape) => oneOrAll(heads, keyDimension);
const ofValues = ({ heads, valueDimension }: HeadShape) => oneOrAll(heads, valueDimension);
const ofSharedKeys = ({ heads, keyDimension }: HeadShape) => groups(heads, keyDimension);
const ofSharedValues = ({ heads, valueDimension }: HeadShape) => groups(heads, valueDimension);
const keyColumns = ({ causal }: { causal: boolean }) => (causal ? 'n' : 'm');

const attentionOperands = {
  queries: { role: 'read', shape: (i: HeadShape) => [ofKeys(i), 'n'] },
  keys: { role: 'read', shape: (i: HeadShape) => [ofSharedKeys(i), keyColumns(i)] },
  values: { role: 'read', shape: (i: HeadShape) => [ofSharedValues(i), keyColumns(i)] },
  weights: { role: 'read', shape: (i: { causal: boolean }) => [1, keyColumns(i)], optional: true },
} as const satisfies InstructionRule['operands'];

interface AttentionInputs {
  readonly causal: boolean;
  readonly queries: { readonly rows: number };
  readonly keys: { readonly rows: number };
  readonly values: { readonly rows: number };
}

/**
 * The instruction set: for each name its operands with role and shape, and its other fields, both in the order in which the
 * kernels number them. Types, checks, encoding and the kernels' constants follow from this table.
 */
export const instructionTable = {
  /** `C ← α op(A) B (+ C)`, op(A) = A (m×k) or Aᵀ (A is k×m); B k×n, C m×n. */
  product: {
    operands: {
      a: {
        role: 'read',
        shape: ({ transposeA }: { transposeA: boolean }) => (transposeA ? ['k', 'm'] : ['m', 'k']),
      },
      b: { role: 'read', shape: ['k', 'n'] },
      c: { role: 'result', shape: ['m', 'n'] },
    },
    numbers: { alpha: 'scalar', accumulate: 'flag', transposeA: 'flag' },
  },
  /** `C ← α A Bᵀ (+ C)`: the sum over columns (tokens). A m×n, B k×n, C m×k. */
  outer: {
    operands: {
      a: { role: 'read', shape: ['m', 'n'] },
      b: { role: 'read', shape: ['k', 'n'] },
      c: { role: 'result', shape: ['m', 'k'] },
    },
    numbers: { alpha: 'scalar', accumulate: 'flag' },
  },
  /** `c ← α A 1 (+ c)`: row sums. A d×n, c d×1. */
  rowSums: {
    operands: { a: x, c: { role: 'result', shape: ['d', 1] } },
    numbers: { alpha: 'scalar', accumulate: 'flag' },
  },
  /** `C ← b 1ᵀ (+ C)`: a column, repeated. b d×1, C d×n. */
  broadcast: {
    operands: { b: { role: 'read', shape: ['d', 1] }, c: { role: 'result', shape: ['d', 'n'] } },
    numbers: { accumulate: 'flag' },
  },
  /** `Y ← constant`. */
  fill: { operands: { y: { role: 'write', shape: ['d', 'n'] } }, numbers: { value: 'number' } },
  /** `Y ← α X (+ Y)`. */
  axpy: {
    operands: { x, y: { role: 'result', shape: ['d', 'n'] } },
    numbers: { alpha: 'scalar', accumulate: 'flag' },
    inPlace: true,
  },
  /** `Z ← α X ∘ Y (+ Z)`: entrywise. */
  hadamard: {
    operands: { x, y: x, z: { role: 'result', shape: ['d', 'n'] } },
    numbers: { alpha: 'scalar', accumulate: 'flag' },
    inPlace: true,
  },
  /** `c ← α Σ_ij X_ij Y_ij (+ c)`; c is 1×1. */
  dot: { operands: { x, y: x, c: scalarResult }, numbers: { alpha: 'scalar', accumulate: 'flag' } },
  /** `c ← max_ij |X_ij|`, NaN if any entry is NaN; c is 1×1. */
  maxAbs: { operands: { x, c: { role: 'write', shape: [1, 1] } }, numbers: {} },
  /** `Y ← σ(X)`. */
  activation: {
    operands: { x, y: { role: 'write', shape: ['d', 'n'] } },
    numbers: { kind: activationKinds },
    inPlace: true,
  },
  /** `G ← σ'(X) ∘ P (+ G)`. */
  activationPullback: {
    operands: { x, p: x, g: { role: 'result', shape: ['d', 'n'] } },
    numbers: { kind: activationKinds, accumulate: 'flag' },
    inPlace: true,
  },
  /** `Y ← normalise(X)`, column by column. */
  normalise: {
    operands: { x, y: { role: 'write', shape: ['d', 'n'] } },
    numbers: { kind: normalisationKinds, epsilon: 'number' },
    inPlace: true,
  },
  /** `G ← D normalise(X)ᵀ P (+ G)`. */
  normalisePullback: {
    operands: { x, p: x, g: { role: 'result', shape: ['d', 'n'] } },
    numbers: { kind: normalisationKinds, epsilon: 'number', accumulate: 'flag' },
    inPlace: true,
  },
  /**
   * Rotary positions: in every head's `dimension` rows, pair j of column i is turned by the angle `i θ^{−2j/dimension}`;
   * `Y ← R X (+ Y)`, or with R⁻¹. `halves`: pair j is rows (j, j + dimension/2); `pairs`: rows (2j, 2j + 1).
   * Source: arXiv 2104.09864.
   */
  rotate: {
    operands: { x, y: { role: 'result', shape: ['d', 'n'] } },
    numbers: {
      layout: rotationLayouts,
      dimension: 'count',
      theta: 'number',
      inverse: 'flag',
      accumulate: 'flag',
    },
    inPlace: true,
    fault: ({ dimension, x: { rows } }: { dimension: number; x: { rows: number } }) =>
      dimension % 2 === 0 && rows % dimension === 0
        ? undefined
        : ['dimension', `an even number that divides the ${rows} rows`],
  },
  /** `Y ← F − X⟨X,F⟩/|X|²`, column by column: the projection onto the tangent space of the sphere at X. */
  tangent: {
    operands: { x, f: x, y: { role: 'write', shape: ['d', 'n'] } },
    numbers: {},
    inPlace: true,
  },
  /** Pulls P back through `tangent`: `GX += …`, `GF += …` (both always accumulate). */
  tangentPullback: {
    operands: {
      x,
      f: x,
      p: x,
      gx: { role: 'accumulate', shape: ['d', 'n'] },
      gf: { role: 'accumulate', shape: ['d', 'n'] },
    },
    numbers: {},
  },
  /**
   * `out_i = α Σ_j P_ij v_j` for every head ({@link AttentionKind}); overwrites `out` and `normaliser`.
   * queries (H·k or k)×n, keys (G·k)×m, values (G'·v)×m with G and G' dividing H: head h uses part ⌊hG/H⌋, so that an
   * operand with one head's rows is shared by all. out (H·v)×n, or v×n: then the heads are summed. weights 1×m. normaliser H×n receives
   * `log Σ_j w_j e^{s_ij}` (softmax, l2, with w_j = 1/m when no weights are given), the maximal score (hardmax), 0 (others).
   */
  attention: {
    operands: {
      ...attentionOperands,
      out: { role: 'write', shape: (i: HeadShape) => [ofValues(i), 'n'] },
      normaliser: { role: 'write', shape: ({ heads }: HeadShape) => [heads, 'n'] },
    },
    numbers: attentionNumbers,
    fault: attentionFault,
  },
  /**
   * Pulls the costate `p` (shaped like `out`) back through `attention`, recomputing P (a backend may use `normaliser`).
   * Always accumulates: `gQueries += …`, `gKeys += …`, `gValues += …` (shaped like queries, keys, values; they
   * may coincide, as when queries, keys and values are one shared state). Hardmax: derivative of P is 0.
   */
  attentionPullback: {
    operands: {
      ...attentionOperands,
      normaliser: { role: 'read', shape: ({ heads }: HeadShape) => [heads, 'n'] },
      p: { role: 'read', shape: (i: HeadShape) => [ofValues(i), 'n'] },
      gQueries: { role: 'accumulate', shape: (i: AttentionInputs) => [i.queries.rows, 'n'] },
      gKeys: { role: 'accumulate', shape: (i: AttentionInputs) => [i.keys.rows, keyColumns(i)] },
      gValues: {
        role: 'accumulate',
        shape: (i: AttentionInputs) => [i.values.rows, keyColumns(i)],
      },
    },
    numbers: attentionNumbers,
    fault: attentionFault,
  },
  /**
   * Softmax cross-entropy per column: `loss_i = w_i (logsumexp(z_i) − z_{i,y_i})`, residual column
   * `w_i (softmax(z_i) − e_{y_i})`. logits and residual C×n, labels 1×n (class numbers stored as numbers;
   * a negative label skips the column: loss 0, residual 0; the loss of a label that is no class is NaN), weights
   * 1×n, loss 1×n.
   */
  crossEntropy: {
    operands: {
      logits: x,
      labels: row,
      weights: row,
      loss: { role: 'write', shape: [1, 'n'] },
      residual: { role: 'write', shape: ['d', 'n'] },
    },
    numbers: {},
    inPlace: true,
  },
  /** `Y_{·i} ← table_{·,index_i} (+ Y)`; table d×c, indices 1×n, Y d×n; NaN for an index outside 0 … c−1. */
  gather: {
    operands: {
      table: { role: 'read', shape: ['d', 'c'] },
      indices: row,
      y: { role: 'result', shape: ['d', 'n'] },
    },
    numbers: { accumulate: 'flag' },
  },
  /** `G_{·,index_i} += P_{·i}`: pulls back through `gather`. An index outside 0 … c−1 adds nothing. */
  scatter: {
    operands: { indices: row, p: x, g: { role: 'accumulate', shape: ['d', 'c'] } },
    numbers: {},
  },
  /**
   * One Adam step on x with gradient g and moments m, v (all d×n): `m ← β₁m + (1−β₁)g`,
   * `v ← β₂v + (1−β₂)g²`, `x ← x − rate · m·c₁ / (√(v·c₂) + ε)`, with c₁ = 1/(1−β₁ᵗ), c₂ = 1/(1−β₂ᵗ) as scalars.
   */
  adam: {
    operands: {
      x: { role: 'update', shape: ['d', 'n'] },
      g: x,
      m: { role: 'update', shape: ['d', 'n'] },
      v: { role: 'update', shape: ['d', 'n'] },
    },
    numbers: {
      beta1: 'number',
      beta2: 'number',
      epsilon: 'number',
      rate: 'scalar',
      correction1: 'scalar',
      correction2: 'scalar',
    },
  },
  /**
   * Row-wise log-sum-exp of a pairwise cost, without the n×m matrix:
   * `out_i = −ε log Σ_j exp((potential_j − ½|x_i − y_j|²)/ε + logWeight_j)`. x d×n, y d×m, potential and
   * logWeights 1×m, out 1×n; `previous` 1×n is the last value of out (or an estimate): the shift of the exponent,
   * checked inside and replaced by the true maximum where it would over- or underflow.
   */
  pairwiseLogSumExp: {
    operands: {
      x,
      y: { role: 'read', shape: ['d', 'm'] },
      potential: { role: 'read', shape: [1, 'm'] },
      logWeights: { role: 'read', shape: [1, 'm'] },
      previous: row,
      out: { role: 'write', shape: [1, 'n'] },
    },
    numbers: { epsilon: 'scalar' },
    inPlace: true,
  },
  /**
   * `steps` classical Runge–Kutta steps of size τ of the Gaussian moment flow for n independent parameter points
   * (lanes are points): `U = Σ_h V_h Σ B_h + W`, `Σ̇ = UΣ + ΣUᵀ`, `ṁ = (U + Σ_h V_h) m + b`.
   * mean d×n, covariance (d·d)×n (row-major d×d per point, symmetric), V and B (H·d·d)×n, W (d·d)×n, b d×n; mean and
   * covariance are updated in place.
   */
  gaussianMoments: {
    operands: {
      mean: { role: 'update', shape: ({ dimension: d }: MomentShape) => [d, 'n'] },
      covariance: { role: 'update', shape: ({ dimension: d }: MomentShape) => [d * d, 'n'] },
      V: { role: 'read', shape: ({ dimension: d, heads }: MomentShape) => [heads * d * d, 'n'] },
      B: { role: 'read', shape: ({ dimension: d, heads }: MomentShape) => [heads * d * d, 'n'] },
      W: { role: 'read', shape: ({ dimension: d }: MomentShape) => [d * d, 'n'] },
      b: { role: 'read', shape: ({ dimension: d }: MomentShape) => [d, 'n'] },
    },
    numbers: { dimension: 'count', heads: 'count', steps: 'steps', tau: 'scalar' },
  },
} as const satisfies Readonly<Record<string, InstructionRule>>;

interface MomentShape {
  readonly dimension: number;
  readonly heads: number;
}

function oneOrAll(heads: number, rows: number): Extent {
  return { oneOf: [heads * rows, rows] };
}

/** Rows of every number of heads that divides theirs. */
function groups(heads: number, rows: number): Extent {
  const divisors = Array.from({ length: heads }, (_, i) => heads - i).filter(
    (g) => heads % g === 0,
  );
  return { oneOf: divisors.map((g) => g * rows) };
}
