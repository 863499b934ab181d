import { refuse, shapeMismatch } from '../../numeric/checks.ts';
import type { ParticleLaw } from '../law.ts';
import type { Distance } from './distance.ts';
import { inOwnUnit } from './unit.ts';

/**
 * Energy distance `√(2E|X−Y| − E|X−X'| − E|Y−Y'|)` of two particle laws (Székely & Rizzo, J. Stat. Plan. Inference
 * 143, 2013), all pairs counted: 0 only if the laws are equal. Time n² + m² + nm.
 *
 * @throws MesoscopeError `shape-mismatch` if dimensions differ
 */
export function energyDistance(first: ParticleLaw, second: ParticleLaw): Distance {
  requireSameDimension(first, second);
  const {
    laws: [mu, nu],
    unit,
  } = inOwnUnit([first, second]);
  const across = 2 * pairMean(mu, nu, Math.sqrt);
  const within = pairMean(mu, mu, Math.sqrt) + pairMean(nu, nu, Math.sqrt);
  return rootOfDifference(across, within, Math.sqrt(unit));
}

export interface DiscrepancyOptions {
  /** h of the kernel `e^{−|x−y|²/2h²}`, > 0. Default: the root mean square distance between a point of μ and one of ν. */
  readonly bandwidth?: number;
}

/**
 * Maximum mean discrepancy `√(E k(X,X') + E k(Y,Y') − 2E k(X,Y))` with a Gaussian kernel (Gretton et al., JMLR 13,
 * 2012), all pairs counted: 0 only if the laws are equal. Time n² + m² + nm.
 *
 * @throws MesoscopeError `shape-mismatch` if dimensions differ, `invalid-value` for a bandwidth ≤ 0
 */
export function maximumMeanDiscrepancy(
  first: ParticleLaw,
  second: ParticleLaw,
  options: DiscrepancyOptions = {},
): Distance {
  requireSameDimension(first, second);
  const given = options.bandwidth;
  if (given !== undefined && !(given > 0 && Number.isFinite(given))) {
    refuse('bandwidth', given, 'a number > 0');
  }
  const {
    laws: [mu, nu],
    unit,
  } = inOwnUnit([first, second]);
  const bandwidth =
    given === undefined ? Math.sqrt(pairMean(mu, nu, (square) => square)) : given / unit;
  // All points of both laws coincide: every kernel tells the same.
  const scale = bandwidth > 0 ? -0.5 / bandwidth ** 2 : 0;
  const kernel = (square: number) => Math.exp(scale * square);
  const within = pairMean(mu, mu, kernel) + pairMean(nu, nu, kernel);
  return rootOfDifference(within, 2 * pairMean(mu, nu, kernel), 1);
}

/** `unit · √(a − b)` of two nearly equal means, with the rounding that their difference leaves. */
function rootOfDifference(a: number, b: number, unit: number): Distance {
  const root = Math.sqrt(Math.max(0, a - b));
  const rounding = 8 * Number.EPSILON * (a + b);
  const error = rounding === 0 ? 0 : Math.min(Math.sqrt(rounding), rounding / root);
  return {
    value: unit * root,
    certificate: { kind: 'rounding', error: unit * error },
    status: { kind: 'exact' },
  };
}

function requireSameDimension(mu: ParticleLaw, nu: ParticleLaw): void {
  if (nu.dimension !== mu.dimension) throw shapeMismatch('ν', [nu.dimension], [mu.dimension]);
}

/** `Σ_ij w_i w'_j f(|x_i − y_j|²)`, row by row, so that rounding does not grow with the number of pairs. */
function pairMean(
  mu: ParticleLaw,
  nu: ParticleLaw,
  f: (squaredDistance: number) => number,
): number {
  const d = mu.dimension;
  const [x, y] = [mu.points.data, nu.points.data];
  let mean = 0;
  for (let i = 0; i < mu.weights.length; i++) {
    let row = 0;
    for (let j = 0; j < nu.weights.length; j++) {
      let square = 0;
      for (let a = 0; a < d; a++) {
        const difference = x[i * d + a] - y[j * d + a];
        square += difference * difference;
      }
      row += nu.weights[j] * f(square);
    }
    mean += mu.weights[i] * row;
  }
  return mean;
}
