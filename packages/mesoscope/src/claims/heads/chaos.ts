import { headFlow } from '../../heads/flow.ts';
import { type HeadLaw, headLaw } from '../../heads/head-law.ts';
import { headDistance } from '../../heads/matching.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import type { Interval } from '../../numeric/fit.ts';
import { randomStream } from '../../numeric/random.ts';
import { type Claim, type ClaimContext, type Expected, type Finding, judge } from '../claim.ts';
import { overExperiments } from '../control/over-experiments.ts';
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
import { contains, fitNoisyOrder } from './noisy-order.ts';

const horizon = 2;
/** Times at which risks are compared: multiples of T over this. */
const observations = 8;
const headCounts = [16, 32, 64, 128, 256];
/** Steps of stochastic gradient descent up to T. */
const stepCounts = [32, 64, 128, 256, 512];
/** Heads of the runs in which only the step varies. */
const sgdHeads = 32;

/** Independent draws of heads and of sequences behind each value. */
const drawsOfGroup = 6;

/** A run at the observation times. */
interface Path {
  readonly risks: number[];
  readonly laws: Float64Array[];
}

/** The flow of a law by the classical Runge–Kutta scheme. */
function flowPath(problem: HeadProblem, law: HeadLaw): Path {
  const path: Path = { risks: [], laws: [] };
  const options = { step: horizon / observations, steps: observations, scheme: 'rk4' as const };
  for (const { risk, law: now } of headFlow(problem, law, options)) {
    path.risks.push(risk);
    path.laws.push(now.parameters.slice());
  }
  return path;
}

function sgdPath(problem: HeadProblem, law: HeadLaw, steps: number, seed: number): Path {
  const path: Path = { risks: [], laws: [] };
  const draw = randomStream(seed, 'drawn sequences', steps);
  for (const { step, law: now } of headFlow(problem, law, { step: horizon / steps, steps, draw })) {
    if (step % (steps / observations) !== 0) continue;
    path.risks.push(problem.risk(now).risk);
    path.laws.push(now.parameters.slice());
  }
  return path;
}

/** `sup_t |R − R'|`. */
function riskDistance(first: Path, second: Path): number {
  return Math.max(...first.risks.map((risk, k) => Math.abs(risk - second.risks[k])));
}

/** `sup_t ((1/N)Σ|θ_i − θ'_i|²)^{1/2}` between heads that started as one: at least W_2. */
function coupledDistance(first: Path, second: Path, count: number): number {
  return Math.max(
    ...first.laws.map((law, k) => {
      const other = second.laws[k];
      const square = law.reduce((sum, x, j) => sum + (x - other[j]) ** 2, 0);
      return Math.sqrt(square / count);
    }),
  );
}

interface Measured {
  readonly riskByHeads: number[];
  readonly coupledByHeads: number[];
  readonly distanceByHeads: number[];
  readonly riskBySteps: number[];
  readonly coupledBySteps: number[];
}

/** Root mean squares over independent draws: a single draw's distance may be near 0 by chance. */
function measure(
  experiment: HeadExperiment,
  reference: Path,
  seed: number,
  group: number,
): Measured {
  const draws = Array.from({ length: drawsOfGroup }, (_, draw) =>
    measureDraw(experiment, reference, seed, group * drawsOfGroup + draw),
  );
  const over = (rows: (m: Measured) => number[]) =>
    rows(draws[0]).map((_, i) =>
      Math.sqrt(draws.reduce((sum, draw) => sum + rows(draw)[i] ** 2, 0) / draws.length),
    );
  return {
    riskByHeads: over((m) => m.riskByHeads),
    coupledByHeads: over((m) => m.coupledByHeads),
    distanceByHeads: over((m) => m.distanceByHeads),
    riskBySteps: over((m) => m.riskBySteps),
    coupledBySteps: over((m) => m.coupledBySteps),
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
  const byHeads = headCounts.map((N) => {
    const drawn = drawHeads(law, N, uniform);
    const path = flowPath(problem, drawn.law);
    // The copies of the drawn heads that move in the limit's field.
    const copies: Path = {
      risks: reference.risks,
      laws: reference.laws.map((all) => {
        const chosen = new Float64Array(N * P);
        drawn.choices.forEach((from, to) => {
          chosen.set(all.subarray(from * P, (from + 1) * P), to * P);
        });
        return chosen;
      }),
    };
    const last = (path: Path) => headLaw(law.shape, path.laws[observations]);
    return {
      risk: riskDistance(path, reference),
      coupled: coupledDistance(path, copies, N),
      distance: headDistance(last(path), last(copies)),
    };
  });
  const start = drawHeads(law, sgdHeads, uniform).law;
  const exact = flowPath(problem, start);
  const bySteps = stepCounts.map((steps) => {
    const path = sgdPath(problem, start, steps, 1000 * seed + index);
    return { risk: riskDistance(path, exact), coupled: coupledDistance(path, exact, sgdHeads) };
  });
  return {
    riskByHeads: byHeads.map(({ risk }) => risk),
    coupledByHeads: byHeads.map(({ coupled }) => coupled),
    distanceByHeads: byHeads.map(({ distance }) => distance),
    riskBySteps: bySteps.map(({ risk }) => risk),
    coupledBySteps: bySteps.map(({ coupled }) => coupled),
  };
}

async function runExperiment(context: ClaimContext<HeadInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  const [groups, heads] = setting === 'full' ? [24, 1024] : [6, 512];
  const experiment =
    instance === undefined
      ? randomExperiment(backend, seed, 0, { regularisation: 0.02, heads, value: 1 })
      : explicitExperiment(backend, instance);
  const spread = isSpread(experiment.law);
  const assumption = {
    name: 'the law has at least two different heads',
    holds: spread,
    value: String(spread),
  };
  if (!spread) return nothingToSample(assumption);
  const reference = flowPath(experiment.problem, experiment.law);
  const measured = await overExperiments(context, groups, 'coupled runs', (index) =>
    measure(experiment, reference, seed, index),
  );
  return finding(measured, assumption, experiment.law.count);
}

const expected: Expected = { kind: 'value', value: -0.5 };

function nothingToSample(assumption: Finding['assumptions'][number]): Finding {
  return {
    assumptions: [assumption],
    evidence: {},
    measured: Number.NaN,
    expected,
    interval: null,
    verdict: 'outside',
    summary: 'Heads drawn from a law of one head are that head: there is nothing to sample.',
    figures: [],
  };
}

function finding(
  measured: readonly Measured[],
  assumption: Finding['assumptions'][number],
  referenceHeads: number,
): Finding {
  const steps = stepCounts.map((count) => horizon / count);
  const byHeads = (rows: (m: Measured) => number[]) =>
    fitNoisyOrder({ x: headCounts, y: measured.map(rows) });
  const bySteps = (rows: (m: Measured) => number[]) =>
    fitNoisyOrder({ x: stepCounts, y: measured.map(rows) });
  const risk = byHeads((m) => m.riskByHeads);
  const distance = byHeads((m) => m.distanceByHeads);
  const coupled = byHeads((m) => m.coupledByHeads);
  const riskInSteps = bySteps((m) => m.riskBySteps);
  const coupledInSteps = bySteps((m) => m.coupledBySteps);
  const parts = [
    { name: 'W₂ in N', fit: distance },
    { name: 'risk in 1/η', fit: riskInSteps },
    { name: 'coupled distance in 1/η', fit: coupledInSteps },
  ];
  const broken = parts.filter(({ fit }) => !contains(fit.interval, -0.5));
  const finite = measured.every((m) => Object.values(m).flat().every(Number.isFinite));
  const assumptions = [assumption, { name: 'runs stay finite', holds: finite, value: `${finite}` }];
  const judged = judge(assumptions, risk.slope, risk.interval, expected);
  return {
    assumptions,
    evidence: {
      heads: headCounts,
      steps,
      'heads.reference': referenceHeads,
      'risk.byHeads': measured.map((m) => m.riskByHeads),
      'risk.byHeads.slope': risk.slope,
      'risk.byHeads.statistical': risk.statistical,
      'risk.byHeads.drift': risk.drift,
      'wasserstein.byHeads': measured.map((m) => m.distanceByHeads),
      'wasserstein.byHeads.slope': distance.slope,
      'wasserstein.byHeads.interval': distance.interval,
      'coupled.byHeads.slope': coupled.slope,
      'coupled.byHeads.interval': coupled.interval,
      'risk.byStep': measured.map((m) => m.riskBySteps),
      'risk.byStep.slope': -riskInSteps.slope,
      'risk.byStep.interval': reversed(riskInSteps.interval),
      'coupled.byStep.slope': -coupledInSteps.slope,
      'coupled.byStep.interval': reversed(coupledInSteps.interval),
    },
    measured: risk.slope,
    expected,
    interval: risk.interval,
    verdict: judged === 'holds' && broken.length > 0 ? 'fails' : judged,
    summary: `Up to T = ${horizon} the risk of N drawn heads stays within N^${risk.slope.toFixed(3)} of the limit, their law within N^${distance.slope.toFixed(2)} in W₂; one-sample descent stays within η^${(-riskInSteps.slope).toFixed(2)} of the flow in risk, η^${(-coupledInSteps.slope).toFixed(2)} in distance.${broken.length > 0 ? ` Not 1/2: ${broken.map(({ name }) => name).join(', ')}.` : ''}`,
    figures: [
      rateFigure({
        id: 'B.chaos.heads',
        title: 'N heads follow the limit',
        caption: `Largest distance up to T = ${horizon} between the flow of N heads, drawn from a law of ${referenceHeads}, and that law's flow: in risk, and in W₂ at T between the N heads and their copies in the limit's field. Expected slope −1/2.`,
        x: { label: 'heads N', scale: 'log', base: 2 },
        y: { label: 'distance', scale: 'log' },
        curves: [
          {
            series: 'sup |R − R_ref|',
            x: headCounts,
            rows: measured.map((m) => m.riskByHeads),
            slope: -0.5,
          },
          {
            series: 'W₂',
            x: headCounts,
            rows: measured.map((m) => m.distanceByHeads),
            slope: -0.5,
          },
        ],
      }),
      rateFigure({
        id: 'B.chaos.step',
        title: 'One-sample descent follows the flow',
        caption: `Largest distance up to T = ${horizon} between one-sample gradient descent with step η and the flow of the same ${sgdHeads} heads. Expected slope 1/2.`,
        x: { label: 'step η', scale: 'log', base: 2 },
        y: { label: 'distance', scale: 'log' },
        curves: [
          {
            series: 'sup |R − R_flow|',
            x: steps,
            rows: measured.map((m) => m.riskBySteps),
            slope: 0.5,
          },
          {
            series: 'coupled distance',
            x: steps,
            rows: measured.map((m) => m.coupledBySteps),
            slope: 0.5,
          },
        ],
      }),
    ],
  };
}

/** The interval of minus the slope. */
function reversed([low, high]: Interval): readonly number[] {
  return [-high, -low];
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
