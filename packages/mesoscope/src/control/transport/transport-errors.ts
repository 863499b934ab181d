import { lineWasserstein } from '../../law/distance/line.ts';
import { slicedWasserstein } from '../../law/distance/sliced.ts';
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
      law: finite ? interpolated(instance, data, d === 1 ? between : 1) : undefined,
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

/** Points of the line's law for each point that is moved: the map from depth 0 to T is smooth, and linear in between. */
const between = 64;

/** The law of a moved lattice, each interval of which is cut into `parts`; 1 in the plane. */
function interpolated(
  instance: TransportInstance,
  moved: Float64Array,
  parts: number,
): ParticleLaw {
  const columns = instance.mean.length;
  if (parts === 1) {
    const rows = moved.length / columns;
    const { weights } = weightedLattice(instance, Math.round(rows ** (1 / columns)));
    return particles({ rows, columns, data: moved }, weights);
  }
  const rows = parts * (moved.length - 1) + 1;
  const data = Float64Array.from({ length: rows }, (_, i) => {
    const left = Math.min(Math.floor(i / parts), moved.length - 2);
    return moved[left] + (i / parts - left) * (moved[left + 1] - moved[left]);
  });
  return particles({ rows, columns, data }, weightedLattice(instance, rows).weights);
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

/** W1 in one dimension, sliced W2 in two. */
function distance(law: ParticleLaw | GridLaw, reference: ParticleLaw | undefined): number {
  if (reference === undefined) return Number.POSITIVE_INFINITY;
  if (law.dimension === 1) return lineWasserstein(law, reference, { order: 1 }).value;
  const cloud = 'centres' in law ? law.centres : law;
  return slicedWasserstein(cloud, reference, { directions: 6 }).value;
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
  const errors = results.map(({ law }) => distance(law, exact));
  return {
    errors,
    accuracy:
      exact === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(
            ...results.map(({ law }, i) => Math.abs(distance(law, reference.coarse) - errors[i])),
          ),
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
  return particleCounts.map((N) => {
    let sum = 0;
    for (let r = 0; r < repetitions; r++) {
      const points = Float64Array.from(
        { length: N },
        () => instance.mean[0] + instance.deviation * random.normal(),
      );
      const { horizon } = instance;
      const moved = transportParticles(velocity, equalWeights(points, N), { horizon, steps: 10 });
      const law = particles({ rows: N, columns: 1, data: moved.points });
      sum += distance(law, reference.law) / repetitions;
    }
    return sum;
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
