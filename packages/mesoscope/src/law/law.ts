import { refuse, requireFinite, shapeMismatch } from '../numeric/checks.ts';
import { fromRows, identity, type Matrix, multiply, transpose } from '../numeric/matrix.ts';
import { positiveSemidefiniteEigen } from '../numeric/matrix-functions.ts';

/** `Σ_i w_i δ_{x_i}`: n weighted points of R^d. */
export interface ParticleLaw {
  readonly kind: 'particles';
  readonly dimension: number;
  /** n × d, one point a row. */
  readonly points: Matrix;
  /** n weights ≥ 0 that sum to 1. */
  readonly weights: Float64Array;
}

/** N(m, Σ) with Σ ⪰ 0, possibly degenerate. */
export interface GaussianLaw {
  readonly kind: 'gaussian';
  readonly dimension: number;
  readonly mean: Float64Array;
  readonly covariance: Matrix;
  /** The symmetric square root Σ^{1/2}. */
  readonly root: Matrix;
}

/** `Σ_k w_k μ_k` for laws μ_k on the same space. */
export interface MixtureLaw {
  readonly kind: 'mixture';
  readonly dimension: number;
  readonly weights: Float64Array;
  readonly components: readonly Law[];
}

/** The uniform law on `Π_a [low_a, high_a]`; a side may have length 0. */
export interface BoxLaw {
  readonly kind: 'box';
  readonly dimension: number;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** One axis of a regular grid: `cells` cells of equal width from `low` to `high`. */
export interface GridAxis {
  readonly low: number;
  readonly high: number;
  readonly cells: number;
}

/** A density that is constant on each cell of a regular grid in one or two dimensions. */
export interface GridLaw {
  readonly kind: 'grid';
  readonly dimension: number;
  readonly axes: readonly GridAxis[];
  /** Probability of each cell, row-major over the axes (the last axis runs fastest). */
  readonly masses: Float64Array;
  /** The centres of the cells that have probability, weighted by it. */
  readonly centres: ParticleLaw;
}

/** A probability measure on R^d. */
export type Law = ParticleLaw | GaussianLaw | MixtureLaw | BoxLaw | GridLaw;

/**
 * Weighted particles.
 *
 * @param points - n × d, as a matrix or as rows
 * @param weights - n numbers ≥ 0 with sum 1; default 1/n each
 * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value` if the weights are not a probability, or a
 *   coordinate exceeds 2⁵⁰⁰
 */
export function particles(
  points: Matrix | readonly ArrayLike<number>[],
  weights?: ArrayLike<number>,
  path = 'law',
): ParticleLaw {
  const matrix = 'data' in points ? points : fromRows(points, `${path}.points`);
  requireCoordinates(`${path}.points`, matrix.data);
  if (matrix.rows === 0) throw shapeMismatch(`${path}.points`, [0], ['at least 1 point']);
  return {
    kind: 'particles',
    dimension: matrix.columns,
    points: matrix,
    weights:
      weights === undefined
        ? new Float64Array(matrix.rows).fill(1 / matrix.rows)
        : probability(weights, matrix.rows, `${path}.weights`),
  };
}

/** δ_x. */
export function dirac(point: ArrayLike<number>, path = 'law'): ParticleLaw {
  return particles([point], undefined, path);
}

/**
 * N(m, Σ).
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`; `invalid-value` if Σ is not symmetric, or not positive
 *   semi-definite (with the offending eigenvalue)
 */
export function gaussian(
  mean: ArrayLike<number>,
  covariance: Matrix | readonly ArrayLike<number>[],
  path = 'law',
): GaussianLaw {
  const where = `${path}.covariance`;
  const matrix = 'data' in covariance ? covariance : fromRows(covariance, where);
  const d = mean.length;
  requireCoordinates(`${path}.mean`, mean);
  if (matrix.rows !== d || matrix.columns !== d) {
    throw shapeMismatch(where, [matrix.rows, matrix.columns], [d, d]);
  }
  const { values, vectors } = positiveSemidefiniteEigen(matrix, where);
  const scaled = { ...vectors, data: vectors.data.map((v, i) => v * Math.sqrt(values[i % d])) };
  const root = multiply(scaled, transpose(vectors));
  return {
    kind: 'gaussian',
    dimension: d,
    mean: Float64Array.from(mean),
    covariance: matrix,
    root,
  };
}

/** N(0, I) on R^d. */
export function standardGaussian(dimension: number): GaussianLaw {
  const one = identity(dimension);
  return {
    kind: 'gaussian',
    dimension,
    mean: new Float64Array(dimension),
    covariance: one,
    root: one,
  };
}

/**
 * A mixture of laws.
 *
 * @throws MesoscopeError `shape-mismatch` without components or if dimensions differ, `invalid-value` if the weights
 *   are not a probability
 */
export function mixture(
  components: readonly { readonly weight: number; readonly law: Law }[],
  path = 'law',
): MixtureLaw {
  if (components.length === 0) throw shapeMismatch(`${path}.mixture`, [0], ['at least 1']);
  const dimension = components[0].law.dimension;
  components.forEach(({ law }, k) => {
    if (law.dimension !== dimension) {
      throw shapeMismatch(`${path}.mixture[${k}]`, [law.dimension], [dimension]);
    }
  });
  const weights = components.map(({ weight }) => weight);
  return {
    kind: 'mixture',
    dimension,
    weights: probability(weights, weights.length, `${path}.mixture weights`),
    components: components.map(({ law }) => law),
  };
}

/**
 * The uniform law on a box.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value` if low > high somewhere
 */
export function box(low: ArrayLike<number>, high: ArrayLike<number>, path = 'law'): BoxLaw {
  requireCoordinates(`${path}.low`, low);
  requireCoordinates(`${path}.high`, high);
  if (low.length !== high.length || low.length === 0) {
    throw shapeMismatch(`${path}.high`, [high.length], [Math.max(1, low.length)]);
  }
  for (let a = 0; a < low.length; a++) {
    if (low[a] > high[a]) {
      refuse(`${path}.low[${a}]`, low[a], `at most ${path}.high[${a}] = ${high[a]}`);
    }
  }
  return {
    kind: 'box',
    dimension: low.length,
    low: Float64Array.from(low),
    high: Float64Array.from(high),
  };
}

/**
 * A piecewise constant density on a regular grid.
 *
 * @param axes - one or two
 * @param masses - probability of each cell, row-major (the last axis runs fastest)
 * @throws MesoscopeError `shape-mismatch`, `invalid-value` if an axis is empty or the masses are not a probability
 */
export function gridLaw(
  axes: readonly GridAxis[],
  masses: ArrayLike<number>,
  path = 'law',
): GridLaw {
  if (axes.length !== 1 && axes.length !== 2) {
    throw shapeMismatch(`${path}.axes`, [axes.length], ['1 or 2']);
  }
  axes.forEach((axis, a) => {
    requireCoordinates(`${path}.axes[${a}]`, [axis.low, axis.high]);
    if (!(axis.low < axis.high) || !Number.isInteger(axis.cells) || axis.cells < 1) {
      refuse(`${path}.axes[${a}]`, axis, 'low < high and a whole number of cells, at least 1');
    }
  });
  const cells = axes.reduce((product, axis) => product * axis.cells, 1);
  const kept = probability(masses, cells, `${path}.masses`);
  return {
    kind: 'grid',
    dimension: axes.length,
    axes,
    masses: kept,
    centres: cellCentres(axes, kept),
  };
}

/** Width of an axis' cells. */
export function cellWidth({ low, high, cells }: GridAxis): number {
  return (high - low) / cells;
}

function cellCentres(axes: readonly GridAxis[], masses: Float64Array): ParticleLaw {
  const d = axes.length;
  const kept = Array.from(masses.keys()).filter((cell) => masses[cell] > 0);
  const points = { rows: kept.length, columns: d, data: new Float64Array(kept.length * d) };
  kept.forEach((cell, row) => {
    let index = cell;
    for (let a = d - 1; a >= 0; a--) {
      const { low, cells } = axes[a];
      points.data[row * d + a] = low + ((index % cells) + 0.5) * cellWidth(axes[a]);
      index = Math.floor(index / cells);
    }
  });
  return {
    kind: 'particles',
    dimension: d,
    points,
    weights: Float64Array.from(kept, (cell) => masses[cell]),
  };
}

/** Coordinates larger than this have squares whose sums overflow. */
const largestCoordinate = 2 ** 500;

/** @throws MesoscopeError `not-finite`; `invalid-value` for a coordinate too large to be squared */
function requireCoordinates(path: string, values: ArrayLike<number>): void {
  requireFinite(path, values);
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]) > largestCoordinate) {
      refuse(
        `${path}, entry ${i}`,
        values[i],
        'a coordinate of at most 2^500 (3e150), whose square can be computed with',
        'Measure in a larger unit.',
      );
    }
  }
}

/** A copy of the weights whose sum is 1 to rounding, after the sum was found to be 1 within 1e-9. */
function probability(weights: ArrayLike<number>, length: number, path: string): Float64Array {
  if (weights.length !== length) throw shapeMismatch(path, [weights.length], [length]);
  requireFinite(path, weights);
  let sum = 0;
  for (let i = 0; i < length; i++) {
    if (weights[i] < 0) {
      refuse(`${path}[${i}]`, weights[i], 'a weight ≥ 0');
    }
    sum += weights[i];
  }
  if (Math.abs(sum - 1) > 1e-9) {
    refuse(
      path,
      sum,
      'weights that sum to 1 (received: their sum)',
      'Divide each weight by the sum.',
    );
  }
  return Float64Array.from(weights, (weight) => weight / sum);
}
