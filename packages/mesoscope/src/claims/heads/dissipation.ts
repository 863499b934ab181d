import { headFlow } from '../../heads/flow.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { fitOrder } from '../convergence-order.ts';
import { type ClaimContext, type Expected, type Finding, judge, legacy } from '../legacy.ts';
import { rateFigure } from './figures.ts';
import {
  explicitExperiment,
  type HeadExperiment,
  type HeadInstance,
  headInstance,
  randomExperiment,
} from './instance.ts';

const horizon = 2;
const stepCounts = [16, 32, 64, 128, 256];
/** Steps of the exact identity, by the classical Runge–Kutta scheme and Simpson's rule. */
const exactSteps = 128;

/** ξ(t): not constant, so that the identity is seen with a schedule. */
const schedule = (t: number) => 1 + 0.5 * Math.cos(2 * t);

interface Measured {
  /** `(R(0) − R(T)) / ∫ξ∫|∇Ψ|²dρ dt` along the flow. */
  readonly ratio: number;
  /** The same with half the steps. */
  readonly coarseRatio: number;
  /** Largest `|1 − (R_k − R_{k+1})/(ηξ∫|∇Ψ|²dρ)|` of gradient descent, for each number of steps. */
  readonly deviations: number[];
  readonly times: number[];
  readonly decrease: number[];
  readonly slopes: number[];
}

function identity({ problem, law }: HeadExperiment, steps: number) {
  const step = horizon / steps;
  const states = [...headFlow(problem, law, { step, steps, scheme: 'rk4', schedule })];
  return states.map(({ risk, slopeSquare, time }) => ({
    time,
    risk,
    rate: schedule(time) * slopeSquare,
  }));
}

function ratioOf(path: readonly { risk: number; rate: number }[]): number {
  const steps = path.length - 1;
  const integral = path.reduce((sum, { rate }, k) => {
    const weight = k === 0 || k === steps ? 1 : k % 2 === 1 ? 4 : 2;
    return sum + (weight * rate * horizon) / (3 * steps);
  }, 0);
  return (path[0].risk - path[steps].risk) / integral;
}

function measure(experiment: HeadExperiment): Measured {
  const path = identity(experiment, exactSteps);
  const step = horizon / exactSteps;
  const { problem, law } = experiment;
  return {
    ratio: ratioOf(path),
    coarseRatio: ratioOf(identity(experiment, exactSteps / 2)),
    deviations: stepCounts.map((steps) => {
      let largest = 0;
      let before = { risk: Number.NaN, rate: Number.NaN };
      for (const { risk, slopeSquare, time } of headFlow(problem, law, {
        step: horizon / steps,
        steps,
        schedule,
      })) {
        const ratio = (before.risk - risk) / ((horizon / steps) * before.rate);
        if (!Number.isNaN(ratio)) largest = Math.max(largest, Math.abs(1 - ratio));
        before = { risk, rate: schedule(time) * slopeSquare };
      }
      return largest;
    }),
    times: path.map(({ time }) => time).slice(1, -1),
    decrease: path.slice(1, -1).map((_, k) => (path[k].risk - path[k + 2].risk) / (2 * step)),
    slopes: path.slice(1, -1).map(({ rate }) => rate),
  };
}

async function runExperiment(context: ClaimContext<HeadInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  const count = setting === 'full' ? 24 : 6;
  const measured = await overExperiments(
    context,
    instance === undefined ? count : 1,
    'energy along the flow',
    (index) =>
      measure(
        instance === undefined
          ? randomExperiment(backend, seed, index, { regularisation: 0.02, heads: 48, value: 2 })
          : explicitExperiment(backend, instance),
      ),
  );
  const ratios = measured.map(({ ratio }) => ratio);
  const finite = ratios.every(Number.isFinite);
  const moving = measured.every(({ slopes }) => slopes.some((slope) => slope > 1e-20));
  const bounded = instance?.radius === undefined;
  const assumptions = [
    { name: 'the flow exists up to T', holds: finite || !moving, value: `${finite}` },
    { name: 'the law is not stationary', holds: moving, value: `${moving}` },
    {
      name: 'no ball, whose projection would take part of the slope',
      holds: bounded,
      value: `${bounded}`,
    },
  ];
  // Runge–Kutta and Simpson are of order 4: what halving the step changes bounds what is left.
  const tolerance = Math.max(
    ...measured.map(({ ratio, coarseRatio }) => Math.abs(ratio - coarseRatio)),
    1e-12,
  );
  const expected: Expected = { kind: 'value', value: 1, tolerance };
  const outside = assumptions.some(({ holds }) => !holds);
  const { mean, interval } = outside ? { mean: Number.NaN, interval: null } : meanInterval(ratios);
  const order = outside
    ? undefined
    : fitOrder({ x: stepCounts, y: measured.map(({ deviations }) => deviations) });
  const judged = judge(assumptions, mean, interval, expected);
  const isFirstOrder = order === undefined || (order.interval[0] <= -1 && -1 <= order.interval[1]);
  const steps = stepCounts.map((n) => horizon / n);
  return {
    assumptions,
    evidence: {
      ratios,
      'ratio.doubledStep': measured.map(({ coarseRatio }) => coarseRatio),
      steps,
      'descent.deviation': measured.map(({ deviations }) => deviations),
      ...(order === undefined
        ? {}
        : {
            'descent.order': -order.slope,
            'descent.order.interval': [-order.interval[1], -order.interval[0]],
          }),
    },
    measured: mean,
    expected,
    interval,
    verdict: judged === 'holds' && !isFirstOrder ? 'fails' : judged,
    summary: outside
      ? 'The identity cannot be seen on this instance.'
      : `The risk falls by ${mean.toFixed(9)} of ∫ξ∫|∇Ψ|²dρ dt along the flow; a step η of gradient descent differs by O(η^${(-(order?.slope ?? Number.NaN)).toFixed(2)}).`,
    figures: outside
      ? []
      : [
          {
            id: 'B.dissipation',
            title: 'Energy dissipation',
            caption:
              'Speed at which the risk falls along the flow (difference quotients), and ξ(t)∫|∇Ψ|²dρ: one curve. First experiment.',
            x: { label: 'time t' },
            y: { label: 'dissipation', scale: 'log' },
            marks: [
              { kind: 'line', series: 'ξ ∫|∇Ψ|² dρ', x: measured[0].times, y: measured[0].slopes },
              { kind: 'dots', series: '−dR/dt', x: measured[0].times, y: measured[0].decrease },
            ],
          },
          rateFigure({
            id: 'B.dissipation.step',
            title: 'One step of gradient descent',
            caption:
              'Largest deviation from 1 of the decrease over ηξ∫|∇Ψ|²dρ along gradient descent. Expected slope 1.',
            x: { label: 'step η', scale: 'log', base: 2 },
            y: { label: 'deviation of the ratio from 1', scale: 'log' },
            curves: [
              { series: 'deviation', x: steps, rows: measured.map((m) => m.deviations), slope: 1 },
            ],
          }),
        ],
  };
}

/** The energy identity of the Wasserstein flow (arXiv 2606.10469). */
export const dissipation = legacy<HeadInstance>({
  id: 'B.dissipation',
  paper: 'B',
  title: 'The risk falls by the square of the slope',
  statement:
    '$\\frac{d}{dt} R(\\rho_t) = -\\xi(t)\\int |\\nabla_\\theta \\Psi(\\theta;\\rho_t)|^2\\,d\\rho_t$.',
  trust: 'P',
  quantity: 'decrease of R over the integrated slope',
  instance: headInstance,
  run: runExperiment,
});
