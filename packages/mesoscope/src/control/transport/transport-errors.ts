import { lineWasserstein } from '../../law/distance/line.ts';
import { slicedWasserstein } from '../../law/distance/sliced.ts';
import { type GridLaw, gridLaw, type ParticleLaw, particles } from '../../law/law.ts';
import { symmetricEigen } from '../../numeric/decompositions.ts';
import { normalUpperTail } from '../../numeric/distributions.ts';
import type { RandomStream } from '../../numeric/random.ts';
import { transportDensity } from './finite-volume.ts';
import { transportParticles } from './particles.ts';
import { attentionVelocity, type PointCloud, type TokenVelocity } from './velocity.ts';

/** One token's layer in R or R², attending to its own law or to given points, and a Gaussian law that it moves. */
export interface TransportInstance {
  /** d × d, d = 1 or 2: scores ⟨Bx, y⟩. */
  readonly B: readonly (readonly number[])[];
  /** d × d. */
  readonly V: readonly (readonly number[])[];
  /** `W2 tanh(W1 x + b1)` is added: m × d, m, d × m; all or none. */
  readonly W1?: readonly (readonly number[])[] | undefined;
  readonly b1?: readonly number[] | undefined;
  readonly W2?: readonly (readonly number[])[] | undefined;
  /** Points that tokens attend to; default their own evolving law. */
  readonly context?: readonly (readonly number[])[] | undefined;
  /** Of the law at depth 0, d numbers. */
  readonly mean: readonly number[];
  /** Of each coordinate at depth 0. */
  readonly deviation: number;
  /** T. */
  readonly horizon: number;
  /** The grid is [−w, w] in each coordinate. */
  readonly halfWidth: number;
  /** Cells an axis, increasing. */
  readonly cells: readonly number[];
}

/** A random layer on the line attending to its own law, or one in the plane attending to three given points. */
export function randomTransport(
  random: RandomStream,
  d: 1 | 2,
  grid: Pick<TransportInstance, 'horizon' | 'halfWidth' | 'cells'>,
): TransportInstance {
  const entries = (rows: number, columns: number, draw: () => number) =>
    Array.from({ length: rows }, () => Array.from({ length: columns }, draw));
  const normals = (rows: number, columns: number, size: number) =>
    entries(rows, columns, () => size * random.normal());
  // Bounded, so that a Gaussian law under its own attention stays well before its blow-up.
  const bounded = (rows: number, columns: number, size: number) =>
    entries(rows, columns, () => size * (2 * random.uniform() - 1));
  return {
    B: bounded(d, d, 0.5 / d),
    V: bounded(d, d, 0.5 / d),
    W1: bounded(3, d, 1.5),
    b1: normals(1, 3, 1)[0],
    W2: bounded(d, 3, 0.4),
    context: d === 2 ? normals(3, 2, 1) : undefined,
    mean: normals(1, d, 0.3)[0],
    deviation: 0.7,
    ...grid,
  };
}

export function velocityOf({ B, V, W1, b1, W2, context }: TransportInstance): TokenVelocity {
  return attentionVelocity({
    dimension: B.length === 1 ? 1 : 2,
    B: B.flat(),
    V: V.flat(),
    ...(W1 && b1 && W2 ? { feedForward: { W1: W1.flat(), b1, W2: W2.flat() } } : {}),
    ...(context === undefined
      ? {}
      : { context: equalWeights(Float64Array.from(context.flat()), context.length) }),
  });
}

function equalWeights(points: Float64Array, count: number): PointCloud {
  return { points, weights: new Float64Array(count).fill(1 / count) };
}

/** The Gaussian law's masses on a grid, exact up to what lies outside. */
function gaussianGrid({ mean, deviation, halfWidth }: TransportInstance, cells: number): GridLaw {
  const h = (2 * halfWidth) / cells;
  const along = mean.map((m) => {
    const above = (k: number) => normalUpperTail((-halfWidth + k * h - m) / deviation);
    return Array.from({ length: cells }, (_, k) => above(k) - above(k + 1));
  });
  const masses =
    along.length === 1 ? along[0] : along[0].flatMap((p) => along[1].map((q) => p * q));
  const total = masses.reduce((a, b) => a + b, 0);
  const axis = { low: -halfWidth, high: halfWidth, cells };
  return gridLaw(
    mean.map(() => axis),
    masses.map((mass) => mass / total),
  );
}

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
