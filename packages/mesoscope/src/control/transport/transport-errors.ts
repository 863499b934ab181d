import { z } from 'zod';
import { transportDensity } from './finite-volume.ts';
import { transportParticles } from './particles.ts';
import {
  attentionVelocity,
  type PointCloud,
  type TokenVelocity,
} from './velocity.ts';
import { lineWasserstein } from '../../law/distance/line.ts';
import { slicedWasserstein } from '../../law/distance/sliced.ts';
import { type GridLaw, gridLaw, type ParticleLaw, particles } from '../../law/law.ts';
import { normalUpperTail } from '../../numeric/distributions.ts';
import type { RandomStream } from '../../numeric/random.ts';
import { matrix, vector } from './depth-instance.ts';

export const transportInstance = z
  .strictObject({
    B: matrix.describe('d × d, d = 1 or 2: scores ⟨Bx, y⟩'),
    V: matrix.describe('d × d'),
    W1: matrix.optional().describe('m × d; goes with b1 and W2: W2 tanh(W1 x + b1) is added'),
    b1: vector.optional().describe('m numbers'),
    W2: matrix.optional().describe('d × m'),
    context: matrix
      .optional()
      .describe('points that tokens attend to; default their own evolving law'),
    mean: vector.describe('of the Gaussian law at depth 0, d numbers'),
    deviation: z.number().positive().describe('of each coordinate at depth 0'),
    horizon: z.number().positive().default(1).describe('T'),
    halfWidth: z.number().positive().default(7).describe('the grid is [−w, w] in each coordinate'),
    cells: z
      .array(z.int().min(4))
      .min(4)
      .default([32, 64, 128, 256])
      .describe('cells an axis, increasing, at least 4'),
  })
  .refine(
    ({ B, V, mean }) =>
      [1, 2].includes(B.length) &&
      [B, V].every((m) => m.length === mean.length && m.every((row) => row.length === mean.length)),
    {
      message: 'B and V must be d × d and mean of length d, d = 1 or 2',
    },
  )
  .refine(
    ({ W1, b1, W2 }) =>
      [W1, b1, W2].every((m) => m === undefined) || [W1, b1, W2].every((m) => m !== undefined),
    {
      message: 'W1, b1 and W2 go together',
    },
  );

export type TransportInstance = z.infer<typeof transportInstance>;

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

/** Points in each coordinate that carry the law which others see, and that only follow it. */
const seen = { 1: 65, 2: 33 } as const;
const followed = { 1: 2001, 2: 81 } as const;
const particleSteps = 20;

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

/**
 * The law at T up to errors far below a grid's: a lattice with Gaussian weights is seen, a finer one of weight 0 follows it and,
 * with its own weights, makes up the result.
 */
export function referenceLaw(instance: TransportInstance, velocity: TokenVelocity): ParticleLaw {
  const d = velocity.dimension;
  const carriers = weightedLattice(instance, seen[d]);
  const followers = weightedLattice(instance, followed[d]);
  const count = followers.weights.length;
  const cloud = {
    points: Float64Array.from([...carriers.points, ...followers.points]),
    weights: Float64Array.from([...carriers.weights, ...new Array<number>(count).fill(0)]),
  };
  const { horizon } = instance;
  const { points } = transportParticles(velocity, cloud, { horizon, steps: particleSteps });
  const data = points.slice(carriers.points.length);
  return particles({ rows: count, columns: d, data }, followers.weights);
}

export interface GridRecord {
  /** W1 in one dimension, sliced W2 in two, between grid and reference, for each number of cells. */
  readonly errors: readonly number[];
  readonly boundaryMass: number;
  readonly massError: number;
  readonly completed: boolean;
}

export function gridErrors(
  instance: TransportInstance,
  velocity: TokenVelocity,
  reference: ParticleLaw,
): GridRecord {
  const results = instance.cells.map((cells) =>
    transportDensity(velocity, gaussianGrid(instance, cells), { horizon: instance.horizon }),
  );
  return {
    errors: results.map(({ law }) =>
      law.dimension === 1
        ? lineWasserstein(law, reference, { order: 1 }).value
        : slicedWasserstein(law.centres, reference, { directions: 6 }).value,
    ),
    boundaryMass: Math.max(...results.map((result) => result.boundaryMass)),
    massError: Math.max(...results.map((result) => Math.abs(result.massError))),
    completed: results.every((result) => result.status === 'completed'),
  };
}

export const particleCounts = [16, 32, 64, 128];

/** Mean over repetitions of W1 between N random interacting particles and the reference, for each N. */
export function particleErrors(
  instance: TransportInstance,
  velocity: TokenVelocity,
  reference: ParticleLaw,
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
      sum += lineWasserstein(law, reference, { order: 1 }).value / repetitions;
    }
    return sum;
  });
}
