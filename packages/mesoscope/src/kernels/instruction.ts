import type { DefaultRule } from './instruction-rule.ts';
import type {
  activationKinds,
  attentionKinds,
  instructionTable,
  normalisationKinds,
  rotationLayouts,
} from './instruction-table.ts';

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

/**
 * `y ↦ σ(y)` elementwise. gelu is the exact `y·Φ(y)`, gelu-tanh its approximation `½y(1 + tanh(√(2/π)(y + 0.044715y³)))`
 * (arXiv 1606.08415); silu is `y/(1+e^{−y})`.
 */
export type ActivationKind = (typeof activationKinds)[number];

/**
 * Column-wise normalisation of a d × n matrix: `layer`: `(x − mean)/√(var + ε)`; `rms`: `x/√(|x|²/d + ε)`.
 * Without gain or bias: those fold into the next linear map.
 */
export type NormalisationKind = (typeof normalisationKinds)[number];

/** Which rows of a head rotary positions turn together; see `rotate`. */
export type RotationLayout = (typeof rotationLayouts)[number];

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
export type AttentionKind = (typeof attentionKinds)[number];

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
  /** w: query i sees keys with |i − j| ≤ w only; default ∞. */
  readonly window?: number | undefined;
  /** a: `a·m_h|i − j|` is subtracted from the scores of head h, {@link alibiSlope}; default 0 (softmax only). */
  readonly alibi?: number | undefined;
  /** c: scores become `c·tanh(s/c)`, before anything is subtracted; default ∞ (softmax only). */
  readonly softCap?: number | undefined;
}

/**
 * The slope of head h of H: `2^{−8(h+1)/H}` where H is a power of two; else those of the next smaller power P, then those of
 * 2P at h = 0, 2, 4, … Source: arXiv 2108.12409.
 */
export function alibiSlope(head: number, heads: number): number {
  const power = 2 ** Math.floor(Math.log2(heads));
  if (head < power) return 2 ** ((-8 * (head + 1)) / power);
  return 2 ** ((-4 * (2 * (head - power) + 1)) / power);
}

type InstructionTable = typeof instructionTable;

export type Opcode = keyof InstructionTable;

/** What a field holds that the table describes by a {@link NumberRule}. */
type NumberOf<Rule> = Rule extends 'scalar'
  ? ScalarRef
  : Rule extends 'flag'
    ? boolean
    : Rule extends readonly (infer Name)[]
      ? Name
      : number;

type Optional<Fields, Mark> = {
  [Name in keyof Fields]: Fields[Name] extends Mark ? Name : never;
}[keyof Fields];

type OptionalOperand<Op extends Opcode> = Optional<
  InstructionTable[Op]['operands'],
  { readonly optional: true }
>;

/** The instruction of a name, as the table says. */
export type InstructionOf<Op extends Opcode> = {
  readonly op: Op;
} & {
  readonly [Name in Exclude<
    keyof InstructionTable[Op]['operands'],
    OptionalOperand<Op>
  >]: MatrixRef;
} & {
  readonly [Name in OptionalOperand<Op>]?: MatrixRef | undefined;
} & {
  readonly [Name in Exclude<
    keyof InstructionTable[Op]['numbers'],
    Optional<InstructionTable[Op]['numbers'], DefaultRule>
  >]: NumberOf<InstructionTable[Op]['numbers'][Name]>;
} & {
  readonly [Name in Optional<InstructionTable[Op]['numbers'], DefaultRule>]?: number | undefined;
};

/** One step of a program. What each does stands in `instructionTable`. */
export type Instruction = { [Op in Opcode]: InstructionOf<Op> }[Opcode];

/**
 * Row stride of a state with n columns: the next multiple of 8 (one register tile), moved off multiples of 512
 * columns' bytes that would alias in the first-level cache.
 */
export function columnStride(columns: number): number {
  const padded = Math.ceil(columns / 8) * 8;
  return padded >= 256 && padded % 128 === 0 ? padded + 16 : padded;
}
