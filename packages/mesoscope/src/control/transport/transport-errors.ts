import { lineWasserstein } from '../../law/distance/line.ts';
import { slicedDistances } from '../../law/distance/sliced.ts';
import { type GridLaw, type ParticleLaw, particles } from '../../law/law.ts';
import { symmetricEigen } from '../../numeric/decompositions.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import { transportDensity } from './finite-volume.ts';
import { transportParticles } from './particles.ts';
import {
  equalWeights,
  gaussianGrid,
  randomTransport,
  type TransportInstance,
  velocityOf,
} from './transport-instance.ts';
import type { PointCloud, TokenVelocity } from './velocity.ts';

/** Points in each coordinate that carry the law which others see, that only follow it, and Runge–Kutta steps. */
const resolutions = {
  fine: { seen: { 1: 65, 2: 33 }, followed: { 1: 501, 2: 161 }, steps: 20 },
  coarse: { seen: { 1: 49, 2: 25 }, followed: { 1: 251, 2: 81 }, steps: 10 },
} as const;

/** Equally spaced points over ±6 deviations with Gaussian weights: averages of smooth functions are accurate to rounding. */
function weightedLattice({ mean, deviation }: TransportInstance, count: number): PointCloud {
  const nodes = Array.from({ length: count }, (_, i) => -6 + (12 * i) / (count - 1));
  const density = nodes.map((x) => Math.exp(-0.5 * x * x));
  const total = density.reduce((a, b) => a + b, 0);
  const place = (axis: number, x: number) => mean[axis] + deviation * x;
  if (mean.length === 1) {
    return {
      points: Float64Array.from(nodes, (x) => place(0, x)),
      weights: Float64Array.from(density, (w) => w / total),
    };
  }
  return {
    points: Float64Array.from(
      nodes.flatMap((x) => nodes.flatMap((y) => [place(0, x), place(1, y)])),
    ),
    weights: Float64Array.from(density.flatMap((v) => density.map((w) => (v * w) / total ** 2))),
  };
}

/** The law at T by particles on a lattice. */
export interface ReferenceLaw {
  /** Undefined where it leaves the numbers before T. */
  readonly law: ParticleLaw | undefined;
  /** By half as many particles and steps. */
  readonly coarse: ParticleLaw | undefined;
  /** The largest distance that a particle has moved. */
  readonly moved: number;
  /** The smallest deviation of the law in any direction, at depth 0 or T. */
  readonly narrowest: number;
}

/**
 * The law at T up to errors far below a grid's: a lattice with Gaussian weights is seen, a finer one of weight 0 follows it and,
 * with its own weights, makes up the result.
 */
export function referenceLaw(instance: TransportInstance, velocity: TokenVelocity): ReferenceLaw {
  const lawAt = (resolution: 'fine' | 'coarse') => {
    const { seen, followed, steps } = resolutions[resolution];
    const d = velocity.dimension;
    const carriers = weightedLattice(instance, seen[d]);
    const followers = weightedLattice(instance, followed[d]);
    const count = followers.weights.length;
    const cloud = {
      points: Float64Array.from([...carriers.points, ...followers.points]),
      weights: Float64Array.from([...carriers.weights, ...new Array<number>(count).fill(0)]),
    };
    const { points } = transportParticles(velocity, cloud, { horizon: instance.horizon, steps });
    const data = points.slice(carriers.points.length);
    const gaps = data.map((x, i) => Math.abs(x - followers.points[i]));
    const finite = data.every(Number.isFinite);
    return {
      law: finite ? interpolated(instance, data, between[d]) : undefined,
      moved: gaps.reduce((most, gap) => Math.max(most, gap), 0),
    };
  };
  const { law, moved } = lawAt('fine');
  const coarse = lawAt('coarse').law;
  return {
    law,
    coarse,
    moved,
    narrowest: Math.min(instance.deviation, law === undefined ? 0 : narrowestDeviation(law)),
  };
}

/** Points in each coordinate for each one that is moved: the map from depth 0 to T is smooth, and linear in between. */
const between = { 1: 64, 2: 3 } as const;

/** The law of a moved lattice, each interval of which is cut into `parts` in each coordinate. */
function interpolated(
  instance: TransportInstance,
  moved: Float64Array,
  parts: number,
): ParticleLaw {
  const d = instance.mean.length;
  const moving = Math.round((moved.length / d) ** (1 / d));
  const count = parts * (moving - 1) + 1;
  const { weights } = weightedLattice(instance, count);
  const data = new Float64Array(weights.length * d);
  // A point of the finer lattice lies among 2^d that were moved, and takes part in each of them.
  const share = (i: number, corner: number) => {
    const left = Math.min(Math.floor(i / parts), moving - 2);
    const right = i / parts - left;
    return { index: left + corner, weight: corner === 0 ? 1 - right : right };
  };
  for (let at = 0; at < weights.length; at++) {
    for (let corners = 0; corners < 2 ** d; corners++) {
      const last = share(at % count, corners & 1);
      const first = d === 1 ? { index: 0, weight: 1 } : share(Math.floor(at / count), corners >> 1);
      const from = (first.index * moving + last.index) * d;
      for (let a = 0; a < d; a++) data[at * d + a] += first.weight * last.weight * moved[from + a];
    }
  }
  return particles({ rows: weights.length, columns: d, data }, weights);
}

/** The root of the smallest eigenvalue of a law's covariance. */
function narrowestDeviation(law: ParticleLaw): number {
  const { dimension: d, weights } = law;
  const { data: points } = law.points;
  const mean = new Float64Array(d);
  weights.forEach((w, i) => {
    for (let a = 0; a < d; a++) mean[a] += w * points[i * d + a];
  });
  const covariance = new Float64Array(d * d);
  weights.forEach((w, i) => {
    for (let a = 0; a < d; a++) {
      for (let b = 0; b < d; b++) {
        covariance[a * d + b] += w * (points[i * d + a] - mean[a]) * (points[i * d + b] - mean[b]);
      }
    }
  });
  const { values } = symmetricEigen({ rows: d, columns: d, data: covariance });
  return Math.sqrt(Math.max(0, Math.min(...values)));
}

/** From each law to a reference: W1 in one dimension, sliced W2 in two. */
function distances(
  laws: readonly (ParticleLaw | GridLaw)[],
  reference: ParticleLaw | undefined,
): number[] {
  if (reference === undefined) return laws.map(() => Number.POSITIVE_INFINITY);
  if (reference.dimension === 1) {
    return laws.map((law) => lineWasserstein(law, reference, { order: 1 }).value);
  }
  const clouds = laws.map((law) => ('centres' in law ? law.centres : law));
  return slicedDistances(clouds, reference, { directions: 6 }).map(({ value }) => value);
}

export interface GridRecord {
  /** W1 in one dimension, sliced W2 in two, between grid and reference, for each number of cells. */
  readonly errors: readonly number[];
  /** How far the errors move with half as many particles and steps of the reference. */
  readonly accuracy: number;
  readonly moved: number;
  /** The law's smallest deviation at depth 0 or T in units of the finest cells. */
  readonly cellsOfDeviation: number;
  readonly boundaryMass: number;
  readonly massError: number;
  readonly completed: boolean;
}

export function gridErrors(
  instance: TransportInstance,
  velocity: TokenVelocity,
  reference: ReferenceLaw,
): GridRecord {
  const { law: exact } = reference;
  const finest = instance.cells[instance.cells.length - 1];
  const results = (exact === undefined ? [] : instance.cells).map((cells) =>
    transportDensity(velocity, gaussianGrid(instance, cells), { horizon: instance.horizon }),
  );
  const laws = results.map(({ law }) => law);
  const errors = distances(laws, exact);
  const coarse = distances(laws, reference.coarse);
  return {
    errors,
    accuracy:
      exact === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(...errors.map((error, i) => Math.abs(coarse[i] - error))),
    moved: reference.moved,
    cellsOfDeviation: (reference.narrowest * finest) / (2 * instance.halfWidth),
    boundaryMass: Math.max(0, ...results.map((result) => result.boundaryMass)),
    massError: Math.max(0, ...results.map((result) => Math.abs(result.massError))),
    completed: exact !== undefined && results.every((result) => result.status === 'completed'),
  };
}

/** N of the random particles. */
export const particleCounts = [16, 32, 64, 128];

/** Mean over repetitions of W1 between N random interacting particles and the reference, for each N. */
export function particleErrors(
  instance: TransportInstance,
  velocity: TokenVelocity,
  reference: ReferenceLaw,
  random: RandomStream,
): number[] {
  const repetitions = 12;
  const { horizon, mean, deviation } = instance;
  return particleCounts.map((N) => {
    const clouds = Array.from({ length: repetitions }, () => {
      const points = Float64Array.from({ length: N }, () => mean[0] + deviation * random.normal());
      const moved = transportParticles(velocity, equalWeights(points, N), { horizon, steps: 10 });
      return particles({ rows: N, columns: 1, data: moved.points });
    });
    return distances(clouds, reference.law).reduce((sum, one) => sum + one / repetitions, 0);
  });
}

/** What is measured on one layer. */
export interface TransportRecord {
  /** On the line; of explicit data in any dimension. */
  readonly grid: GridRecord;
  readonly own?: { readonly plane: GridRecord; readonly particles: readonly number[] };
}

/** The grid solver on one explicit layer. */
export function measureTransport(instance: TransportInstance): TransportRecord {
  const velocity = velocityOf(instance);
  return { grid: gridErrors(instance, velocity, referenceLaw(instance, velocity)) };
}

/** The grid solver on a random layer on the line and on one in the plane, and random particles on the line. */
export function measureRandomTransport(options: {
  readonly seed: number;
  readonly index: number;
  readonly horizon: number;
  readonly halfWidth: number;
  readonly cells: readonly number[];
  /** Cells an axis in the plane. */
  readonly planeCells: readonly number[];
}): TransportRecord {
  const { seed, index, planeCells } = options;
  const random = randomStream(seed, 'one-token layers', index);
  const onLine = randomTransport(random, 1, options);
  const inPlane = randomTransport(random, 2, { ...options, cells: planeCells });
  const velocity = velocityOf(onLine);
  const reference = referenceLaw(onLine, velocity);
  return {
    grid: gridErrors(onLine, velocity, reference),
    own: {
      particles: particleErrors(onLine, velocity, reference, random),
      plane: measureTransport(inPlane).grid,
    },
  };
}
