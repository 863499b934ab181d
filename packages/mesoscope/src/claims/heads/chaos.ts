import { headFlow } from '../../heads/flow.ts';
import { type HeadLaw, headLaw } from '../../heads/head-law.ts';
import { headDistance } from '../../heads/matching.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import { randomStream } from '../../numeric/random.ts';
import { type Claim, type ClaimContext, type Expected, type Finding, judge } from '../claim.ts';
import { overExperiments } from '../control/over-experiments.ts';
import type { Axis, Figure } from '../figure.ts';
import { rateFigure } from './figures.ts';
import {
  drawHeads,
  explicitExperiment,
  type HeadExperiment,
  type HeadInstance,
  headInstance,
  isSpread,
  randomExperiment,
} from './instance.ts';
import { arePositive, checkOrder, type OrderCheck } from './order-check.ts';

/** T. */
const horizon = 2;
/** Times at which laws are compared: multiples of T over this. */
const observations = 4;
const headCounts = [16, 32, 64, 128, 256];
/** Of these W_2 is computed: an exact matching of N heads costs more than N². */
const matchedCounts = headCounts.slice(0, 4);
/** Steps of stochastic gradient descent up to T. */
const stepCounts = [16, 32, 64, 128, 256];
/** Heads of the runs in which only the step varies. */
const sgdHeads = 16;

/** A run of N heads at the observation times. */
interface Path {
  /** N. */
  readonly count: number;
  readonly risks: number[];
  readonly laws: Float64Array[];
}

/** The flow of a law by the classical Runge–Kutta scheme. */
function flowPath(problem: HeadProblem, law: HeadLaw, steps: number): Path {
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
function sgdPath(problem: HeadProblem, law: HeadLaw, steps: number, seed: number): Path {
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
interface Distances {
  /** `sup_t |R − R'|`. */
  readonly risk: number[];
  /** `sup_t ((1/N)Σ|θ_i − θ'_i|²)^{1/2}` between heads that started as one: at least W_2. */
  readonly coupled: number[];
}

interface Measured {
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
  seed: number,
  index: number,
): Measured {
  const P = law.parameters.length / law.count;
  const uniform = randomStream(seed, 'drawn heads', index).uniform;
  const sgdSeed = 1_000_003 * seed + index;
  const starts = headCounts.map((N) => {
    const { law: start, choices } = drawHeads(law, N, uniform);
    return { start, copies: copiesOf(reference, choices, P) };
  });
  const pairs = starts.map(
    ({ start, copies }) => [flowPath(problem, start, observations), copies] as const,
  );
  const few = drawHeads(law, sgdHeads, uniform).law;
  const exact = flowPath(problem, few, 2 * observations);
  const last = (path: Path) => headLaw(law.shape, path.laws[observations]);
  return {
    wasserstein: pairs
      .slice(0, matchedCounts.length)
      .map(([path, copies]) => headDistance(last(path), last(copies))),
    byHeads: distancesOf(pairs),
    byStep: distancesOf(
      stepCounts.map((steps) => [sgdPath(problem, few, steps, sgdSeed), exact] as const),
    ),
    together: distancesOf(
      starts.map(
        ({ start, copies }) => [sgdPath(problem, start, start.count, sgdSeed), copies] as const,
      ),
    ),
  };
}

/** Root mean squares over independent draws: a single draw's distance may be near 0 by chance. */
function measure(
  experiment: HeadExperiment,
  reference: Path,
  seed: number,
  group: number,
  drawsOfGroup: number,
): Measured {
  const draws = Array.from({ length: drawsOfGroup }, (_, draw) =>
    measureDraw(experiment, reference, seed, group * drawsOfGroup + draw),
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

/** Atoms of the claim's own limit law; independent groups of draws, and draws of each, in either setting. */
const settings = {
  quick: { heads: 256, groups: 8, draws: 8 },
  full: { heads: 512, groups: 24, draws: 16 },
};

async function runExperiment(context: ClaimContext<HeadInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  const { heads, groups, draws } = settings[setting];
  // Small values: the mean of R(ρ^N) − R(ρ), of order 1/N, then is small beside the fluctuation from N = 16 on.
  const experiment =
    instance === undefined
      ? randomExperiment(backend, seed, 0, {
          regularisation: 0.02,
          heads,
          value: 0.5,
          sequences: 8,
        })
      : explicitExperiment(backend, instance);
  const spread = isSpread(experiment.law);
  const assumption = {
    name: 'the law has at least two different heads',
    holds: spread,
    value: String(spread),
  };
  if (!spread) return undecided([assumption], 'Heads drawn from a law of one head are that head.');
  // The same scheme as for N heads: the limit of its steps is exact.
  const reference = flowPath(experiment.problem, experiment.law, observations);
  const measured = await overExperiments(context, groups, 'coupled runs', (index) =>
    measure(experiment, reference, seed, index, draws),
  );
  return finding(measured, assumption, experiment.law.count);
}

const expected: Expected = { kind: 'value', value: -0.5 };

function undecided(assumptions: Finding['assumptions'], summary: string): Finding {
  return {
    assumptions,
    evidence: {},
    measured: Number.NaN,
    expected,
    interval: null,
    verdict: 'outside',
    summary,
    figures: [],
  };
}

function finding(
  measured: readonly Measured[],
  assumption: Finding['assumptions'][number],
  referenceHeads: number,
): Finding {
  const rows = (values: (m: Measured) => number[]) => measured.map(values);
  const sweeps: readonly [string, readonly number[], (m: Measured) => number[]][] = [
    ['risk.byHeads', headCounts, (m) => m.byHeads.risk],
    ['coupled.byHeads', headCounts, (m) => m.byHeads.coupled],
    ['wasserstein.byHeads', matchedCounts, (m) => m.wasserstein],
    ['risk.byStep', stepCounts, (m) => m.byStep.risk],
    ['coupled.byStep', stepCounts, (m) => m.byStep.coupled],
    ['risk.together', headCounts, (m) => m.together.risk],
    ['coupled.together', headCounts, (m) => m.together.coupled],
  ];
  const positive = sweeps.every(([, , values]) => arePositive(rows(values)));
  const measurable = {
    name: 'runs stay finite and differ from their limit',
    holds: positive,
    value: `${positive}`,
  };
  if (!positive) {
    return undecided([assumption, measurable], 'Distances that vanish or overflow have no rate.');
  }
  const checks = sweeps.map(([name, scale, values]) => checkOrder(name, -0.5, scale, rows(values)));
  const [main] = checks;
  const vague = checks.filter(({ resolved }) => !resolved);
  const broken = checks.filter(({ agrees }) => !agrees);
  const assumptions = [
    assumption,
    measurable,
    {
      name: 'the experiment tells the order 1/2 from 0 and from 1: intervals exclude them',
      holds: vague.length === 0,
      value: vague.length === 0 ? 'all do' : `not ${vague.map(({ name }) => name).join(', ')}`,
    },
  ];
  const judged = judge(assumptions, main.slope, main.interval, expected);
  return {
    assumptions,
    evidence: {
      heads: headCounts,
      steps: stepCounts.map((count) => horizon / count),
      'heads.reference': referenceHeads,
      'heads.ofStepRuns': sgdHeads,
      ...Object.fromEntries(sweeps.map(([name, , values]) => [name, rows(values)])),
      ...Object.assign({}, ...checks.map(orderEvidence)),
    },
    measured: main.slope,
    expected,
    interval: main.interval,
    verdict: judged === 'holds' && broken.length > 0 ? 'fails' : judged,
    summary: summary(checks, broken),
    figures: [
      distanceFigure({
        id: 'B.chaos.heads',
        title: 'N heads follow the limit',
        caption: `Largest distance up to T = ${horizon} between the flow of N heads, drawn from a law of ${referenceHeads}, and that law's flow: in risk, and between the heads and their copies in the limit's field. Expected slope −1/2.`,
        x: headAxis,
        at: headCounts,
        slope: -0.5,
        distances: measured.map((m) => m.byHeads),
      }),
      distanceFigure({
        id: 'B.chaos.step',
        title: 'One-sample descent follows the flow',
        caption: `Largest distance up to T = ${horizon} between one-sample gradient descent with step η and the flow of the same ${sgdHeads} heads. Expected slope 1/2.`,
        x: { label: 'step η', scale: 'log', base: 2 },
        at: stepCounts.map((count) => horizon / count),
        slope: 0.5,
        distances: measured.map((m) => m.byStep),
      }),
      distanceFigure({
        id: 'B.chaos.together',
        title: 'One-sample descent of N heads follows the limit',
        caption: `N heads drawn from a law of ${referenceHeads}, moved by one-sample gradient descent with step η = ${horizon}/N, against that law's flow. Expected slope −1/2, from N^{-1/2} + η^{1/2}.`,
        x: headAxis,
        at: headCounts,
        slope: -0.5,
        distances: measured.map((m) => m.together),
      }),
    ],
  };
}

const headAxis: Axis = { label: 'heads N', scale: 'log', base: 2 };

function distanceFigure(options: {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly x: Axis;
  readonly at: readonly number[];
  readonly slope: number;
  readonly distances: readonly Distances[];
}): Figure {
  const { id, title, caption, x, at, slope, distances } = options;
  return rateFigure({
    ...{ id, title, caption, x, y: { label: 'distance', scale: 'log' } },
    curves: [
      { series: 'sup |R − R′|', x: at, rows: distances.map(({ risk }) => risk), slope },
      { series: 'coupled distance', x: at, rows: distances.map(({ coupled }) => coupled), slope },
    ],
  });
}

/** Orders in 1/N and in 1/η: −1/2 is expected of all. */
function orderEvidence({ name, slope, interval, statistical, slopeOfAll }: OrderCheck) {
  return {
    [`${name}.slope`]: slope,
    [`${name}.slope.interval`]: interval,
    [`${name}.slope.statistical`]: statistical,
    [`${name}.slope.allScales`]: slopeOfAll,
  };
}

function summary(checks: readonly OrderCheck[], broken: readonly OrderCheck[]): string {
  const slope = (name: string) => checks.find((check) => check.name === name)?.slope.toFixed(3);
  return `Up to T = ${horizon} the risk of N drawn heads stays within N^${slope('risk.byHeads')} of the limit, their law within N^${slope('wasserstein.byHeads')} in W₂; one-sample descent within (1/η)^${slope('risk.byStep')} of the flow in risk, (1/η)^${slope('coupled.byStep')} in distance; with η = ${horizon}/N both together within N^${slope('risk.together')} and N^${slope('coupled.together')}.${broken.length > 0 ? ` Not −1/2: ${broken.map(({ name }) => name).join(', ')}.` : ''}`;
}

/** Finite-time propagation of chaos for stochastic gradient descent (arXiv 2606.10469). */
export const chaos: Claim<HeadInstance> = {
  id: 'B.chaos',
  paper: 'B',
  title: 'Heads decouple: propagation of chaos',
  statement:
    'For $N$ heads and step $\\eta$, $\\sup_{t\\le T}|R(\\rho^N_t) - R(\\rho_t)|$ and $W_2(\\rho^N_t, \\rho_t)$ along coupled copies are $O(N^{-1/2} + \\eta^{1/2})$.',
  trust: 'P',
  quantity: 'log–log slope in N of sup |R − R_ref|',
  instance: headInstance,
  run: runExperiment,
};
