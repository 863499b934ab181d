import { z } from 'zod';
import { transportDensity } from '../../control/transport/finite-volume.ts';
import { transportParticles } from '../../control/transport/particles.ts';
import {
  attentionVelocity,
  type PointCloud,
  type TokenVelocity,
} from '../../control/transport/velocity.ts';
import { lineWasserstein } from '../../law/distance/line.ts';
import { slicedWasserstein } from '../../law/distance/sliced.ts';
import { type GridLaw, gridLaw, type ParticleLaw, particles } from '../../law/law.ts';
import { normalUpperTail } from '../../numeric/distributions.ts';
import { fitRate } from '../../numeric/fit.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import type { Claim, ClaimContext, Finding } from '../claim.ts';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import { matrix, vector } from './depth-instance.ts';
import { orderFigure } from './order-figure.ts';
import { overExperiments } from './over-experiments.ts';

const instanceSchema = z
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

export type TransportInstance = z.infer<typeof instanceSchema>;

function velocityOf({ B, V, W1, b1, W2, context }: TransportInstance): TokenVelocity {
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
function referenceLaw(instance: TransportInstance, velocity: TokenVelocity): ParticleLaw {
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

interface GridRecord {
  /** W1 in one dimension, sliced W2 in two, between grid and reference, for each number of cells. */
  readonly errors: readonly number[];
  readonly boundaryMass: number;
  readonly massError: number;
  readonly completed: boolean;
}

function gridErrors(
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

const particleCounts = [16, 32, 64, 128];

/** Mean over repetitions of W1 between N random interacting particles and the reference, for each N. */
function particleErrors(
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

interface TransportRecord {
  readonly line: GridRecord;
  readonly particles?: readonly number[];
  readonly plane?: GridRecord;
}

/** A random layer on the line attending to its own law, and one in the plane attending to three given points. */
function randomInstance(random: RandomStream, d: 1 | 2, cells: number[]): TransportInstance {
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
    ...(d === 2 ? { context: normals(3, 2, 1) } : {}),
    mean: normals(1, d, 0.3)[0],
    deviation: 0.7,
    horizon: 1,
    halfWidth: 7,
    cells,
  };
}

function findingOf(
  cells: readonly number[],
  planeCells: readonly number[],
  records: readonly TransportRecord[],
): Finding {
  const grids = records.flatMap(({ line, plane }) =>
    plane === undefined ? [line] : [line, plane],
  );
  const boundary = Math.max(...grids.map((grid) => grid.boundaryMass));
  const massError = Math.max(...grids.map((grid) => grid.massError));
  const assumptions = [
    {
      name: 'the law stays inside the grid: mass in boundary cells at most 1e-6',
      holds: boundary <= 1e-6,
      value: boundary,
    },
    { name: 'mass is conserved to 1e-12', holds: massError <= 1e-12, value: massError },
    {
      name: 'the grid solver reached T',
      holds: grids.every((grid) => grid.completed),
      value: grids.every((grid) => grid.completed) ? 'completed' : 'step limit',
    },
  ];
  const lineErrors = records.map(({ line }) => line.errors);
  const planeErrors = records.flatMap(({ plane }) => (plane === undefined ? [] : [plane.errors]));
  const particleRows = records.flatMap((record) =>
    record.particles === undefined ? [] : [record.particles],
  );
  const answer = judgeOrder({ x: cells, y: lineErrors, order: -1, assumptions });
  const plane =
    planeErrors.length > 0
      ? judgeOrder({ x: planeCells, y: planeErrors, order: -1, assumptions })
      : undefined;
  const rate =
    particleRows.length > 1
      ? fitRate({ x: particleCounts, y: particleRows }, { confidence: 0.999 })
      : undefined;
  const rateHolds =
    rate?.interval == null || (rate.interval[0] <= -0.5 && -0.5 <= rate.interval[1]);
  const others = rateHolds && (plane === undefined || plane.verdict === 'holds');
  return {
    assumptions: answer.assumptions,
    evidence: {
      cells,
      errors: rowsOrRow(lineErrors),
      ...answer.evidence,
      ...(plane === undefined
        ? {}
        : {
            'plane.cells': planeCells,
            'plane.errors': rowsOrRow(planeErrors),
            'plane.slope': plane.measured,
            'plane.interval': plane.interval ?? [],
          }),
      ...(rate === undefined
        ? {}
        : {
            'particles.counts': particleCounts,
            'particles.errors': rowsOrRow(particleRows),
            'particles.slope': rate.slope,
            'particles.interval99.9': rate.interval ?? [],
          }),
    },
    measured: answer.measured,
    expected: { kind: 'value', value: -1 },
    interval: answer.interval,
    verdict: answer.verdict === 'holds' && !others ? 'fails' : answer.verdict,
    summary:
      `The grid solver approaches the transported law like cells^${answer.measured.toFixed(3)}` +
      (plane === undefined ? '' : `, in the plane like cells^${plane.measured.toFixed(3)}`) +
      (rate === undefined ? '.' : `; N random particles like N^${rate.slope.toFixed(3)}.`),
    figures: [
      {
        ...orderFigure({
          id: 'A.transport',
          title: 'The law of hidden states, by grid and by particles',
          caption:
            'Distance to the transported law of the conservative grid solver (W1 on the line, sliced W2 in the plane) and of N random interacting particles (W1). Band: range over layers. Expected: order 1 in the cells, ½ in the particles.',
          quantity: 'Wasserstein distance at T',
          curves: [
            { series: 'grid, line', layers: cells, errors: lineErrors },
            ...(particleRows.length > 0
              ? [{ series: 'particles, line', layers: particleCounts, errors: particleRows }]
              : []),
            ...(planeErrors.length > 0
              ? [{ series: 'grid, plane', layers: planeCells, errors: planeErrors }]
              : []),
          ],
          expected: [
            { slope: -1, curve: 0 },
            ...(particleRows.length > 0 ? [{ slope: -0.5, curve: 1 }] : []),
          ],
        }),
        x: { label: 'cells an axis, or particles N', scale: 'log', base: 2 },
      },
    ],
  };
}

async function run(context: ClaimContext<TransportInstance>): Promise<Finding> {
  const { seed, setting, instance } = context;
  if (instance !== undefined) {
    const velocity = velocityOf(instance);
    const line = gridErrors(instance, velocity, referenceLaw(instance, velocity));
    return findingOf(instance.cells, [], [{ line }]);
  }
  const full = setting === 'full';
  const cells = full ? [32, 64, 128, 256, 512] : [32, 64, 128, 256];
  const planeCells = full ? [32, 64, 96, 128, 192, 256] : [32, 64, 96, 128];
  const records = await overExperiments(context, full ? 16 : 4, 'random layers', (index) => {
    const random = randomStream(seed, 'one-token layers', index);
    const onLine = randomInstance(random, 1, cells);
    const inPlane = randomInstance(random, 2, planeCells);
    const [velocity, planeVelocity] = [velocityOf(onLine), velocityOf(inPlane)];
    const reference = referenceLaw(onLine, velocity);
    return {
      line: gridErrors(onLine, velocity, reference),
      particles: particleErrors(onLine, velocity, reference, random),
      plane: gridErrors(inPlane, planeVelocity, referenceLaw(inPlane, planeVelocity)),
    };
  });
  return findingOf(cells, planeCells, records);
}

/** The law of one token's hidden state solves the transport equation (arXiv 2606.23235). */
export const transport: Claim<TransportInstance> = {
  id: 'A.transport',
  paper: 'A',
  title: 'The law of hidden states is transported',
  statement:
    '$m_t = \\mathrm{Law}(h_t)$ solves $\\partial_t m + \\mathrm{div}_h(m\\,f(h, m, \\theta_t)) = 0$: a conservative grid solver and interacting particles meet.',
  trust: 'P',
  quantity: 'log–log slope of the grid’s W1 error in cells',
  instance: instanceSchema,
  run,
};
