import * as z from 'zod';
import {
  type Dissipation,
  descentSteps,
  flowSteps,
  measureDissipation,
} from '../../heads/dissipation.ts';
import { randomExperiment } from '../../heads/experiment.ts';
import { equals, known, weakest } from '../check.ts';
import { claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { deterministicOrder } from '../order.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { checkHeads, explicitExperiment, headData, penalty, resolvedSteps } from './instance.ts';

const given = experiments({
  label: 'energy along the flow',
  shared: {
    regularisation: penalty.default(0.02),
    horizon: z.number().positive().default(0.5).describe('T'),
  },
  own: { flows: experimentCount(6, 'random laws of heads on random labelled sequences') },
  data: headData,
  full: { flows: 24 },
  check: checkHeads,
  pieces: (given) => (given.explicit ? 1 : given.flows),
});

/** The energy identity of the Wasserstein flow (arXiv 2606.10469). */
export const dissipation = claim<ReturnType<typeof given.parse>, Dissipation>({
  id: 'B.dissipation',
  title: 'The risk falls by the square of the slope',
  statement:
    '$\\frac{d}{dt} R(\\rho_t) = -\\xi(t)\\int |\\nabla_\\theta \\Psi(\\theta;\\rho_t)|^2\\,d\\rho_t$, and $\\xi\\,(\\int|\\nabla\\Psi|^2 d\\rho_t)^{1/2}$ is the speed of $\\rho_t$ in $W_2$.',
  trust: { statement: 'P', speed: 'S' },
  given,
  measure({ backend, given, seed, index }) {
    const { regularisation, horizon } = given;
    const experiment = given.explicit
      ? explicitExperiment(backend, given)
      : randomExperiment(backend, seed, index, { regularisation, heads: 48, value: 2 });
    return measureDissipation(experiment, horizon);
  },
  conclude(measured, { given }) {
    const isOne = { expected: 1, rivals: [0.5, 2] };
    const balance = weakest(
      measured.map(({ ratios, rounding }) =>
        equals({
          name: 'risk lost over ∫ξ∫|∇Ψ|²dρ dt along the flow (an identity of the code)',
          failsIf:
            '∇Ψ is not the gradient of the risk, or the schedule is not what moves the heads',
          ...known(ratios[last], leftOpen(ratios) + rounding),
          ...isOne,
        }),
      ),
    );
    const deviations = measured.map((one) => one.deviations);
    const largestDeviation = Math.max(...deviations.flat());
    const descent = deterministicOrder({
      name: 'order in 1/η of what descent loses besides Σ ηξ∫|∇Ψ|²dρ',
      failsIf: 'the loss of finite steps does not tend to the square of the slope, or not like η',
      ...{ scales: descentSteps, rows: deviations, order: -1, side: 'exactly' },
      accuracy: Math.max(...measured.map(({ rounding }) => rounding)),
    });
    const speed = weakest(
      measured.map(({ speeds }) =>
        equals({
          name: 'W₂(ρ_0, ρ_h)/h over ξ(∫|∇Ψ|²dρ)^{1/2}, extrapolated to h = 0',
          failsIf:
            'laws of the flow are nearer to each other, by optimal transport, than its velocity says',
          ...atOnce(speeds),
          ...isOne,
        }),
      ),
    );
    const [{ lags, times, slopes, decrease }] = measured;
    const { horizon } = given;
    const bounded = given.explicit && given.radius !== undefined;
    const contractions = measured.map(({ contraction }) => contraction);
    const resting = measured.some(({ lost }) => Math.abs(lost) < 1e-12);
    return {
      hypotheses: [
        {
          name: 'no ball, whose projection would take part of the slope',
          holds: !bounded,
          value: bounded ? `radius ${given.radius}` : 'none',
        },
      ],
      resolution: [
        notTrivial(resting ? 'the law is at rest: there is no risk to lose' : undefined),
        resolvedSteps(contractions),
        {
          // An order in η is that of small steps; where the coarsest loses by its square what it gains, there is none yet.
          name: 'descent follows the flow from the coarsest step on: what it loses besides, at most a half',
          holds: resting || largestDeviation <= 0.5,
          value: resting ? 'at rest' : largestDeviation,
        },
      ],
      checks: [balance, descent, speed],
      evidence: {
        ratios: measured.map(({ ratios }) => ratios[last]),
        'ratios.bySteps': measured.map(({ ratios }) => ratios),
        'ratios.steps': flowSteps,
        'flow.contraction': contractions,
        steps: descentSteps.map((n) => horizon / n),
        'descent.deviation': deviations,
        'speed.h': lags,
        'speed.ratio': measured.map(({ speeds }) => speeds),
      },
      summary: resting
        ? nothing
        : `The risk falls by ${balance.measured.toFixed(9)} of ∫ξ∫|∇Ψ|²dρ dt along the flow: an identity of the code, which computes ∇Ψ as the gradient of R. Evidence beyond it: descent with a finite step η differs by O(η^${(-descent.measured).toFixed(2)}), and W₂ between laws of the flow, by optimal transport, is ${speed.measured.toFixed(5)} of what the slope says.`,
      figures: [
        {
          id: 'B.dissipation',
          title: 'Energy dissipation',
          caption:
            'Speed at which the risk falls along the flow (difference quotients), and ξ(t)∫|∇Ψ|²dρ: one curve. First experiment.',
          x: { label: 'time t' },
          y: { label: 'dissipation', scale: 'log' },
          marks: [
            { kind: 'line', series: 'ξ ∫|∇Ψ|² dρ', x: times, y: slopes },
            { kind: 'dots', series: '−dR/dt', x: times, y: decrease },
          ],
        },
        convergenceFigure({
          id: 'B.dissipation.step',
          title: 'Finite steps',
          caption:
            'Deviation from 1: of the loss of gradient descent over Σ ηξ∫|∇Ψ|²dρ, and of W₂ over the slope between two laws of the flow. The first is expected to have slope −1.',
          ...{ scale: 'steps per unit of time', quantity: 'deviation of the ratio from 1' },
          curves: [
            {
              ...{ series: 'loss of descent', rows: deviations, slope: -1 },
              scales: descentSteps.map((n) => n / horizon),
            },
            {
              series: 'distance of two laws',
              scales: lags.map((h) => 1 / h),
              rows: measured.map(({ speeds }) => speeds.map((ratio) => Math.abs(1 - ratio))),
            },
          ],
        }),
      ],
    };
  },
});

const last = flowSteps.length - 1;

/** What the steps of the flow leave open in the energy ratio: Runge–Kutta and Simpson are of order 4. */
function leftOpen(ratios: readonly number[]): number {
  return Math.max(
    Math.abs(ratios[last] - ratios[last - 1]),
    Math.abs(ratios[last] - ratios[last - 2]) / 16,
  );
}

/** The limit of speeds at lags of which each is half of the one before, extrapolated. */
function atOnce(speeds: readonly number[]) {
  const limits = speeds.slice(1).map((ratio, i) => 2 * ratio - speeds[i]);
  const limit = limits[limits.length - 1];
  // Either is several times what the last extrapolation leaves, unless by coincidence; hardly both are.
  return known(limit, Math.max(...limits.slice(-3).map((before) => Math.abs(limit - before))));
}
