/**
 * The instruction set of the kernels. A layer's field, one step of a scheme, a loss and their adjoints are
 * written once as a short list of these instructions ({@link Program}) and run by any backend.
 *
 * Layout. A state of n tokens in R^d is a d × n matrix, row-major: the tokens lie along the columns, so that
 * SIMD lanes are tokens. Rows of states start `stride` elements apart, `stride = columnStride(n) ≥ n`. The
 * columns n … stride−1 are padding: an instruction may read and write them, they never contribute to a result
 * in the first n columns, and what stands there is unspecified. Parameter matrices have `stride = columns`.
 */

/** A matrix inside a slot: `rows × columns`, first entry at `offset` elements, rows `stride` elements apart. */
export interface MatrixRef {
  readonly slot: number;
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
}

/** A number fixed when the program is written, times (if `index` is given) a scalar handed over at each run. */
export interface ScalarRef {
  readonly factor: number;
  readonly index?: number;
}

/** `y ↦ σ(y)` elementwise. gelu is the exact `y·Φ(y)`; silu is `y/(1+e^{−y})`. */
export type ActivationKind = 'tanh' | 'relu' | 'gelu' | 'silu';

/**
 * Column-wise normalisation of a d × n matrix: `layer`: `(x − mean)/√(var + ε)`; `rms`: `x/√(|x|²/d + ε)`.
 * Without gain or bias: those fold into the next linear map.
 */
export type NormalisationKind = 'layer' | 'rms';

/**
 * From scores `s_ij = β⟨q_i, k_j⟩` and key weights `w_j ≥ 0` to the matrix P in `out_i = Σ_j P_ij v_j`:
 * - `softmax`: `P_ij = w_j e^{s_ij} / Σ_j w_j e^{s_ij}`
 * - `l2`: softmax with `s_ij = −β|q_i − k_j|²`
 * - `hardmax`: the limit β → ∞: `w_j / Σ w_j` over the keys that attain `max_j s_ij`
 * - `unnormalised`: `P_ij = w_j e^{s_ij}`
 * - `linear`: `P_ij = w_j s_ij`
 * Without weights `w_j = 1/m` for m keys, causal or not. Keys with `w_j = 0` are as if absent, whatever their
 * score. Causal: query i sees keys j ≤ i. A query that sees no key gets out_i = 0 and normaliser −∞ (0 for
 * unnormalised and linear, as always).
 */
export type AttentionKind = 'softmax' | 'l2' | 'hardmax' | 'unnormalised' | 'linear';

export interface AttentionShape {
  readonly kind: AttentionKind;
  readonly causal: boolean;
  readonly heads: number;
  /** Rows of one head's queries and keys. */
  readonly keyDimension: number;
  /** Rows of one head's values. */
  readonly valueDimension: number;
  /** β. */
  readonly scale: number;
}

export type Instruction =
  /** `C ← α op(A) B (+ C)`, op(A) = A (m×k) or Aᵀ (A is k×m); B k×n, C m×n. */
  | {
      readonly op: 'product';
      readonly a: MatrixRef;
      readonly transposeA: boolean;
      readonly b: MatrixRef;
      readonly c: MatrixRef;
      readonly alpha: ScalarRef;
      readonly accumulate: boolean;
    }
  /** `C ← α A Bᵀ (+ C)`: the sum over columns (tokens). A m×n, B k×n, C m×k. */
  | {
      readonly op: 'outer';
      readonly a: MatrixRef;
      readonly b: MatrixRef;
      readonly c: MatrixRef;
      readonly alpha: ScalarRef;
      readonly accumulate: boolean;
    }
  /** `c ← α A 1 (+ c)`: row sums. A m×n, c m×1. */
  | {
      readonly op: 'rowSums';
      readonly a: MatrixRef;
      readonly c: MatrixRef;
      readonly alpha: ScalarRef;
      readonly accumulate: boolean;
    }
  /** `C ← b 1ᵀ (+ C)`: a column, repeated. b m×1, C m×n. */
  | {
      readonly op: 'broadcast';
      readonly b: MatrixRef;
      readonly c: MatrixRef;
      readonly accumulate: boolean;
    }
  /** `Y ← constant`. */
  | { readonly op: 'fill'; readonly y: MatrixRef; readonly value: number }
  /** `Y ← α X (+ Y)`. */
  | {
      readonly op: 'axpy';
      readonly x: MatrixRef;
      readonly y: MatrixRef;
      readonly alpha: ScalarRef;
      readonly accumulate: boolean;
    }
  /** `Z ← α X ∘ Y (+ Z)`: entrywise. */
  | {
      readonly op: 'hadamard';
      readonly x: MatrixRef;
      readonly y: MatrixRef;
      readonly z: MatrixRef;
      readonly alpha: ScalarRef;
      readonly accumulate: boolean;
    }
  /** `c ← α Σ_ij X_ij Y_ij (+ c)`; c is 1×1. */
  | {
      readonly op: 'dot';
      readonly x: MatrixRef;
      readonly y: MatrixRef;
      readonly c: MatrixRef;
      readonly alpha: ScalarRef;
      readonly accumulate: boolean;
    }
  /** `c ← max_ij |X_ij|`, NaN if any entry is NaN; c is 1×1. */
  | { readonly op: 'maxAbs'; readonly x: MatrixRef; readonly c: MatrixRef }
  /** `Y ← σ(X)`. */
  | {
      readonly op: 'activation';
      readonly kind: ActivationKind;
      readonly x: MatrixRef;
      readonly y: MatrixRef;
    }
  /** `G ← σ'(X) ∘ P (+ G)`. */
  | {
      readonly op: 'activationPullback';
      readonly kind: ActivationKind;
      readonly x: MatrixRef;
      readonly p: MatrixRef;
      readonly g: MatrixRef;
      readonly accumulate: boolean;
    }
  /** `Y ← normalise(X)`, column by column. */
  | {
      readonly op: 'normalise';
      readonly kind: NormalisationKind;
      readonly epsilon: number;
      readonly x: MatrixRef;
      readonly y: MatrixRef;
    }
  /** `G ← D normalise(X)ᵀ P (+ G)`. */
  | {
      readonly op: 'normalisePullback';
      readonly kind: NormalisationKind;
      readonly epsilon: number;
      readonly x: MatrixRef;
      readonly p: MatrixRef;
      readonly g: MatrixRef;
      readonly accumulate: boolean;
    }
  /** `Y ← F − X⟨X,F⟩/|X|²`, column by column: the projection onto the tangent space of the sphere at X. */
  | { readonly op: 'tangent'; readonly x: MatrixRef; readonly f: MatrixRef; readonly y: MatrixRef }
  /** Pulls P back through `tangent`: `GX += …`, `GF += …` (both always accumulate). */
  | {
      readonly op: 'tangentPullback';
      readonly x: MatrixRef;
      readonly f: MatrixRef;
      readonly p: MatrixRef;
      readonly gx: MatrixRef;
      readonly gf: MatrixRef;
    }
  /**
   * `out_i = α Σ_j P_ij v_j` for every head ({@link AttentionKind}); overwrites `out` and `normaliser`.
   * queries (H·k or k)×n, keys (H·k or k)×m, values (H·v or v)×m: an operand with one head's rows is shared by
   * all heads. out (H·v)×n, or v×n: then the heads are summed. weights 1×m. normaliser H×n receives
   * `log Σ_j w_j e^{s_ij}` (softmax, l2, with w_j = 1/m when no weights are given), the maximal score (hardmax), 0 (others).
   */
  | ({
      readonly op: 'attention';
      readonly queries: MatrixRef;
      readonly keys: MatrixRef;
      readonly values: MatrixRef;
      readonly weights?: MatrixRef;
      readonly out: MatrixRef;
      readonly normaliser: MatrixRef;
      readonly alpha: number;
    } & AttentionShape)
  /**
   * Pulls the costate `p` (shaped like `out`) back through `attention`, recomputing P from `normaliser`.
   * Always accumulates: `gQueries += …`, `gKeys += …`, `gValues += …` (shaped like queries, keys, values; they
   * may coincide, as when queries, keys and values are one shared state). Hardmax: derivative of P is 0.
   */
  | ({
      readonly op: 'attentionPullback';
      readonly queries: MatrixRef;
      readonly keys: MatrixRef;
      readonly values: MatrixRef;
      readonly weights?: MatrixRef;
      readonly normaliser: MatrixRef;
      readonly p: MatrixRef;
      readonly gQueries: MatrixRef;
      readonly gKeys: MatrixRef;
      readonly gValues: MatrixRef;
      readonly alpha: number;
    } & AttentionShape)
  /**
   * Softmax cross-entropy per column: `loss_i = w_i (logsumexp(z_i) − z_{i,y_i})`, residual column
   * `w_i (softmax(z_i) − e_{y_i})`. logits and residual C×n, labels 1×n (class numbers stored as numbers;
   * a negative label skips the column: loss 0, residual 0; the loss of a label that is no class is NaN), weights
   * 1×n, loss 1×n.
   */
  | {
      readonly op: 'crossEntropy';
      readonly logits: MatrixRef;
      readonly labels: MatrixRef;
      readonly weights: MatrixRef;
      readonly loss: MatrixRef;
      readonly residual: MatrixRef;
    }
  /** `Y_{·i} ← table_{·,index_i} (+ Y)`; table d×c, indices 1×n, Y d×n; NaN for an index outside 0 … c−1. */
  | {
      readonly op: 'gather';
      readonly table: MatrixRef;
      readonly indices: MatrixRef;
      readonly y: MatrixRef;
      readonly accumulate: boolean;
    }
  /** `G_{·,index_i} += P_{·i}`: pulls back through `gather`. An index outside 0 … c−1 adds nothing. */
  | {
      readonly op: 'scatter';
      readonly indices: MatrixRef;
      readonly p: MatrixRef;
      readonly g: MatrixRef;
    }
  /**
   * One Adam step on x with gradient g and moments m, v (all 1×n, any n): `m ← β₁m + (1−β₁)g`,
   * `v ← β₂v + (1−β₂)g²`, `x ← x − rate · m·c₁ / (√(v·c₂) + ε)`, with c₁ = 1/(1−β₁ᵗ), c₂ = 1/(1−β₂ᵗ) as scalars.
   */
  | {
      readonly op: 'adam';
      readonly x: MatrixRef;
      readonly g: MatrixRef;
      readonly m: MatrixRef;
      readonly v: MatrixRef;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly rate: ScalarRef;
      readonly correction1: ScalarRef;
      readonly correction2: ScalarRef;
    }
  /**
   * Row-wise log-sum-exp of a pairwise cost, without the n×m matrix:
   * `out_i = −ε log Σ_j exp((potential_j − ½|x_i − y_j|²)/ε + logWeight_j)`. x d×n, y d×m, potential and
   * logWeights 1×m, out 1×n; `previous` 1×n is the last value of out (or an estimate): the shift of the exponent,
   * checked inside and replaced by the true maximum where it would over- or underflow.
   */
  | {
      readonly op: 'pairwiseLogSumExp';
      readonly x: MatrixRef;
      readonly y: MatrixRef;
      readonly potential: MatrixRef;
      readonly logWeights: MatrixRef;
      readonly previous: MatrixRef;
      readonly out: MatrixRef;
      readonly epsilon: ScalarRef;
    }
  /**
   * `steps` classical Runge–Kutta steps of size τ of the Gaussian moment flow for n independent parameter points
   * (lanes are points): `U = Σ_h V_h Σ B_h + W`, `Σ̇ = UΣ + ΣUᵀ`, `ṁ = (U + Σ_h V_h) m + b`.
   * mean d×n, covariance (d·d)×n (row-major d×d per point, symmetric), V and B (H·d·d)×n, W (d·d)×n, b d×n; mean and
   * covariance are updated in place.
   */
  | {
      readonly op: 'gaussianMoments';
      readonly dimension: number;
      readonly heads: number;
      readonly steps: number;
      readonly tau: ScalarRef;
      readonly mean: MatrixRef;
      readonly covariance: MatrixRef;
      readonly V: MatrixRef;
      readonly B: MatrixRef;
      readonly W: MatrixRef;
      readonly b: MatrixRef;
    };

export type Opcode = Instruction['op'];

/**
 * Row stride of a state with n columns: the next multiple of 8 (one register tile), moved off multiples of 512
 * columns' bytes that would alias in the first-level cache.
 */
export function columnStride(columns: number): number {
  const padded = Math.ceil(columns / 8) * 8;
  return padded >= 256 && padded % 128 === 0 ? padded + 16 : padded;
}
