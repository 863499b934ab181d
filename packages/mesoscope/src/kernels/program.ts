import type {
  ActivationKind,
  AttentionShape,
  InstructionOf,
  MatrixRef,
  NormalisationKind,
  Opcode,
  RotationLayout,
  ScalarRef,
} from './instruction.ts';
import { one, ProgramMemory } from './program-memory.ts';

export * from './program-memory.ts';

/** Where a result goes: new scratch, or `into`; `add`: to what stands there; times `alpha` (default 1). */
export interface ResultOptions {
  readonly into?: MatrixRef;
  readonly add?: boolean;
  readonly alpha?: ScalarRef;
}

/** What attention does with its operands; see the instruction. */
export interface AttentionOperands {
  readonly shape: AttentionShape;
  readonly queries: MatrixRef;
  readonly keys: MatrixRef;
  readonly values: MatrixRef;
  /** Of the keys, 1 × m; default 1/m each. */
  readonly weights: MatrixRef | undefined;
  /** α; default 1. */
  readonly alpha?: number;
  /** Whether the heads' results are added into one; default false. */
  readonly summed?: boolean;
}

/** Rotary positions of heads of `dimension` rows: pair j of token i is turned by `i θ^{−2j/dimension}`. */
export interface RotaryPositions {
  readonly layout: RotationLayout;
  readonly dimension: number;
  readonly theta: number;
}

/** The operands of an instruction, without its name. */
type Operands<Op extends Opcode> = Omit<InstructionOf<Op>, 'op'>;

/**
 * Writes a {@link Program}: declares slots, hands out scratch, appends instructions. Each verb appends one instruction and
 * returns its result, in new scratch unless it is told where to.
 *
 * ```ts
 * const b = new ProgramBuilder();
 * const h = b.state('sample', 'h', d, n);
 * const W = b.parameters('shared', 'W', d, d);
 * b.product(W, h, { into: b.state('sample', 'out', d, n) });
 * const run = backend.compile(b.program());
 * run({ samples: B, buffers: { h: …, W: …, out: … } });
 * ```
 */
export class ProgramBuilder extends ProgramMemory {
  /** `α A B`, or `α Aᵀ B`. */
  product(
    a: MatrixRef,
    b: MatrixRef,
    options: ResultOptions & { readonly transpose?: boolean } = {},
  ): MatrixRef {
    const { transpose = false, add = false, alpha = one } = options;
    const c = options.into ?? this.scratch(transpose ? a.columns : a.rows, b.columns);
    this.emit({ op: 'product', a, transposeA: transpose, b, c, alpha, accumulate: add });
    return c;
  }

  /** `α A Bᵀ`. */
  outer(a: MatrixRef, b: MatrixRef, options: ResultOptions = {}): MatrixRef {
    const { into: c = this.scratch(a.rows, b.rows), add = false, alpha = one } = options;
    this.emit({ op: 'outer', a, b, c, alpha, accumulate: add });
    return c;
  }

  /** `α A 1`. */
  rowSums(a: MatrixRef, options: ResultOptions = {}): MatrixRef {
    const { into: c = this.scratch(a.rows, 1), add = false, alpha = one } = options;
    this.emit({ op: 'rowSums', a, c, alpha, accumulate: add });
    return c;
  }

  /** `b 1ᵀ`, of so many columns. */
  broadcast(b: MatrixRef, columns: number, options: Omit<ResultOptions, 'alpha'> = {}): MatrixRef {
    const { into: c = this.scratch(b.rows, columns), add = false } = options;
    this.emit({ op: 'broadcast', b, c, accumulate: add });
    return c;
  }

  fill(y: MatrixRef, value: number): void {
    this.emit({ op: 'fill', y, value });
  }

  /** Scratch that holds zeros, for instructions that only accumulate. */
  zeros(rows: number, columns: number): MatrixRef {
    const y = this.scratch(rows, columns);
    this.fill(y, 0);
    return y;
  }

  /** `α X`. */
  scale(x: MatrixRef, options: ResultOptions = {}): MatrixRef {
    const { into: y = this.scratch(x.rows, x.columns), add = false, alpha = one } = options;
    this.emit({ op: 'axpy', x, y, alpha, accumulate: add });
    return y;
  }

  /** `Y ← X`. */
  copy(x: MatrixRef, into: MatrixRef): MatrixRef {
    return this.scale(x, { into });
  }

  /** `Y ← Y + αX`. */
  add(x: MatrixRef, into: MatrixRef, alpha = one): MatrixRef {
    return this.scale(x, { into, add: true, alpha });
  }

  /** `α X ∘ Y`. */
  hadamard(x: MatrixRef, y: MatrixRef, options: ResultOptions = {}): MatrixRef {
    const { into: z = this.scratch(x.rows, x.columns), add = false, alpha = one } = options;
    this.emit({ op: 'hadamard', x, y, z, alpha, accumulate: add });
    return z;
  }

  /** `diag(g) X`, g a column. */
  scaleRows(g: MatrixRef, x: MatrixRef): MatrixRef {
    return this.hadamard(this.broadcast(g, x.columns), x);
  }

  /** `α Σ_ij X_ij Y_ij`, 1 × 1. */
  dot(x: MatrixRef, y: MatrixRef, options: ResultOptions = {}): MatrixRef {
    const { into: c = this.scratch(1, 1), add = false, alpha = one } = options;
    this.emit({ op: 'dot', x, y, c, alpha, accumulate: add });
    return c;
  }

  /** `max_ij |X_ij|`, 1 × 1. */
  maxAbs(x: MatrixRef, into: MatrixRef): void {
    this.emit({ op: 'maxAbs', x, c: into });
  }

  /** `σ(X)`. */
  activate(kind: ActivationKind, x: MatrixRef): MatrixRef {
    const y = this.scratch(x.rows, x.columns);
    this.emit({ op: 'activation', kind, x, y });
    return y;
  }

  /** `normalise(X)`. */
  normalise(kind: NormalisationKind, epsilon: number, x: MatrixRef): MatrixRef {
    const y = this.scratch(x.rows, x.columns);
    this.emit({ op: 'normalise', kind, epsilon, x, y });
    return y;
  }

  /** X turned by rotary positions, in every head's `dimension` rows. */
  rotate(x: MatrixRef, { layout, dimension, theta }: RotaryPositions): MatrixRef {
    const y = this.scratch(x.rows, x.columns);
    this.emit({ op: 'rotate', x, y, layout, dimension, theta, inverse: false, accumulate: false });
    return y;
  }

  /** F projected onto the tangent space of the sphere at X. */
  tangent(x: MatrixRef, f: MatrixRef): MatrixRef {
    const y = this.scratch(x.rows, x.columns);
    this.emit({ op: 'tangent', x, f, y });
    return y;
  }

  /** `α Σ_j P_ij v_j` of every head, or of all heads together. */
  attention(operands: AttentionOperands): MatrixRef {
    const { shape, queries, keys, values, weights, alpha = 1, summed = false } = operands;
    const { heads, valueDimension } = shape;
    const n = queries.columns;
    const out = this.scratch(summed ? valueDimension : heads * valueDimension, n);
    const normaliser = this.scratch(heads, n);
    this.emit({
      op: 'attention',
      queries,
      keys,
      values,
      weights,
      out,
      normaliser,
      alpha,
      ...shape,
    });
    return out;
  }

  /** Softmax cross-entropy and its residual, column by column. */
  crossEntropy(operands: Operands<'crossEntropy'>): void {
    this.emit({ op: 'crossEntropy', ...operands });
  }

  /** The columns of a table that `indices` name. */
  gather(
    table: MatrixRef,
    indices: MatrixRef,
    options: Omit<ResultOptions, 'alpha'> = {},
  ): MatrixRef {
    const { into: y = this.scratch(table.rows, indices.columns), add = false } = options;
    this.emit({ op: 'gather', table, indices, y, accumulate: add });
    return y;
  }

  /** One step of Adam. */
  adam(operands: Operands<'adam'>): void {
    this.emit({ op: 'adam', ...operands });
  }

  /** The soft minimum over a second cloud. */
  pairwiseLogSumExp(operands: Operands<'pairwiseLogSumExp'>): void {
    this.emit({ op: 'pairwiseLogSumExp', ...operands });
  }

  /** Steps of the Gaussian moment flow. */
  gaussianMoments(operands: Operands<'gaussianMoments'>): void {
    this.emit({ op: 'gaussianMoments', ...operands });
  }
}
