import { type ParticleLaw, particles } from '../law/law.ts';
import { requireFinite, shapeMismatch } from '../numeric/checks.ts';
import { type Matrix, multiply, scale, transpose } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { requireMemory, requireWhole } from './checks.ts';

/** How many particles carry a law of heads at every depth, and how their parameters lie in one vector. */
export interface EnsembleShape {
  /** d, of tokens and context points. */
  readonly dimension: number;
  /** k, rows of Q and K. */
  readonly keyDimension: number;
  /** L, depths. */
  readonly layers: number;
  /** H, heads at each depth. */
  readonly heads: number;
  /** Whether each layer also has an affine part `W h + b`; default false. */
  readonly affine?: boolean;
}

/**
 * One parameter vector: layer after layer, in each the stacked blocks Q, K (H·k × d) and V (H·d × d), then W (d × d) and
 * b (d) if there is an affine part.
 */
export interface EnsembleLayout extends Required<EnsembleShape> {
  /** P, numbers of one layer. */
  readonly layerLength: number;
  /** L·P. */
  readonly length: number;
}

/** One head θ = (Q, K, V): `Att_θ[μ](x) = V ȳ_μ(B x)` with `B = KᵀQ/√k`. */
export interface EnsembleHead {
  readonly Q: Matrix;
  readonly K: Matrix;
  readonly V: Matrix;
}

/** @throws MesoscopeError `invalid-value`; `out-of-memory` where parameters, gradient and a trial step pass 2 GB */
export function ensembleLayout(shape: EnsembleShape): EnsembleLayout {
  const { dimension: d, keyDimension: k, layers, heads, affine = false } = shape;
  requireWhole('dimension', d);
  requireWhole('keyDimension', k);
  requireWhole('layers', layers);
  requireWhole('heads', heads);
  const layerLength = heads * ensembleHeadLength(shape) + (affine ? d * d + d : 0);
  const length = layers * layerLength;
  requireMemory(
    4 * 8 * length,
    `Take fewer layers or heads: ${layers} × ${heads} heads in dimension ${d} have ${length} parameters.`,
  );
  return { ...shape, affine, layerLength, length };
}

/** Numbers of one head: `2kd + d²`. */
export function ensembleHeadLength({ dimension: d, keyDimension: k }: EnsembleShape): number {
  return 2 * k * d + d * d;
}

/** Where the three matrices of a head start in the parameter vector. */
export function headOffsets(layout: EnsembleLayout, layer: number, head: number) {
  const { dimension: d, keyDimension: k, heads, layerLength } = layout;
  const start = layer * layerLength;
  return {
    Q: start + head * k * d,
    K: start + (heads + head) * k * d,
    V: start + 2 * heads * k * d + head * d * d,
  };
}

/** EnsembleHead h of layer l, as views into the parameter vector. */
export function headAt(
  layout: EnsembleLayout,
  theta: Float64Array,
  layer: number,
  head: number,
): EnsembleHead {
  const { dimension: d, keyDimension: k } = layout;
  const { Q, K, V } = headOffsets(layout, layer, head);
  const view = (from: number, rows: number): Matrix => ({
    rows,
    columns: d,
    data: theta.subarray(from, from + rows * d),
  });
  return { Q: view(Q, k), K: view(K, k), V: view(V, d) };
}

/** All heads of a layer. */
export function headsAt(
  layout: EnsembleLayout,
  theta: Float64Array,
  layer: number,
): EnsembleHead[] {
  return Array.from({ length: layout.heads }, (_, h) => headAt(layout, theta, layer, h));
}

/** `B = KᵀQ/√k`, the score's bilinear form `s(x, y) = ⟨Bx, y⟩`. */
export function headScoreMatrix({ Q, K }: EnsembleHead): Matrix {
  return scale(1 / Math.sqrt(Q.rows), multiply(transpose(K), Q));
}

/** The law of heads ν_s at a depth: H equal particles in R^{2kd+d²}, each (Q, K, V) row by row. */
export function headLawAtDepth(
  layout: EnsembleLayout,
  theta: Float64Array,
  layer: number,
): ParticleLaw {
  requireParameters(layout, theta);
  return particles(
    headsAt(layout, theta, layer).map(({ Q, K, V }) => [...Q.data, ...K.data, ...V.data]),
  );
}

/** Standard deviations of the entries at a random start. */
export interface StartDeviations {
  /** Of Q and K; default 1/√d. */
  readonly queryKey?: number;
  /** Of V; default 1/√d. */
  readonly value?: number;
}

/**
 * Independent heads of one law at every depth: normal entries. EnsembleHead h of layer l has a random stream of its own, so
 * that more heads or layers keep those that are there. The affine part starts at 0.
 */
export function randomEnsemble(
  layout: EnsembleLayout,
  seed: number,
  deviations: StartDeviations = {},
): Float64Array {
  const natural = 1 / Math.sqrt(layout.dimension);
  const { queryKey = natural, value = natural } = deviations;
  requireFinite('deviations', [queryKey, value]);
  const theta = new Float64Array(layout.length);
  for (let l = 0; l < layout.layers; l++) {
    for (let h = 0; h < layout.heads; h++) {
      const stream = randomStream(seed, `heads of layer ${l}`, h);
      const { Q, K, V } = headAt(layout, theta, l, h);
      for (const [matrix, deviation] of [
        [Q, queryKey],
        [K, queryKey],
        [V, value],
      ] as const) {
        stream.normals(matrix.data);
        for (let i = 0; i < matrix.data.length; i++) matrix.data[i] *= deviation;
      }
    }
  }
  return theta;
}

/**
 * The mobility of each parameter in the conditional Wasserstein geometry: `θ' = −mobility ∂L/∂θ` with L·H for a head
 * (mass 1/(LH) of the law of heads) and L for the affine part of a layer.
 */
export function mobilities(layout: EnsembleLayout): Float64Array {
  const { layers, heads, layerLength } = layout;
  const ofHeads = heads * ensembleHeadLength(layout);
  return Float64Array.from({ length: layout.length }, (_, i) =>
    i % layerLength < ofHeads ? layers * heads : layers,
  );
}

/** @throws MesoscopeError `shape-mismatch`, `not-finite` */
export function requireParameters(layout: EnsembleLayout, theta: Float64Array): void {
  if (theta.length !== layout.length) {
    throw shapeMismatch('parameters', [theta.length], [layout.length]);
  }
  requireFinite('parameters', theta);
}
