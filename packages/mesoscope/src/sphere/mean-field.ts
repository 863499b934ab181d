import { transportDensity } from '../control/transport/finite-volume.ts';
import type { TokenVelocity } from '../control/transport/velocity.ts';
import { solveOde } from '../flow/ode.ts';
import type { Backend } from '../kernels/backend.ts';
import { particlePieces, pieceCost, type QuantilePieces } from '../law/distance/quantile-pieces.ts';
import { cellWidth, type GridLaw, gridLaw } from '../law/law.ts';
import type { RandomStream } from '../numeric/random.ts';
import { followTokens, plainAttention } from './attention.ts';
import { circleTokens } from './tokens.ts';

/**
 * A smooth law on the arc [−A, A] of the circle, A < π/2: the angle is A times a variable of density
 * `(15/16)(1 − x²)²(1 + skew·x)` on [−1, 1].
 */
export interface ArcLaw {
  readonly halfWidth: number;
  /** In (−1, 1). */
  readonly skew: number;
}

/** The distribution function of the variable x of an {@link ArcLaw}. */
function distribution({ skew }: ArcLaw, x: number): number {
  const even = x - (2 * x ** 3) / 3 + x ** 5 / 5 + 8 / 15;
  const odd = -((1 - x * x) ** 3) / 6;
  return (15 / 16) * (even + skew * odd);
}

/** The angle below which a share u of the law lies, by bisection to rounding. */
export function arcQuantile(law: ArcLaw, u: number): number {
  let [low, high] = [-1, 1];
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    if (distribution(law, middle) < u) low = middle;
    else high = middle;
  }
  return (law.halfWidth * (low + high)) / 2;
}

/**
 * `v[μ](θ) = ∫ e^{β cos(φ−θ)} sin(φ−θ) dμ(φ) / ∫ e^{β cos(φ−θ)} dμ(φ)`: softmax attention with `B = βI`, `V = I` on the circle.
 */
export function circleVelocity(beta: number): TokenVelocity {
  return {
    dimension: 1,
    write(points, { points: angles, weights }, out) {
      const cosines = Float64Array.from(angles, Math.cos);
      const sines = Float64Array.from(angles, Math.sin);
      for (let i = 0; i < points.length; i++) {
        const [cosine, sine] = [Math.cos(points[i]), Math.sin(points[i])];
        let pull = 0;
        let total = 0;
        for (let j = 0; j < cosines.length; j++) {
          const along = cosine * cosines[j] + sine * sines[j];
          const weight = (weights?.[j] ?? 1) * Math.exp(beta * (along - 1));
          pull += weight * (cosine * sines[j] - sine * cosines[j]);
          total += weight;
        }
        out[i] = total > 0 ? pull / total : 0;
      }
    },
  };
}

/** What is compared: an arc law, β, and the time. */
export interface CircleExperiment extends ArcLaw {
  readonly beta: number;
  readonly horizon: number;
}

/** Tokens at these angles after the time, moved on the sphere by the kernels. */
export function movedAngles(
  backend: Backend,
  { beta, horizon }: CircleExperiment,
  angles: readonly number[],
): number[] {
  const { states } = followTokens(backend, {
    ...{ attention: plainAttention(2, beta), tokens: circleTokens(angles), horizon },
    steps: 8 + Math.ceil(8 * (1 + beta) * horizon),
  });
  return states[states.length - 1].map(([x, y]) => Math.atan2(y, x));
}

/** n independent angles of the law. */
export function sampledAngles(law: ArcLaw, n: number, stream: RandomStream): number[] {
  return Array.from({ length: n }, () => arcQuantile(law, stream.uniform()));
}

/** The law after the time by the continuity equation, on so many cells of the arc: a conservative upwind scheme. */
export function densityAfter(
  experiment: CircleExperiment,
  cells: number,
  velocity = circleVelocity(experiment.beta),
) {
  const { halfWidth, horizon } = experiment;
  const axis = { low: -halfWidth, high: halfWidth, cells };
  const masses = cellMasses(experiment, cells);
  return transportDensity(velocity, gridLaw([axis], masses), { horizon, courant: 0.9 });
}

/**
 * The law after the time in Lagrange's coordinates: cells of the arc whose ends move with the velocity that their masses, put at their
 * moved middles, give. Ends keep their order, so that the quantile function stays piecewise linear between them. Second order in the cells.
 */
export function movedCells(experiment: CircleExperiment, cells: number): QuantilePieces {
  const { halfWidth, horizon, beta } = experiment;
  const at = (k: number) => halfWidth * ((2 * k) / cells - 1);
  const mass = cellMasses(experiment, cells);
  const ends = Array.from({ length: cells + 1 }, (_, k) => at(k));
  const middles = Array.from({ length: cells }, (_, k) => at(k + 0.5));
  const velocity = circleVelocity(beta);
  const { state } = solveOde(
    (_, y, out) => velocity.write(y, { points: y.subarray(cells + 1), weights: mass }, out),
    { initial: [...ends, ...middles], to: horizon, relativeTolerance: 1e-8, dense: false },
  );
  return { mass, low: state.slice(0, cells), high: state.slice(1, cells + 1) };
}

function cellMasses(law: ArcLaw, cells: number): Float64Array {
  const below = (k: number) => distribution(law, (2 * k) / cells - 1);
  return Float64Array.from({ length: cells }, (_, k) => Math.max(0, below(k + 1) - below(k)));
}

function gridPieces({ axes: [axis], masses }: GridLaw): QuantilePieces {
  const width = cellWidth(axis);
  const low = Float64Array.from(masses, (_, k) => axis.low + k * width);
  return { mass: masses, low, high: low.map((at) => at + width) };
}

/** Distances to the law after the time, of tokens and of the continuity equation. */
export interface MeanFieldRecord {
  /** W₂ of n sampled tokens, root mean square over draws, for each n. */
  readonly sampled: readonly number[];
  /** W₂ of the density on grids, for each number of cells. */
  readonly density: readonly number[];
  /** By how much the latter change with half of the reference's cells. */
  readonly accuracy: number;
  readonly massError: number;
  readonly completed: boolean;
}

/** Compares sampled tokens, and densities on grids, with the law in Lagrange's coordinates. */
export function measureMeanField(
  backend: Backend,
  experiment: CircleExperiment,
  sizes: {
    readonly tokens: readonly number[];
    readonly cells: readonly number[];
    readonly draws: number;
    /** Cells of the law in Lagrange's coordinates. */
    readonly reference: number;
  },
  stream: RandomStream,
  velocity = circleVelocity(experiment.beta),
): MeanFieldRecord {
  const { tokens, cells, draws, reference } = sizes;
  const exact = movedCells(experiment, reference);
  const rough = movedCells(experiment, reference / 2);
  const grids = cells.map((count) => densityAfter(experiment, count, velocity));
  const distances = (to: QuantilePieces) =>
    grids.map(({ law }) => Math.sqrt(pieceCost(gridPieces(law), to, 2)));
  const density = distances(exact);
  return {
    sampled: tokens.map((n) => {
      const squares = Array.from({ length: draws }, () => {
        const cloud = movedAngles(backend, experiment, sampledAngles(experiment, n, stream));
        const weights = new Float64Array(n).fill(1 / n);
        return pieceCost(particlePieces(Float64Array.from(cloud), weights), exact, 2);
      });
      return Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / draws);
    }),
    density,
    accuracy: Math.max(...distances(rough).map((one, k) => Math.abs(one - density[k]))),
    massError: Math.max(...grids.map((grid) => Math.abs(grid.massError))),
    completed: grids.every(({ status }) => status === 'completed'),
  };
}

/** A random arc law, β and time 1. */
export function randomArc(stream: RandomStream): CircleExperiment {
  return {
    halfWidth: 0.8 + 0.6 * stream.uniform(),
    skew: 1.6 * stream.uniform() - 0.8,
    ...{ beta: 4 * stream.uniform(), horizon: 1 },
  };
}
