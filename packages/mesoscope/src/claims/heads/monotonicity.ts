import * as z from 'zod';
import { randomExperiment } from '../../heads/experiment.ts';
import type { MatchedFlows } from '../../heads/matched-flows.ts';
import { type MonotoneFlows, monotoneFlows, slowestOf } from '../../heads/monotone-flows.ts';
import { atLeast, atMost, bound, equals, known, weakest } from '../check.ts';
import { claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Figure, Mark } from '../figure.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { checkHeads, explicitExperiment, headData, penalty } from './instance.ts';

const given = experiments({
  label: 'matched flows',
  shared: {
    regularisation: penalty.default(1),
    starts: experimentCount(8, 'random starts of the search for κ'),
  },
  own: {
    flows: experimentCount(4, 'random data sets, each with flows to its optimum'),
    sweep: z
      .array(penalty)
      .default([0.6, 0.3, 0.1])
      .describe('further λ, at which κ is shown and nothing is judged'),
  },
  data: headData,
  full: { flows: 16, starts: 32 },
  check: checkHeads,
  pieces: (given) => (given.explicit ? 1 : given.flows + given.sweep.length),
});

interface Measured {
  readonly regularisation: number;
  /** Undefined without a penalty on unbounded parameters: there is no optimal law. */
  readonly found?: MonotoneFlows;
}

/** Wasserstein strong monotonicity gives a rate (arXiv 2606.10469). */
export const monotonicity = claim<ReturnType<typeof given.parse>, Measured>({
  id: 'B.monotonicity',
  title: 'Strong monotonicity gives a rate in W₂',
  statement:
    "If $\\int\\langle \\nabla\\Psi(\\theta;\\rho) - \\nabla\\Psi(\\theta';\\rho'), \\theta - \\theta'\\rangle d\\pi \\ge \\kappa W_2^2(\\rho,\\rho')$ for optimal $\\pi$, then $W_2(\\rho_t,\\rho^*) \\le e^{-\\kappa t} W_2(\\rho_0,\\rho^*)$.",
  trust: { statement: 'P', 'least quotient': 'D' },
  given,
  measure({ backend, given, seed, index }) {
    const isSwept = !given.explicit && index >= given.flows;
    const which = isSwept ? 0 : index;
    const regularisation = isSwept ? given.sweep[index - given.flows] : given.regularisation;
    const experiment = given.explicit
      ? explicitExperiment(backend, given)
      : randomExperiment(backend, seed, which, {
          ...{ regularisation, heads: 24, value: 0.1, score: 0.1 },
        });
    const { problem } = experiment;
    if (problem.regularisation === 0 && problem.radius === Number.POSITIVE_INFINITY) {
      return { regularisation };
    }
    const options = { seed, index: which, starts: given.starts };
    return { regularisation, found: monotoneFlows(experiment, options) };
  },
  conclude(all, { given }) {
    const sweep = all.flatMap(({ regularisation, found }) =>
      found === undefined ? [] : [{ regularisation, ...found }],
    );
    const measured = sweep.slice(0, given.explicit ? 1 : given.flows);
    const hypothesis = {
      name: 'λ > 0 or heads in a ball, so that ρ* exists',
      holds: sweep.length === all.length,
      value: sweep.length === all.length ? 'yes' : 'λ = 0 and no ball',
    };
    if (measured.length === 0) {
      return {
        ...{ hypotheses: [hypothesis], resolution: [], checks: [], evidence: {}, figures: [] },
        summary: 'Without regularisation on unbounded parameters there is no optimal law.',
      };
    }
    const kappas = measured.map(({ search }) => search.kappa);
    const kappa = Math.min(...kappas);
    const slowest = measured.map(slowestOf);
    const least = measured.map(({ flows }) => flows.map(({ quotients }) => Math.min(...quotients)));
    const outside = measured.filter(({ flows, radius }) =>
      flows.some(({ largestHead }) => largestHead > radius * (1 + 1e-9)),
    );
    const gap = Math.max(...measured.map((one) => one.gap));
    const missed = measured.some((_, e) => least[e].some((q) => q < kappas[e] - 1e-6));
    const still = measured.some(({ flows: [{ distances }] }) => distances[0] < 1e-9);
    return {
      hypotheses: [
        hypothesis,
        {
          name: 'strong monotonicity in the ball that holds all flows: least quotient found > 0',
          holds: kappa > 0,
          value: kappa,
        },
        {
          name: 'the flows stay in that ball',
          holds: outside.length === 0,
          value: outside.length === 0 ? 'yes' : `${outside.length} leave it`,
        },
      ],
      resolution: [
        notTrivial(still ? 'the law is optimal: it does not move' : undefined),
        {
          name: 'the search sees a gap of the optimal law of 1e-8 at most',
          holds: gap <= 1e-8,
          value: gap,
        },
        {
          name: 'no flow meets a quotient below κ, which would say that the search missed it',
          holds: !missed,
          value: Math.min(...least.flatMap((row, e) => row.map((q) => q - kappas[e]))),
        },
      ],
      checks: [
        weakest(
          measured.map((_, e) =>
            atLeast({
              name: 'slowest log(W₂(0)/W₂(t))/t of a flow that the search never saw, at least κ',
              failsIf: 'W₂ falls more slowly than e^{−κt}',
              ...{ measured: slowest[e].rate, interval: slowest[e].interval },
              ...{ intervalFrom: 'numerics', expected: kappas[e] },
            }),
          ),
        ),
        bound({
          name: 'κ over the slowest rate: what is left of the bound is used up at 1',
          failsIf: 'a flow is slower than κ',
          pairs: slowest.map(({ rate }, e) => ({ value: kappas[e], bound: rate })),
          uncertainty: Math.max(
            ...slowest.map(({ rate, interval: [low, high] }) => (high - low) / rate),
          ),
        }),
        weakest(
          measured.map(({ upper }, e) =>
            atMost({
              name: 'κ against its upper bound λ_min(H_Ψ) at the optimum, from differences of ∇Ψ',
              failsIf: 'κ is not the least quotient',
              ...{ measured: kappas[e], expected: upper + 1e-6 },
            }),
          ),
        ),
        weakest(
          measured.map(({ pair: [coarse, fine] }, e) =>
            equals({
              name: 'quotient of the two laws that the search found, by optimal matching, against κ',
              failsIf: 'no pair of laws has the quotient κ',
              ...known(2 * fine - coarse, Math.abs(fine - coarse) + 1e-6),
              ...{ expected: kappas[e], rivals: [0, 2 * kappas[e]] },
            }),
          ),
        ),
      ],
      evidence: {
        'quotient.least': kappas,
        'quotient.search.ends': measured.map(({ search }) => search.ends),
        'quotient.leastAlongFlows': least,
        'quotient.pair': measured.map(({ pair }) => [...pair]),
        'hessian.frozen.smallest': measured.map(({ upper }) => upper),
        'decay.rate': measured.map(({ rates }) => [...rates]),
        'decay.rate.error': measured.map(({ rateErrors }) => [...rateErrors]),
        radius: measured.map(({ radius }) => radius),
        'optimum.heads': measured.map(({ optimumHeads }) => optimumHeads),
        'optimum.gap': measured.map((one) => one.gap),
        'sweep.regularisation': sweep.map(({ regularisation }) => regularisation),
        'sweep.quotient': sweep.map(({ search }) => search.kappa),
        'sweep.hessian.frozen.smallest': sweep.map(({ upper }) => upper),
        'sweep.decay.rate': sweep.map(({ rates: [first] }) => first),
        'sweep.optimum.heads': sweep.map(({ optimumHeads }) => optimumHeads),
        times: measured[0].flows[0].times,
        distances: measured[0].flows[0].distances,
        quotients: measured[0].flows[0].quotients,
      },
      summary: `Least quotients found over pairs of laws in the ball that holds the flows: κ = ${kappas.map((k) => k.toFixed(3)).join(', ')} (upper bounds λ_min(H_Ψ) ${measured.map(({ upper }) => upper.toFixed(3)).join(', ')}); W₂ of flows that the search never saw falls at ${slowest.map(({ rate }) => rate.toFixed(3)).join(', ')} or faster.`,
      figures: [contractionFigure(measured[0].flows[0], kappas[0]), sweepFigure(sweep)],
    };
  },
});

function contractionFigure({ times: x, distances }: MatchedFlows, kappa: number): Figure {
  return {
    id: 'B.monotonicity',
    title: 'Contraction under strong monotonicity',
    caption:
      'W₂ to the optimal law along the flow, and e^{−κt}W₂(0) with κ the least quotient that a search over pairs of laws found. First experiment.',
    x: { label: 'time t' },
    y: { label: 'W₂(ρ_t, ρ*)', scale: 'log' },
    marks: [
      {
        ...{ kind: 'reference', label: `rate κ = ${kappa.toFixed(3)}`, x },
        y: x.map((t) => distances[0] * Math.exp(-kappa * t)),
      },
      { kind: 'line', series: 'W₂(ρ_t, ρ*)', x, y: distances },
    ],
  };
}

/** κ over λ. */
function sweepFigure(
  sweep: readonly (MonotoneFlows & { readonly regularisation: number })[],
): Figure {
  const sorted = sweep.toSorted((a, b) => a.regularisation - b.regularisation);
  const x = sorted.map(({ regularisation }) => regularisation);
  const curve = (series: string, y: readonly number[]): Mark => ({ kind: 'dots', series, x, y });
  return {
    id: 'B.monotonicity.sweep',
    title: 'Where strong monotonicity ends',
    caption:
      'Least quotient found over pairs of laws, its upper bound λ_min(H_Ψ) at the optimal law (at most 0 where an optimal head does not attend uniformly, since Q and K turn together without any change), and the slowest rate at which W₂ in fact decays. Below 0 the theorem promises nothing.',
    x: { label: 'λ', scale: 'log' },
    y: { label: 'quotient, rate' },
    marks: [
      { kind: 'rule', axis: 'y', at: 0, label: 'no strong monotonicity below' },
      curve(
        'least quotient found',
        sorted.map(({ search }) => search.kappa),
      ),
      curve(
        'λ_min(H_Ψ)',
        sorted.map(({ upper }) => upper),
      ),
      curve(
        'decay of W₂',
        sorted.map(({ rates: [first] }) => first),
      ),
    ],
  };
}
