import { overExperiments } from '../control/over-experiments.ts';
import type { Axis, Figure } from '../figure.ts';
import { type ClaimContext, type Expected, type Finding, judge, legacy } from '../legacy.ts';
import {
  type CoupledRuns,
  coupledRuns,
  type Distances,
  headCounts,
  horizon,
  matchedCounts,
  referencePath,
  sgdHeads,
  stepCounts,
} from './coupled-runs.ts';
import { rateFigure } from './figures.ts';
import {
  explicitExperiment,
  type HeadInstance,
  headInstance,
  isSpread,
  randomExperiment,
} from './instance.ts';
import { arePositive, checkOrder, type OrderCheck } from './order-check.ts';

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
  const reference = referencePath(experiment);
  const measured = await overExperiments(context, groups, 'coupled runs', (index) =>
    coupledRuns(experiment, reference, seed, index, draws),
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
  measured: readonly CoupledRuns[],
  assumption: Finding['assumptions'][number],
  referenceHeads: number,
): Finding {
  const rows = (values: (m: CoupledRuns) => number[]) => measured.map(values);
  const sweeps: readonly [string, readonly number[], (m: CoupledRuns) => number[]][] = [
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
export const chaos = legacy<HeadInstance>({
  id: 'B.chaos',
  paper: 'B',
  title: 'Heads decouple: propagation of chaos',
  statement:
    'For $N$ heads and step $\\eta$, $\\sup_{t\\le T}|R(\\rho^N_t) - R(\\rho_t)|$ and $W_2(\\rho^N_t, \\rho_t)$ along coupled copies are $O(N^{-1/2} + \\eta^{1/2})$.',
  trust: 'P',
  quantity: 'log–log slope in N of sup |R − R_ref|',
  instance: headInstance,
  run: runExperiment,
});
