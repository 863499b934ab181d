import { randomStream } from '../numeric/random.ts';
import { drawHeads, type HeadExperiment } from './experiment.ts';
import { headFlow } from './flow.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import { headDistance } from './matching.ts';
import type { HeadProblem } from './problem.ts';

/** Times at which laws are compared: multiples of T over this. */
const observations = 4;
export const headCounts = [16, 32, 64, 128, 256];
/** Of these W_2 is computed: an exact matching of N heads costs more than N². */
export const matchedCounts = headCounts.slice(0, 4);
/** Steps of stochastic gradient descent up to T. */
export const stepCounts = [16, 32, 64, 128, 256];
/** Heads of the runs in which only the step varies. */
export const sgdHeads = 16;

/** A run of N heads at the observation times. */
export interface Path {
  /** N. */
  readonly count: number;
  readonly risks: number[];
  readonly laws: Float64Array[];
}

/** The flow of a law by the classical Runge–Kutta scheme. */
function flowPath(problem: HeadProblem, law: HeadLaw, steps: number, horizon: number): Path {
  const path: Path = { count: law.count, risks: [], laws: [] };
  const options = { step: horizon / steps, steps, scheme: 'rk4' as const };
  for (const { step, risk, law: now } of headFlow(problem, law, options)) {
    if (step % (steps / observations) !== 0) continue;
    path.risks.push(risk);
    path.laws.push(now.parameters.slice());
  }
  return path;
}

/** One-sample gradient descent. */
function sgdPath(
  problem: HeadProblem,
  law: HeadLaw,
  steps: number,
  horizon: number,
  seed: number,
): Path {
  const path: Path = { count: law.count, risks: [], laws: [] };
  const draw = randomStream(seed, 'drawn sequences', steps);
  for (const { step, law: now } of headFlow(problem, law, { step: horizon / steps, steps, draw })) {
    if (step % (steps / observations) !== 0) continue;
    path.risks.push(problem.risk(now).risk);
    path.laws.push(now.parameters.slice());
  }
  return path;
}

/** Distances of runs from their limits, over a scale. */
export interface Distances {
  /** `sup_t |R − R'|`. */
  readonly risk: number[];
  /** `sup_t ((1/N)Σ|θ_i − θ'_i|²)^{1/2}` between heads that started as one: at least W_2. */
  readonly coupled: number[];
}

/** What one group of draws shows: root mean squares, for each scale. */
export interface CoupledRuns {
  /** Exact flows of N heads against the limit. */
  readonly byHeads: Distances;
  /** One-sample descent with step η against the exact flow of the same heads. */
  readonly byStep: Distances;
  /** One-sample descent of N heads with step η = T/N against the limit. */
  readonly together: Distances;
  /** W_2 at T between N heads of an exact flow and their copies in the limit's field. */
  readonly wasserstein: number[];
}

function distancesOf(pairs: readonly (readonly [Path, Path])[]): Distances {
  return {
    risk: pairs.map(([first, second]) =>
      Math.max(...first.risks.map((risk, k) => Math.abs(risk - second.risks[k]))),
    ),
    coupled: pairs.map(([first, second]) =>
      Math.max(...first.laws.map((law, k) => rootMeanSquare(law, second.laws[k], first.count))),
    ),
  };
}

/** `((1/N)Σ|θ_i − θ'_i|²)^{1/2}`. */
function rootMeanSquare(first: Float64Array, second: Float64Array, count: number): number {
  return Math.sqrt(first.reduce((sum, x, j) => sum + (x - second[j]) ** 2, 0) / count);
}

/** The drawn heads' copies in the field of the limit. */
function copiesOf(reference: Path, choices: Int32Array, P: number): Path {
  return {
    count: choices.length,
    risks: reference.risks,
    laws: reference.laws.map((all) => {
      const chosen = new Float64Array(choices.length * P);
      choices.forEach((from, to) => {
        chosen.set(all.subarray(from * P, (from + 1) * P), to * P);
      });
      return chosen;
    }),
  };
}

function measureDraw(
  { problem, law }: HeadExperiment,
  reference: Path,
  horizon: number,
  seed: number,
  index: number,
): CoupledRuns {
  const P = law.parameters.length / law.count;
  const uniform = randomStream(seed, 'drawn heads', index).uniform;
  const sgdSeed = 1_000_003 * seed + index;
  const starts = headCounts.map((N) => {
    const { law: start, choices } = drawHeads(law, N, uniform);
    return { start, copies: copiesOf(reference, choices, P) };
  });
  const pairs = starts.map(
    ({ start, copies }) => [flowPath(problem, start, observations, horizon), copies] as const,
  );
  const few = drawHeads(law, sgdHeads, uniform).law;
  const exact = flowPath(problem, few, 2 * observations, horizon);
  const last = (path: Path) => headLaw(law.shape, path.laws[observations]);
  return {
    wasserstein: pairs
      .slice(0, matchedCounts.length)
      .map(([path, copies]) => headDistance(last(path), last(copies))),
    byHeads: distancesOf(pairs),
    byStep: distancesOf(
      stepCounts.map((steps) => [sgdPath(problem, few, steps, horizon, sgdSeed), exact] as const),
    ),
    together: distancesOf(
      starts.map(
        ({ start, copies }) =>
          [sgdPath(problem, start, start.count, horizon, sgdSeed), copies] as const,
      ),
    ),
  };
}

/**
 * Couples draws of N heads with the flow of their limit, by the same scheme, so that the limit of its steps is exact. Root mean
 * squares over independent draws: a single draw's distance may be near 0 by chance.
 */
export function coupledRuns(
  experiment: HeadExperiment,
  options: {
    readonly horizon: number;
    readonly seed: number;
    readonly group: number;
    readonly draws: number;
  },
): CoupledRuns {
  const { horizon, seed, group, draws: count } = options;
  const reference = flowPath(experiment.problem, experiment.law, observations, horizon);
  const draws = Array.from({ length: count }, (_, draw) =>
    measureDraw(experiment, reference, horizon, seed, group * count + draw),
  );
  const over = (values: (draw: (typeof draws)[number]) => number[]) =>
    values(draws[0]).map((_, i) =>
      Math.sqrt(draws.reduce((sum, draw) => sum + values(draw)[i] ** 2, 0) / draws.length),
    );
  const distances = (which: 'byHeads' | 'byStep' | 'together'): Distances => ({
    risk: over((draw) => draw[which].risk),
    coupled: over((draw) => draw[which].coupled),
  });
  return {
    byHeads: distances('byHeads'),
    byStep: distances('byStep'),
    together: distances('together'),
    wasserstein: over((draw) => draw.wasserstein),
  };
}
