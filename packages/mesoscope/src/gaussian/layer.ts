import { refuse, requireFinite, shapeMismatch } from '../numeric/checks.ts';
import {
  fromRows,
  largestEntry,
  type Matrix,
  multiply,
  scale,
  transpose,
  zeros,
} from '../numeric/matrix.ts';

/**
 * How a head weighs the tokens of a law μ, seen from x:
 * - `softmax`: density `∝ e^{⟨Bx,y⟩}` with respect to μ;
 * - `l2`: density `∝ e^{−β|Qx−Ky|²}`;
 * - `sinkhorn`: the conditional law of y given x under the coupling of μ with itself that has density
 *   `∝ e^{φ(x)+⟨Bx,y⟩+ψ(y)}`: doubly stochastic attention.
 */
export type GaussianAttention = 'softmax' | 'l2' | 'sinkhorn';

/** One head. All matrices are d × d. */
export interface GaussianHead {
  /** What the tilted mean is mapped by. */
  readonly V: Matrix;
  /** The score's bilinear form `⟨Bx, y⟩`, x the query and y the key. For l2 it is `2βKᵀQ`. */
  readonly B: Matrix;
  /** `A = 2βKᵀK` of l2 attention, where the score is `⟨Bx,y⟩ − ½⟨y,Ay⟩` plus a function of x; else absent. */
  readonly keyMetric?: Matrix;
}

/** A layer under which Gaussian token laws stay Gaussian: heads of attention, summed, and `x ↦ Wx + b`. */
export interface GaussianLayer {
  /** d. */
  readonly dimension: number;
  readonly attention: GaussianAttention;
  readonly heads: readonly GaussianHead[];
  /** d × d. */
  readonly W: Matrix;
  /** d. */
  readonly b: Float64Array;
}

/** A head by its query and key matrices, both k × d. */
export interface QueryKeyHead {
  readonly V: Matrix;
  readonly Q: Matrix;
  readonly K: Matrix;
  /** β; default `1/√k`. */
  readonly scale?: number | undefined;
}

/** `B = βKᵀQ`: the head with softmax or sinkhorn scores `β⟨Qx, Ky⟩`. */
export function scoreHead({
  V,
  Q,
  K,
  scale: beta = 1 / Math.sqrt(Q.rows),
}: QueryKeyHead): GaussianHead {
  return { V, B: scale(beta, multiply(transpose(K), Q)) };
}

/** `B = 2βKᵀQ`, `A = 2βKᵀK`: the head with l2 scores `−β|Qx − Ky|²` (arXiv 2006.04710). */
export function distanceHead({
  V,
  Q,
  K,
  scale: beta = 1 / Math.sqrt(Q.rows),
}: QueryKeyHead): GaussianHead {
  const keys = transpose(K);
  return {
    V,
    B: scale(2 * beta, multiply(keys, Q)),
    keyMetric: scale(2 * beta, multiply(keys, K)),
  };
}

export interface GaussianLayerOptions {
  /** d; needed only where neither heads, W nor b tell it. */
  readonly dimension?: number;
  /** Default `softmax`. */
  readonly attention?: GaussianAttention;
  /** Default none. */
  readonly heads?: readonly GaussianHead[];
  /** Default 0. */
  readonly W?: Matrix | undefined;
  /** Default 0. */
  readonly b?: ArrayLike<number> | undefined;
}

/**
 * A checked layer.
 *
 * @throws MesoscopeError `invalid-value`, `shape-mismatch`, `not-finite`
 */
export function gaussianLayer(options: GaussianLayerOptions): GaussianLayer {
  const { attention = 'softmax', heads = [] } = options;
  const d = options.dimension ?? options.W?.rows ?? options.b?.length ?? heads[0]?.V.rows;
  if (d === undefined || !Number.isInteger(d) || d < 1) {
    refuse('dimension', d, 'an integer ≥ 1', 'Give at least one head, W, b or the dimension.');
  }
  const W = options.W ?? zeros(d, d);
  const b = Float64Array.from(options.b ?? new Float64Array(d));
  requireShape('W', W, d);
  requireLength('b', b, d);
  heads.forEach((head, h) => {
    requireShape(`heads[${h}].V`, head.V, d);
    requireShape(`heads[${h}].B`, head.B, d);
    if (head.keyMetric !== undefined) requireShape(`heads[${h}].keyMetric`, head.keyMetric, d);
    if ((attention === 'l2') !== (head.keyMetric !== undefined)) {
      refuse(
        `heads[${h}].keyMetric`,
        head.keyMetric === undefined ? 'nothing' : 'a matrix',
        `${attention === 'l2' ? 'the matrix 2βKᵀK' : 'nothing'} for ${attention} attention`,
        'Make the head with distanceHead (l2) or scoreHead (softmax, sinkhorn).',
      );
    }
  });
  return { dimension: d, attention, heads, W, b };
}

/** `V̂ = Σ_h V_h`. */
export function totalValue(layer: GaussianLayer): Matrix {
  const total = zeros(layer.dimension, layer.dimension);
  for (const { V } of layer.heads)
    V.data.forEach((entry, i) => {
      total.data[i] += entry;
    });
  return total;
}

/** The heads that move tokens: those whose value is not 0. */
export function actingHeads({ heads }: GaussianLayer): GaussianHead[] {
  return heads.filter(({ V }) => largestEntry(V) > 0);
}

/** Whether attention moves tokens other than by one affine map. */
export function attends(layer: GaussianLayer): boolean {
  return actingHeads(layer).some(({ B }) => largestEntry(B) > 0);
}

/** A d × d matrix from rows. @throws MesoscopeError `shape-mismatch`, `not-finite` */
export function squareFromRows(
  path: string,
  rows: readonly ArrayLike<number>[],
  d: number,
): Matrix {
  const matrix = fromRows(rows, path);
  requireShape(path, matrix, d);
  return matrix;
}

function requireShape(path: string, { rows, columns, data }: Matrix, d: number): void {
  if (rows !== d || columns !== d) {
    throw shapeMismatch(path, [rows, columns], [d, d]);
  }
  requireFinite(path, data);
}

/** Refuses a vector of another length or with entries that are not finite. */
export function requireLength(path: string, vector: ArrayLike<number>, length: number): void {
  if (vector.length !== length) {
    throw shapeMismatch(path, [vector.length], [length]);
  }
  requireFinite(path, vector);
}
