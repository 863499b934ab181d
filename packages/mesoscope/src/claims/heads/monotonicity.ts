import { growHeads } from '../../heads/growth.ts';
import { headLaw, randomHeads } from '../../heads/head-law.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { type ClaimContext, type Expected, type Finding, judge, legacy } from '../legacy.ts';
import {
  explicitExperiment,
  type HeadExperiment,
  type HeadInstance,
  headInstance,
  randomExperiment,
} from './instance.ts';
import { follow, type MatchedFlows } from './matched-flows.ts';
import { type MonotonicityAt, monotonicitySweep, sweepFigure } from './monotonicity-sweep.ts';

interface Measured {
  readonly toOptimum: MatchedFlows;
  readonly betweenFlows: MatchedFlows;
  readonly optimumHeads: number;
  readonly gap: number;
}

function measure({ problem, law }: HeadExperiment, seed: number, index: number): Measured {
  let optimum = law;
  let gap = Number.POSITIVE_INFINITY;
  for (const state of growHeads(problem, { tolerance: 1e-10, rounds: 12, descent: 300 })) {
    optimum = state.law;
    gap = state.certificate.gap;
  }
  const random = randomStream(seed, 'second law of heads', index);
  const { parameters } = randomHeads(law.shape, law.count, random, { score: 0.5, value: 0.5 });
  return {
    toOptimum: follow(problem, law, optimum, true),
    betweenFlows: follow(problem, law, headLaw(law.shape, parameters, law.weights), false),
    optimumHeads: optimum.count,
    gap,
  };
}

/** Largest `W_2(t)/(e^{−κt}W_2(0))`, t > 0, with κ the least quotient up to then. */
function largestRatio({ times, distances, quotients }: MatchedFlows): number {
  let least = quotients[0];
  let largest = 0;
  times.forEach((time, k) => {
    least = Math.min(least, quotients[k]);
    if (k === 0 || distances[k] < 1e-9 * distances[0]) return;
    largest = Math.max(largest, distances[k] / (distances[0] * Math.exp(-least * time)));
  });
  return largest;
}

async function runExperiment(context: ClaimContext<HeadInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  const count = setting === 'full' ? 24 : 6;
  const bounded =
    instance === undefined || instance.regularisation > 0 || instance.radius !== undefined;
  if (!bounded) return unbounded();
  const measured = await overExperiments(
    context,
    instance === undefined ? count : 1,
    'matched flows',
    (index) =>
      measure(
        instance === undefined
          ? randomExperiment(backend, seed, index, { regularisation: 0.4, heads: 24, value: 0.5 })
          : explicitExperiment(backend, instance),
        seed,
        index,
      ),
  );
  const sweep = instance === undefined ? monotonicitySweep(backend, seed) : [];
  return finding(measured, sweep);
}

/** The integration is exact to about 1e-9; where W₂ falls exactly at the rate κ, the ratio is 1. */
const expected: Expected = { kind: 'at-most', value: 1 + 1e-6 };

function unbounded(): Finding {
  return {
    assumptions: [
      { name: 'λ > 0 or heads in a ball, so that ρ* exists', holds: false, value: 'λ = 0' },
    ],
    evidence: {},
    measured: Number.NaN,
    expected,
    interval: null,
    verdict: 'outside',
    summary: 'Without regularisation on unbounded parameters there is no optimal law.',
    figures: [],
  };
}

function finding(measured: readonly Measured[], sweep: readonly MonotonicityAt[]): Finding {
  const pairs = measured.flatMap(({ toOptimum, betweenFlows }) => [toOptimum, betweenFlows]);
  const kappa = Math.min(...pairs.flatMap(({ quotients }) => quotients));
  const ratio = Math.max(...pairs.map(largestRatio));
  const gap = Math.max(...measured.map((m) => m.gap));
  const assumptions = [
    {
      name: 'strong monotonicity along the flows: least quotient > 0',
      holds: kappa > 0,
      value: kappa,
    },
    { name: 'the optimal law is certified to 1e-8', holds: gap <= 1e-8, value: gap },
  ];
  const rates = measured.map(({ toOptimum: { times, distances } }) => {
    const k = distances.findIndex((d) => d < 1e-6 * distances[0]);
    const last = k < 1 ? distances.length - 1 : k;
    return Math.log(distances[0] / distances[last]) / times[last];
  });
  const first = measured[0].toOptimum;
  const least = measured.map(({ toOptimum }) => Math.min(...toOptimum.quotients));
  return {
    assumptions,
    evidence: {
      'quotient.least': kappa,
      'quotient.leastToOptimum': least,
      'quotient.leastBetweenFlows': measured.map(({ betweenFlows }) =>
        Math.min(...betweenFlows.quotients),
      ),
      'decay.rate': rates,
      'ratio.toOptimum': measured.map(({ toOptimum }) => largestRatio(toOptimum)),
      'ratio.betweenFlows': measured.map(({ betweenFlows }) => largestRatio(betweenFlows)),
      'optimum.heads': measured.map(({ optimumHeads }) => optimumHeads),
      'optimum.gap': measured.map((m) => m.gap),
      ...sweepEvidence(sweep),
      times: first.times,
      distances: first.distances,
      quotients: first.quotients,
    },
    measured: ratio,
    expected,
    interval: null,
    verdict: judge(assumptions, ratio, null, expected),
    summary:
      kappa > 0
        ? `With κ = ${kappa.toFixed(3)} measured by optimal matching, W₂ stays below e^{−κt}W₂(0): largest ratio ${ratio.toFixed(4)}; measured rates ${rates.map((rate) => rate.toFixed(3)).join(', ')}.${sweepSentence(sweep)}`
        : `The quotient falls to ${kappa.toFixed(3)}: no strong monotonicity here, and no rate is promised.`,
    figures: [
      {
        id: 'B.monotonicity',
        title: 'Contraction under strong monotonicity',
        caption:
          'W₂ to the optimal law along the flow, and e^{−κt}W₂(0) with κ the least quotient by optimal matching. First experiment.',
        x: { label: 'time t' },
        y: { label: 'W₂(ρ_t, ρ*)', scale: 'log' },
        marks: [
          {
            kind: 'reference',
            label: `rate κ = ${least[0].toFixed(3)}`,
            x: first.times,
            y: first.times.map((t) => first.distances[0] * Math.exp(-least[0] * t)),
          },
          { kind: 'line', series: 'W₂(ρ_t, ρ*)', x: first.times, y: first.distances },
        ],
      },
      ...(sweep.length > 0 ? [sweepFigure(sweep)] : []),
    ],
  };
}

function sweepEvidence(sweep: readonly MonotonicityAt[]): Finding['evidence'] {
  if (sweep.length === 0) return {};
  return {
    'sweep.regularisation': sweep.map(({ regularisation }) => regularisation),
    'sweep.quotient': sweep.map(({ quotient }) => quotient),
    'sweep.quotient.rotated': sweep.map(({ rotated }) => rotated),
    'sweep.hessian.frozen.smallest': sweep.map(({ curvature }) => curvature),
    'sweep.decay.rate': sweep.map(({ decay }) => decay),
    'sweep.optimum.heads': sweep.map(({ heads }) => heads),
  };
}

function sweepSentence(sweep: readonly MonotonicityAt[]): string {
  const without = sweep.filter(({ rotated }) => !Number.isNaN(rotated));
  if (without.length === 0) return '';
  const largest = Math.max(...without.map(({ regularisation }) => regularisation));
  return ` The assumption is a strong one: from λ = ${largest} downwards an optimal head attends non-uniformly, its rotated image is optimal as well, and κ ≤ 0.`;
}

/** Wasserstein strong monotonicity gives a rate (arXiv 2606.10469). */
export const monotonicity = legacy<HeadInstance>({
  id: 'B.monotonicity',
  paper: 'B',
  title: 'Strong monotonicity gives a rate in W₂',
  statement:
    "If $\\int\\langle \\nabla\\Psi(\\theta;\\rho) - \\nabla\\Psi(\\theta';\\rho'), \\theta - \\theta'\\rangle d\\pi \\ge \\kappa W_2^2(\\rho,\\rho')$ for optimal $\\pi$, then $W_2(\\rho_t,\\rho^*) \\le e^{-\\kappa t} W_2(\\rho_0,\\rho^*)$.",
  trust: 'P',
  quantity: 'largest W₂(t)/(e^{−κt}W₂(0))',
  instance: headInstance,
  run: runExperiment,
});
