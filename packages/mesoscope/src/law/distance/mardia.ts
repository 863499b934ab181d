import { refuse } from '../../numeric/checks.ts';
import { chiSquareUpperTail, normalUpperTail } from '../../numeric/distributions.ts';
import { type Matrix, zeros } from '../../numeric/matrix.ts';
import { positiveSemidefiniteEigen } from '../../numeric/matrix-functions.ts';
import { particles } from '../law.ts';
import { lawCovariance, lawMean } from '../moments.ts';
import { inOwnUnit } from './unit.ts';

/** A test statistic, what a Gaussian sample of the same size has on average, and its p-value. */
export interface NormalityStatistic {
  readonly value: number;
  readonly expected: number;
  /** Probability that a Gaussian sample of this size has a value at least as far out. */
  readonly pValue: number;
}

/** Mardia's two statistics of multivariate normality. */
export interface MardiaTest {
  /** Dimension in which the sample varies: statistics are taken in that subspace. */
  readonly rank: number;
  /** `b_1 = (1/n²)Σ_ij ((x_i−x̄)ᵀS^{-1}(x_j−x̄))³`; p-value from a χ² with r(r+1)(r+2)/6 degrees, one-sided. */
  readonly skewness: NormalityStatistic;
  /** `b_2 = (1/n)Σ_i ((x_i−x̄)ᵀS^{-1}(x_i−x̄))²`; p-value from the normal law, two-sided. */
  readonly kurtosis: NormalityStatistic;
}

/**
 * Mardia's multivariate skewness and kurtosis (Biometrika 57, 1970) of n equally weighted points, with the
 * small-sample moments of Mardia (Sankhyā B 36, 1974). S has divisor n. Time n·r³ or n²·r, the smaller.
 *
 * @param points - n × d, one point a row
 * @throws MesoscopeError `invalid-value` if all points coincide, or n ≤ r + 1
 */
export function mardiaTest(points: Matrix): MardiaTest {
  const n = points.rows;
  const white = whiten(points);
  const r = white.columns;
  if (r === 0 || n <= r + 1) {
    refuse(
      'points',
      n,
      r === 0 ? 'points that do not all coincide' : `more than ${r + 1} points in dimension ${r}`,
    );
  }
  const b1 = n * 4 < r * r ? skewnessByPairs(white) : skewnessByMoments(white);
  let b2 = 0;
  for (let i = 0; i < n; i++) b2 += squaredNorm(white, i) ** 2 / n;
  const degrees = (r * (r + 1) * (r + 2)) / 6;
  const correction = ((r + 1) * (n + 1) * (n + 3)) / (n * ((n + 1) * (r + 1) - 6));
  const expectedKurtosis = (r * (r + 2) * (n - 1)) / (n + 1);
  const kurtosisVariance =
    (8 * r * (r + 2) * (n - 3) * (n - r - 1) * (n - r + 1)) / ((n + 1) ** 2 * (n + 3) * (n + 5));
  const z = (b2 - expectedKurtosis) / Math.sqrt(kurtosisVariance);
  return {
    rank: r,
    skewness: {
      value: b1,
      expected: (6 * degrees) / (n * correction),
      pValue: chiSquareUpperTail((n * correction * b1) / 6, degrees),
    },
    kurtosis: {
      value: b2,
      expected: expectedKurtosis,
      pValue: 2 * normalUpperTail(Math.abs(z)),
    },
  };
}

/** The points with mean 0 and covariance I, in coordinates of the subspace in which they vary: n × r. */
function whiten(points: Matrix): Matrix {
  const given = particles(points);
  const law = inOwnUnit([given]).laws[0];
  const mean = lawMean(law);
  const { values, vectors } = positiveSemidefiniteEigen(lawCovariance(law), 'covariance');
  const d = points.columns;
  const largest = values[d - 1];
  const kept = Array.from(values.keys()).filter((k) => values[k] > 1e-12 * largest);
  const white = zeros(points.rows, kept.length);
  for (let i = 0; i < points.rows; i++) {
    kept.forEach((k, column) => {
      let sum = 0;
      for (let a = 0; a < d; a++) {
        sum += (law.points.data[i * d + a] - mean[a]) * vectors.data[a * d + k];
      }
      white.data[i * kept.length + column] = sum / Math.sqrt(values[k]);
    });
  }
  return white;
}

/** `Σ_abc (mean of z_a z_b z_c)²`, which is b_1. */
function skewnessByMoments({ rows: n, columns: r, data }: Matrix): number {
  let sum = 0;
  for (let a = 0; a < r; a++) {
    for (let b = a; b < r; b++) {
      const products = new Float64Array(r);
      for (let i = 0; i < n; i++) {
        const pair = data[i * r + a] * data[i * r + b];
        for (let c = b; c < r; c++) products[c] += pair * data[i * r + c];
      }
      for (let c = b; c < r; c++) {
        const orderings = a === b && b === c ? 1 : a === b || b === c ? 3 : 6;
        sum += orderings * (products[c] / n) ** 2;
      }
    }
  }
  return sum;
}

function skewnessByPairs({ rows: n, columns: r, data }: Matrix): number {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let product = 0;
      for (let a = 0; a < r; a++) product += data[i * r + a] * data[j * r + a];
      sum += (i === j ? 1 : 2) * product ** 3;
    }
  }
  return sum / n ** 2;
}

function squaredNorm({ columns: r, data }: Matrix, i: number): number {
  let sum = 0;
  for (let a = 0; a < r; a++) sum += data[i * r + a] ** 2;
  return sum;
}
