import { fitLine } from '../numeric/fit.ts';
import { type RandomStream, randomStream } from '../numeric/random.ts';
import { drawHeads, type HeadExperiment } from './experiment.ts';
import { headFlow } from './flow.ts';
import { type HeadLaw, headLaw } from './head-law.ts';
import { headDistance } from './matching.ts';
import type { HeadProblem } from './problem.ts';
import { flowContraction } from './step-contraction.ts';

/** Times at which laws are compared: multiples of T over this. */
const observations = 4;
/** N: multiples of {@link observations}, as there are as many steps where both vary. */
export const headCounts = [8, 16, 32, 64, 128];
/** Steps of stochastic gradient descent up to T. */
export const stepCounts = [16, 32, 64, 128, 256];
/** Heads of the runs in which only the step varies. */
export const sgdHeads = 16;
/** Runs of each draw in which only the step varies: they are cheap, and scatter most. */
const ordersOfSequences = 2;

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
  draw: RandomStream,
): Path {
  const path: Path = { count: law.count, risks: [], laws: [] };
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
  /** {@link flowContraction} of the limit with the steps that the flows have, at the first group. */
  readonly contraction: number | undefined;
  /** Exact flows of N heads against the limit. */
  readonly byHeads: Distances;
  /** One-sample descent with step η against the exact flow of the same heads. */
  readonly byStep: Distances;
  /** One-sample descent of N heads with step η = T/N against the limit. */
  readonly together: Distances;
  /** W_2 at T between N heads of an exact flow and their copies in the limit's field. */
  readonly wasserstein: number[];
}

/** One run against its limit. */
interface Pair {
  readonly risk: number;
  readonly coupled: number;
}

function distanceOf(first: Path, second: Path): Pair {
  return {
    risk: Math.max(...first.risks.map((risk, k) => Math.abs(risk - second.risks[k]))),
    coupled: Math.max(
      ...first.laws.map((law, k) => rootMeanSquare(law, second.laws[k], first.count)),
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

/** What one draw of N heads shows. */
interface HeadDraw {
  readonly flow: Pair;
  readonly descent: Pair;
  readonly wasserstein: number;
  /** `∫Ψ d(ρ^N − ρ)`: the linear part of `R(ρ^N) − R(ρ)` at the start. */
  readonly linear: number;
}

/** Ψ over the heads of the limit at the start, less its mean, and its variance. */
interface FirstVariation {
  readonly centred: Float64Array;
  readonly variance: number;
}

function firstVariationOf({ problem, law }: HeadExperiment): FirstVariation {
  const psi = problem.firstVariation(problem.linearise(law), law.parameters);
  const mean = psi.reduce((sum, value, i) => sum + law.weights[i] * value, 0);
  const centred = psi.map((value) => value - mean);
  const variance = centred.reduce((sum, value, i) => sum + law.weights[i] * value * value, 0);
  return { centred, variance };
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
  const { problem, law } = experiment;
  const { horizon, seed, group, draws } = options;
  const P = law.parameters.length / law.count;
  const limit = flowPath(problem, law, observations, horizon);
  const { centred, variance } = firstVariationOf(experiment);
  const last = (path: Path) => headLaw(law.shape, path.laws[observations]);

  function drawOf(count: number, index: number): HeadDraw {
    const uniform = randomStream(seed, `${count} drawn heads`, index).uniform;
    const { law: start, choices } = drawHeads(law, count, uniform);
    const copies = copiesOf(limit, choices, P);
    const flow = flowPath(problem, start, observations, horizon);
    const sequences = randomStream(seed, `sequences of ${count} heads`, index);
    return {
      flow: distanceOf(flow, copies),
      descent: distanceOf(sgdPath(problem, start, count, horizon, sequences), copies),
      wasserstein: headDistance(last(flow), last(copies)),
      linear: choices.reduce((sum, from) => sum + centred[from], 0) / count,
    };
  }

  function descentsOf(index: number): Pair[][] {
    const uniform = randomStream(seed, 'heads of descent', index).uniform;
    const start = drawHeads(law, sgdHeads, uniform).law;
    const exact = flowPath(problem, start, 2 * observations, horizon);
    return stepCounts.map((steps) =>
      Array.from({ length: ordersOfSequences }, (_, order) => {
        const which = index * ordersOfSequences + order;
        const sequences = randomStream(seed, `sequences of ${steps} steps`, which);
        return distanceOf(sgdPath(problem, start, steps, horizon, sequences), exact);
      }),
    );
  }

  const indices = Array.from({ length: draws }, (_, draw) => group * draws + draw);
  const byHeads = headCounts.map((count) => indices.map((index) => drawOf(count, index)));
  const descents = indices.map(descentsOf);
  const byStep = stepCounts.map((_, s) => descents.flatMap((draw) => draw[s]));
  /** Root mean squares of risks, of which `linear`, with mean square `variance/N`, is a part. */
  const controlled = (risk: (draw: HeadDraw) => number) =>
    byHeads.map((drawn, c) => {
      const squares = drawn.map((draw) => risk(draw) ** 2);
      const controls = drawn.map(({ linear }) => linear ** 2);
      return Math.sqrt(controlledMean(squares, controls, variance / headCounts[c]));
    });
  return {
    contraction: group === 0 ? flowContraction(problem, law, horizon, observations) : undefined,
    byHeads: {
      risk: controlled(({ flow }) => flow.risk),
      coupled: byHeads.map((drawn) => rms(drawn.map(({ flow }) => flow.coupled))),
    },
    byStep: {
      risk: byStep.map((pairs) => rms(pairs.map(({ risk }) => risk))),
      coupled: byStep.map((pairs) => rms(pairs.map(({ coupled }) => coupled))),
    },
    together: {
      risk: controlled(({ descent }) => descent.risk),
      coupled: byHeads.map((drawn) => rms(drawn.map(({ descent }) => descent.coupled))),
    },
    wasserstein: byHeads.map((drawn) => rms(drawn.map((draw) => draw.wasserstein))),
  };
}

function rms(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

/**
 * The mean of positive draws beside which a control was observed whose mean is known: the regression of one on the other, at that mean. It
 * scatters less than the plain mean by `√(1 − correlation²)`, and is biased by O(1/draws) (Glasserman, Monte Carlo Methods in
 * Financial Engineering, 2003, §4.1).
 */
export function controlledMean(
  values: readonly number[],
  controls: readonly number[],
  expected: number,
): number {
  const plain = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (controls.every((control) => control === controls[0])) return plain;
  const { slope, intercept } = fitLine(controls, values);
  const controlled = intercept + slope * expected;
  // Squares have no mean below 0: there the control explains nothing.
  return controlled > 0 ? controlled : plain;
}
