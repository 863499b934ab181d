import type { Law } from '../law/law.ts';
import { lawCovariance } from '../law/moments.ts';
import { logSumExp } from '../law/tilt.ts';
import {
  qrDecomposition,
  type SingularValues,
  singularValueDecomposition,
} from '../numeric/decompositions.ts';
import type { Interval } from '../numeric/fit.ts';
import { type Matrix, multiply, subtract, trace, transpose, zeros } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { requireMemory, requireWhole } from './checks.ts';

/**
 * What counts as nothing: `affine` functions `a + ⟨b, ξ⟩` (what trained queries and keys cannot see, with V fixed), or
 * `constant` ones only (with V trained as well).
 */
export type Modulo = 'affine' | 'constant';

export interface InjectivityOptions {
  /** Default `affine`. */
  readonly modulo?: Modulo;
  /** M, probe points ξ; default `4(N + d + 1)`. */
  readonly probes?: number;
  /** Default 1. */
  readonly seed?: number;
  /** Resamplings of the probe points for the interval; default 40. */
  readonly resamples?: number;
}

/** Whether the log-sum-exp functions of contexts are linearly independent. */
export interface Injectivity {
  readonly verdict: 'independent' | 'dependent';
  /** Of the design `[Λ_{μ^i}(ξ_a)]/√M` without its part in the null functions, decreasing. */
  readonly singularValues: Float64Array;
  /** Singular values above the tolerance. */
  readonly rank: number;
  /** Ratio of the last singular value counted to the first not counted; to the tolerance if all are counted. */
  readonly rankGap: number;
  /**
   * 95 % bootstrap interval of the smallest singular value σ over resampled probe points, reflected on the log scale:
   * `[σ²/q_high, σ²/q_low]` of the percentiles q. Resampled probes repeat each other and lie too low by about as much as σ
   * itself does; reflection takes that out. Percentiles themselves where the contexts are dependent: all is rounding.
   */
  readonly interval: Interval;
  /** Coefficients c with `Σ c_iΛ_i` null, one row for each dependency, of length 1; no rows if independent. */
  readonly dependencies: Matrix;
}

/** An answer with the design's own size. */
export interface ProbedInjectivity extends Injectivity {
  /** Largest root mean square of a column of the design, null part included: what its rounding is measured in. */
  readonly scale: number;
}

/** Relative size under which a singular value is rounding: entries of the design carry a few ulp. */
export const roundingTolerance = 1e-12;

/**
 * Decides on data whether the functions `Λ_{μ^i}(ξ) = log ∫ e^{⟨ξ,y⟩}dμ^i` are linearly independent modulo affine (or
 * constant) functions, from their values at M random probe points: exactly dependent functions leave singular values at
 * rounding. Independent functions whose difference is below double precision are reported as dependent; the rank gap
 * tells how clear the case is.
 *
 * @throws MesoscopeError `out-of-memory`, `invalid-value`
 */
export function testInjectivity(
  contexts: readonly Law[],
  options: InjectivityOptions = {},
): ProbedInjectivity {
  const { modulo = 'affine', seed = 1, resamples = 40 } = options;
  const count = contexts.length;
  const d = contexts[0].dimension;
  const probes = options.probes ?? 4 * (count + d + 1);
  requireWhole('probes', probes);
  requireMemory(
    8 * probes * (4 * count + 2 * d + 2),
    `Take fewer contexts or probes: a design of ${probes} × ${count} is asked for.`,
  );
  const points = probePoints(contexts, probes, seed);
  const values = zeros(probes, count);
  for (let a = 0; a < probes; a++) {
    const xi = points.data.subarray(a * d, (a + 1) * d);
    contexts.forEach((law, i) => {
      values.data[a * count + i] = logSumExp(law, xi);
    });
  }
  const decomposition = projectedDecomposition(points, values, modulo);
  const stream = randomStream(seed, 'resampled probes');
  const bootstrap = Array.from({ length: resamples }, () => {
    const chosen = Array.from({ length: probes }, () => stream.integer(probes));
    const resampled = projectedDecomposition(
      takeRows(points, chosen),
      takeRows(values, chosen),
      modulo,
    );
    return padded(resampled.values, count)[count - 1];
  });
  const scale = largestColumn(values);
  return { ...judgeDesign(decomposition, scale, bootstrap), scale };
}

/** What singular values and right singular vectors of a design say. @param size largest root mean square of a column */
export function judgeDesign(
  { values, right }: Pick<SingularValues, 'values' | 'right'>,
  size: number,
  bootstrap: readonly number[],
): Injectivity {
  const count = right.rows;
  const singularValues = padded(values, count);
  const tolerance = roundingTolerance * size;
  const rank = singularValues.filter((value) => value > tolerance).length;
  const sorted = bootstrap.toSorted((x, y) => x - y);
  const quantile = (p: number) =>
    sorted[Math.round(p * (sorted.length - 1))] ?? singularValues[count - 1];
  const [low, high] = [quantile(0.025), quantile(0.975)];
  const smallest = singularValues[count - 1];
  return {
    verdict: rank === count ? 'independent' : 'dependent',
    singularValues,
    rank,
    rankGap:
      rank === 0
        ? 0
        : singularValues[rank - 1] /
          Math.max(rank === count ? tolerance : singularValues[rank], Number.MIN_VALUE),
    interval: rank === count && low > 0 ? [smallest ** 2 / high, smallest ** 2 / low] : [low, high],
    dependencies: nullVectors(right, rank, count),
  };
}

/** Normal probe points that tilt the contexts by about two standard deviations. */
export function probePoints(contexts: readonly Law[], probes: number, seed: number): Matrix {
  const d = contexts[0].dimension;
  const spread = contextDeviation(contexts);
  const deviation = spread > 0 ? 2 / spread : 1;
  const points = zeros(probes, d);
  randomStream(seed, 'probe points').normals(points.data);
  for (let i = 0; i < points.data.length; i++) points.data[i] *= deviation;
  return points;
}

/** The standard deviation of one coordinate, over all coordinates of all contexts. */
export function contextDeviation(contexts: readonly Law[]): number {
  const d = contexts[0].dimension;
  const variance = contexts.reduce((sum, law) => sum + trace(lawCovariance(law)), 0);
  return Math.sqrt(variance / (contexts.length * d));
}

/** Singular values of the values without their least-squares fit by null functions, over √M. */
function projectedDecomposition(points: Matrix, values: Matrix, modulo: Modulo): SingularValues {
  const d = modulo === 'affine' ? points.columns : 0;
  const nulls = zeros(points.rows, d + 1);
  for (let a = 0; a < points.rows; a++) {
    nulls.data[a * (d + 1)] = 1;
    for (let b = 0; b < d; b++) {
      nulls.data[a * (d + 1) + b + 1] = points.data[a * points.columns + b];
    }
  }
  const { Q } = qrDecomposition(nulls);
  let rest = values;
  // Twice is enough to take the fit out to rounding.
  for (let turn = 0; turn < 2; turn++) {
    rest = subtract(rest, multiply(Q, multiply(transpose(Q), rest)));
  }
  const factor = 1 / Math.sqrt(points.rows);
  return singularValueDecomposition({ ...rest, data: rest.data.map((entry) => factor * entry) });
}

function padded(values: Float64Array, count: number): Float64Array {
  const out = new Float64Array(count);
  out.set(values.subarray(0, count));
  return out;
}

/** Largest root mean square of a column. */
function largestColumn({ rows, columns, data }: Matrix): number {
  let largest = 0;
  for (let i = 0; i < columns; i++) {
    let squares = 0;
    for (let a = 0; a < rows; a++) squares += data[a * columns + i] ** 2;
    largest = Math.max(largest, Math.sqrt(squares / rows));
  }
  return largest;
}

function takeRows(a: Matrix, rows: readonly number[]): Matrix {
  const out = zeros(rows.length, a.columns);
  rows.forEach((row, i) => {
    out.data.set(a.data.subarray(row * a.columns, (row + 1) * a.columns), i * a.columns);
  });
  return out;
}

function nullVectors(right: Matrix, rank: number, count: number): Matrix {
  const out = zeros(count - rank, count);
  for (let r = rank; r < count; r++) {
    for (let i = 0; i < count; i++) {
      out.data[(r - rank) * count + i] = right.data[i * right.columns + r];
    }
  }
  return out;
}

/**
 * The loss under which one layer cannot get when contexts are dependent and all tokens are the same x: with orthonormal
 * rows c of `Σ c_iΛ_i` constant, the outputs obey `Σ c_i (x^i_1 − x) = 0`, so that
 * `(1/2N) Σ_i |x^i_1 − y^i|² ≥ (1/2N) Σ_c |Σ_i c_i (y^i − x)|²`. 0 without dependencies.
 *
 * @param dependencies from `testInjectivity` modulo constants
 */
export function singleLayerFloor(
  dependencies: Matrix,
  token: ArrayLike<number>,
  targets: readonly ArrayLike<number>[],
): number {
  const count = targets.length;
  let sum = 0;
  for (let r = 0; r < dependencies.rows; r++) {
    for (let a = 0; a < token.length; a++) {
      let entry = 0;
      for (let i = 0; i < count; i++) {
        entry += dependencies.data[r * count + i] * (targets[i][a] - token[a]);
      }
      sum += entry * entry;
    }
  }
  return sum / (2 * count);
}
