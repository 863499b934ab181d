import { refuse, shapeMismatch } from '../../numeric/checks.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { randomStream } from '../../numeric/random.ts';
import type { GaussianLaw, ParticleLaw } from '../law.ts';
import type { Distance } from './distance.ts';
import { gaussianCost, normalStretches, particlePieces, pieceCost } from './quantile-pieces.ts';
import { inOwnUnit } from './unit.ts';

export interface SlicedOptions {
  /** Number of random directions, at least 2. Default 256. */
  readonly directions?: number;
  /** Seed of the directions; the same seed compares everything along the same directions. Default 0. */
  readonly seed?: number;
}

/**
 * Sliced Wasserstein distance `SW_2² = E_ω W_2²(⟨ω,·⟩μ, ⟨ω,·⟩ν)`, ω uniform on the sphere of R^d (Bonneel et al.,
 * J. Math. Imaging Vis. 51, 2015): the average over random directions of exact distances on the line. Against a
 * Gaussian ν each of them is a closed form, without sampling ν. The interval is for the choice of directions. On the
 * line there is one direction, and the value is exact.
 *
 * @throws MesoscopeError `shape-mismatch` if dimensions differ, `invalid-value` for fewer than 2 directions
 */
export function slicedWasserstein(
  mu: ParticleLaw,
  nu: ParticleLaw | GaussianLaw,
  options: SlicedOptions = {},
): Distance {
  return slicedDistances([mu], nu, options)[0];
}

/**
 * {@link slicedWasserstein} from each of several clouds to one law, whose projections are sorted once.
 *
 * @throws MesoscopeError as {@link slicedWasserstein}
 */
export function slicedDistances(
  clouds: readonly ParticleLaw[],
  nu: ParticleLaw | GaussianLaw,
  { directions = 256, seed = 0 }: SlicedOptions = {},
): Distance[] {
  const d = nu.dimension;
  for (const { dimension } of clouds) {
    if (dimension !== d) throw shapeMismatch('ν', [d], [dimension]);
  }
  if (!Number.isInteger(directions) || directions < 2) {
    refuse('directions', directions, 'a whole number, at least 2');
  }
  const stream = randomStream(seed, 'sliced Wasserstein directions');
  const direction = new Float64Array(d);
  const distances = clouds.map(() => new Float64Array(d === 1 ? 1 : directions));
  const along = projectedDistances(clouds, nu);
  for (let k = 0; k < (d === 1 ? 1 : directions); k++) {
    stream.normals(direction);
    const norm = Math.hypot(...direction);
    const values = along(direction.map((entry) => entry / norm));
    distances.forEach((of, i) => {
      of[k] = values[i];
    });
  }
  return distances.map(overDirections);
}

/** The root mean square of distances along random directions. */
function overDirections(distances: Float64Array): Distance {
  // Relative to the largest, fourth powers neither overflow nor vanish.
  const unit = distances.reduce((x, y) => Math.max(x, y), 0) || 1;
  const { mean, interval } = meanInterval(distances.map((one) => (one / unit) ** 2));
  const value = unit * Math.sqrt(mean);
  if (interval === null) {
    return { value, certificate: { kind: 'rounding', error: 0 }, status: { kind: 'exact' } };
  }
  return {
    value,
    certificate: {
      kind: 'sampling',
      interval: [unit * Math.sqrt(Math.max(0, interval[0])), unit * Math.sqrt(interval[1])],
      draws: distances.length,
    },
    status: { kind: 'estimated' },
  };
}

/** W_2 of the projections of each cloud, as a function of the direction. */
function projectedDistances(
  clouds: readonly ParticleLaw[],
  nu: ParticleLaw | GaussianLaw,
): (direction: Float64Array) => number[] {
  if (nu.kind === 'particles') {
    const { laws, unit } = inOwnUnit([...clouds, nu]);
    const [target, ...others] = [laws[clouds.length], ...laws.slice(0, -1)];
    return (direction) => {
      const reference = particlePieces(project(target, direction), target.weights);
      return others.map((law) => {
        const pieces = particlePieces(project(law, direction), law.weights);
        return unit * Math.sqrt(pieceCost(pieces, reference, 2));
      });
    };
  }
  const common = clouds.map(({ weights }) =>
    weights.every((weight) => weight === weights[0]) ? normalStretches(weights) : undefined,
  );
  return (direction) => {
    const [mean, deviation] = projectGaussian(nu, direction);
    return clouds.map((law, i) => {
      const pieces = particlePieces(project(law, direction), law.weights);
      const stretches = common[i] ?? normalStretches(pieces.mass);
      return Math.sqrt(gaussianCost(pieces, stretches, mean, deviation));
    });
  };
}

function project({ points, dimension: d }: ParticleLaw, direction: Float64Array): Float64Array {
  const values = new Float64Array(points.rows);
  for (let i = 0; i < points.rows; i++) {
    let sum = 0;
    for (let a = 0; a < d; a++) sum += points.data[i * d + a] * direction[a];
    values[i] = sum;
  }
  return values;
}

/** Mean and standard deviation of ⟨ω, X⟩ for X ~ N(m, Σ). */
function projectGaussian(
  { mean, root, dimension: d }: GaussianLaw,
  direction: Float64Array,
): [number, number] {
  let centre = 0;
  let variance = 0;
  for (let a = 0; a < d; a++) {
    centre += mean[a] * direction[a];
    let entry = 0;
    for (let b = 0; b < d; b++) entry += root.data[a * d + b] * direction[b];
    variance += entry * entry;
  }
  return [centre, Math.sqrt(variance)];
}
