import { relativeLargestEntry } from '../minimise/lbfgs.ts';
import { minimise } from '../minimise/minimise.ts';
import {
  pseudoInverse,
  singularValueDecomposition,
  symmetricEigen,
} from '../numeric/decompositions.ts';
import {
  add,
  fromRows,
  type Matrix,
  multiply,
  multiplyVector,
  symmetricPart,
  transpose,
} from '../numeric/matrix.ts';
import { headCurvature } from './curvature.ts';
import { type HeadLaw, headLaw, headLength } from './head-law.ts';
import type { HeadProblem } from './problem.ts';

/** A symmetric operator on the heads modulo gauge: eigenvalues in increasing order, eigenvectors in R^P by rows. */
export interface Modes {
  readonly values: Float64Array;
  readonly vectors: readonly Float64Array[];
}

/** What becomes of a law concentrated on one head when it is perturbed. */
export interface DiracStability {
  readonly head: Float64Array;
  /** Largest entry of ∇Ψ(θ;δ_θ); 0 at a stationary head. */
  readonly stationarity: number;
  /** H_Ψ: fluctuations around the mean obey `−H_Ψ`. */
  readonly frozen: Modes;
  /** G ⪰ 0. */
  readonly interaction: Modes;
  /** H_Ψ + G, the Hessian of the single-head risk: the mean obeys `−(H_Ψ + G)`. */
  readonly single: Modes;
  /** Directions of the gauge that were removed. */
  readonly gaugeDirections: number;
  /** Frobenius norm of the (V, V) block of H_Ψ − λI: exactly 0. */
  readonly valueBlockNorm: number;
  /**
   * `stable`: H_Ψ ≻ 0; `splits`: H_Ψ has a negative eigenvalue though H_Ψ + G has none; `translates`: H_Ψ + G has one;
   * `marginal`: the smallest eigenvalue of H_Ψ is 0 to rounding.
   */
  readonly kind: 'stable' | 'splits' | 'translates' | 'marginal';
}

/**
 * The linear stability of `δ_θ` under the Wasserstein flow (arXiv 2606.10469). For a cloud θ + δ_i the flow linearises to
 * `δ̇_i = −H_Ψδ_i − Gδ̄`: the mean feels H_Ψ + G, deviations from it feel H_Ψ alone.
 *
 * Gauge directions are removed: the attention depends on KᵀQ only, so that `Q → GQ, K → G⁻ᵀK` leaves Φ unchanged. The penalty
 * leaves only orthogonal G free: with λ > 0 the directions are `(AQ, AK)` with A antisymmetric, with λ = 0 `(AQ, −AᵀK)` with any A.
 */
export function diracStability(problem: HeadProblem, head: Float64Array): DiracStability {
  const law = headLaw(problem.shape, head);
  const logits = problem.logits(law);
  const at = problem.linearise(law);
  const { gradient, frozen, interaction } = headCurvature(problem, at, logits, head);
  const gauge = gaugeDirections(problem, head);
  const basis = complement(gauge, head.length);
  const single = modes(add(frozen, interaction), basis);
  const frozenModes = modes(frozen, basis);
  const scale = Math.max(...frozenModes.values.map(Math.abs), 1e-300);
  const tolerance = 1e-9 * scale;
  return {
    head,
    stationarity: gradient.reduce((a, g) => Math.max(a, Math.abs(g)), 0),
    frozen: frozenModes,
    interaction: modes(interaction, basis),
    single,
    gaugeDirections: gauge.length,
    valueBlockNorm: valueBlockNorm(problem, frozen),
    kind: classify(frozenModes.values[0], single.values[0], tolerance),
  };
}

function classify(frozen: number, single: number, tolerance: number): DiracStability['kind'] {
  if (single < -tolerance) return 'translates';
  if (frozen < -tolerance) return 'splits';
  return frozen > tolerance ? 'stable' : 'marginal';
}

export interface StationaryHead {
  readonly head: Float64Array;
  readonly risk: number;
  /** Largest entry of the gradient. */
  readonly stationarity: number;
}

/** A local minimiser of the single-head risk `θ ↦ R(δ_θ)`: L-BFGS, then Newton's method with the exact Hessian. */
export function trainSingleHead(
  problem: HeadProblem,
  start: Float64Array,
  iterations = 2000,
): StationaryHead {
  const result = minimise(
    (head) => {
      const gradient = new Float64Array(head.length);
      const at = problem.linearise(headLaw(problem.shape, head));
      problem.firstVariation(at, head, gradient);
      return { value: at.risk, gradient };
    },
    start,
    { iterations, tolerance: 1e-9, norm: relativeLargestEntry },
  );
  return polishStationary(problem, result.point);
}

/** Newton's method for `∇Ψ(θ;δ_θ) = 0` from a head that is nearly stationary; also finds saddles. */
export function polishStationary(problem: HeadProblem, start: Float64Array): StationaryHead {
  let best = stationaryAt(problem, start);
  for (let iteration = 0; iteration < 20 && best.stationarity > 1e-14; iteration++) {
    const law = headLaw(problem.shape, best.head);
    const { gradient, frozen, interaction } = headCurvature(
      problem,
      problem.linearise(law),
      problem.logits(law),
      best.head,
    );
    const inverse = pseudoInverse(symmetricPart(add(frozen, interaction)), {
      tolerance: 1e-9,
    });
    const step = multiplyVector(inverse, gradient);
    const next = stationaryAt(
      problem,
      best.head.map((x, j) => x - step[j]),
    );
    if (!(next.stationarity < best.stationarity)) break;
    best = next;
  }
  return best;
}

function stationaryAt(problem: HeadProblem, head: Float64Array): StationaryHead {
  const gradient = new Float64Array(head.length);
  const at = problem.linearise(headLaw(problem.shape, head));
  problem.firstVariation(at, head, gradient);
  const stationarity = gradient.reduce((a, g) => Math.max(a, Math.abs(g)), 0);
  return { head, risk: at.risk, stationarity };
}

/** Orthonormal basis of the gauge orbit's tangent space at a head. */
export function gaugeDirections(problem: HeadProblem, head: Float64Array): Float64Array[] {
  const { dimension: d, keyDimension: k } = problem.shape;
  const isOrthogonal = problem.regularisation > 0 || problem.radius < Number.POSITIVE_INFINITY;
  const directions: Float64Array[] = [];
  for (let i = 0; i < k; i++) {
    for (let j = isOrthogonal ? i + 1 : 0; j < k; j++) {
      // A = e_i e_jᵀ, minus its transpose where only rotations are free.
      const direction = new Float64Array(head.length);
      for (let a = 0; a < d; a++) {
        direction[i * d + a] += head[j * d + a];
        direction[(k + j) * d + a] -= head[(k + i) * d + a];
        if (!isOrthogonal) continue;
        direction[j * d + a] -= head[i * d + a];
        direction[(k + i) * d + a] += head[(k + j) * d + a];
      }
      directions.push(direction);
    }
  }
  if (directions.length === 0) return [];
  const { left, values } = singularValueDecomposition(transpose(fromRows(directions)));
  const size = Math.sqrt(head.reduce((sum, x) => sum + x * x, 0));
  return columnsOf(left).filter((_, c) => values[c] > 1e-7 * size);
}

/** Orthonormal basis (rows) of the complement of orthonormal vectors. */
function complement(vectors: readonly Float64Array[], P: number): Matrix {
  const projector = { rows: P, columns: P, data: new Float64Array(P * P) };
  for (let i = 0; i < P; i++) projector.data[i * P + i] = 1;
  for (const v of vectors) {
    for (let i = 0; i < P; i++) {
      for (let j = 0; j < P; j++) projector.data[i * P + j] -= v[i] * v[j];
    }
  }
  const eigen = symmetricEigen(symmetricPart(projector));
  return fromRows(columnsOf(eigen.vectors).slice(vectors.length));
}

function modes(operator: Matrix, basis: Matrix): Modes {
  const reduced = multiply(basis, operator, transpose(basis));
  const { values, vectors } = symmetricEigen(symmetricPart(reduced));
  const lifted = multiply(transpose(basis), vectors);
  return { values, vectors: columnsOf(lifted) };
}

function columnsOf(matrix: Matrix): Float64Array[] {
  return Array.from({ length: matrix.columns }, (_, c) =>
    Float64Array.from({ length: matrix.rows }, (_, r) => matrix.data[r * matrix.columns + c]),
  );
}

function valueBlockNorm(problem: HeadProblem, frozen: Matrix): number {
  const { dimension: d, keyDimension: k } = problem.shape;
  const P = headLength(problem.shape);
  let square = 0;
  for (let i = 2 * k * d; i < P; i++) {
    for (let j = 2 * k * d; j < P; j++) {
      const entry = frozen.data[i * P + j] - (i === j ? problem.regularisation : 0);
      square += entry * entry;
    }
  }
  return Math.sqrt(square);
}

/** A cloud of N heads around one: `θ + ε δ_i`, equal weights. */
export function cloudAround(
  problem: HeadProblem,
  head: Float64Array,
  displacements: readonly Float64Array[],
  size: number,
): HeadLaw {
  const P = head.length;
  const parameters = new Float64Array(displacements.length * P);
  displacements.forEach((displacement, i) => {
    for (let j = 0; j < P; j++) parameters[i * P + j] = head[j] + size * displacement[j];
  });
  return headLaw(problem.shape, parameters);
}

/** Amplitudes of a mode in a cloud: of the mean, and the root mean square of the deviations from the mean. */
export function modeAmplitudes(
  law: HeadLaw,
  head: Float64Array,
  mode: Float64Array,
): { readonly mean: number; readonly fluctuation: number } {
  const P = head.length;
  const along = Float64Array.from({ length: law.count }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < P; j++) sum += (law.parameters[i * P + j] - head[j]) * mode[j];
    return sum;
  });
  const mean = along.reduce((sum, x, i) => sum + law.weights[i] * x, 0);
  const square = along.reduce((sum, x, i) => sum + law.weights[i] * (x - mean) ** 2, 0);
  return { mean, fluctuation: Math.sqrt(square) };
}
