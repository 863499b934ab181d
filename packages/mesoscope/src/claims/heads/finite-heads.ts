import { randomExperiment, sharpExperiment } from '../../heads/experiment.ts';
import {
  curvatureChange,
  type FiniteHeads,
  finiteHeadsOf,
  limitsOf,
  optimisedHeads,
} from '../../heads/finite-heads.ts';
import type { SamplingErrors } from '../../heads/sampling-errors.ts';
import { randomStream } from '../../numeric/random.ts';
import { bound, equals, sampledMean } from '../check.ts';
import { claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { doubling, experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, sampledOrder } from '../order.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { checkHeads, explicitExperiment, headData, penalty } from './instance.ts';

const given = experiments({
  label: 'laws of heads',
  shared: {
    regularisation: penalty.default(0.02),
    counts: doubling([64, 128, 256, 512, 1024], 4, 'numbers N of drawn heads', 2),
    groups: experimentCount(8, 'groups of draws from each law', 2),
    draws: experimentCount(100, 'draws of each group at each N', 2),
  },
  own: {
    laws: experimentCount(4, 'laws: every second one of two classes, where the bound is sharp'),
  },
  data: headData,
  full: { laws: 16, draws: 200 },
  check: checkHeads,
  pieces: (given) => (given.explicit ? 1 : given.laws),
});

/** The risk of N heads approaches that of the limit law (arXiv 2606.10469). */
export const finiteHeads = claim<ReturnType<typeof given.parse>, FiniteHeads>({
  id: 'B.finite-heads',
  title: 'Finitely many heads reach the limit',
  statement:
    'For heads drawn from $\\rho$, $0 \\le \\mathbb{E} R(\\rho^N) - R(\\rho) \\le \\frac{1}{4N}\\,\\mathbb{E}|\\Phi - z_\\rho|^2$, with fluctuations $O(N^{-1/2})$; the optimal risk with $N$ heads is within $O(1/N)$ of the infimum over laws.',
  trust: { statement: 'P', constant: 'D' },
  given,
  measure({ backend, given, seed, index }) {
    const { regularisation } = given;
    const experiment = given.explicit
      ? explicitExperiment(backend, given)
      : index % 2 === 0
        ? randomExperiment(backend, seed, index, { regularisation, heads: 48 })
        : sharpExperiment(backend, seed, index, { regularisation, heads: 48 });
    return finiteHeadsOf(experiment, given, randomStream(seed, 'drawn heads', index));
  },
  conclude(measured, { given }) {
    const { counts, draws, groups } = given;
    const laws = measured.map(({ away }) => away);
    const optima = measured.flatMap(({ optimum }) => optimum ?? []);
    const gaps = laws.flatMap((law) => law.gaps);
    const fluctuations = laws.flatMap((law) => law.fluctuations);
    const among = 4;
    const limit = (ratio: (law: SamplingErrors, group: number, scale: number) => number) => {
      const limits = limitsOf(laws, counts, ratio);
      return sampledMean(limits, { among });
    };
    const varies = laws.every((law) => law.fluctuationLimit > 1e-3 * law.gapLimit);
    const order = sampledOrder({
      name: 'order in N of E R(ρ^N) − R(ρ)',
      failsIf: 'the mean gap falls at another power of N',
      ...{ scales: counts, rows: gaps, order: -1, side: 'exactly', among },
    });
    const fluctuation = sampledOrder({
      name: 'order in N of the deviation of R(ρ^N)',
      failsIf: 'single draws stray further than N^{-1/2}',
      ...{ scales: counts, rows: fluctuations, order: -0.5, side: 'at least as fast', among },
    });
    const gapLimit = equals({
      name: 'N (E R(ρ^N) − R(ρ)) over its limit ½E⟨Φ − z, (diag p − ppᵀ)(Φ − z)⟩',
      failsIf: 'the mean gap has another constant',
      ...limit(({ gaps, gapLimit }, g, n) => (counts[n] * gaps[g][n]) / gapLimit),
      ...{ expected: 1, rivals: [0.5, 2] },
    });
    const deviation = equals({
      name: '√N times the deviation of R(ρ^N) over that of Ψ',
      failsIf: 'fluctuations are not those of ∫Ψdρ^N',
      ...limit(
        (law, g, n) => (Math.sqrt(counts[n]) * law.fluctuations[g][n]) / law.fluctuationLimit,
      ),
      ...{ expected: 1, rivals: [0.5, 2] },
      resolution: [
        {
          name: 'Ψ varies over the law, which is no minimiser',
          holds: varies,
          value: Math.min(...laws.map((law) => law.fluctuationLimit)),
        },
      ],
    });
    const single = bound({
      name: 'gap of one drawn head over its bound, exactly',
      failsIf: 'the curvature of the cross-entropy exceeds ½ somewhere',
      pairs: laws.map((law) => law.single),
      rounding: 1e-13 * Math.max(...laws.map(({ risk }) => Math.abs(risk))),
    });
    const optimal = bound({
      name: 'N optimised heads: R_N − inf R over the bound at the optimum',
      failsIf: 'no N heads of equal weight come as near to the infimum as the bound says',
      // The infimum lies below the risk that growth reached by its gap at the most.
      pairs: optima.flatMap(({ excess, bound, gap }) =>
        excess.map((least, i) => ({ value: least + gap, bound: bound[i], least })),
      ),
      rounding: 1e-13 * Math.max(0, ...optima.map(({ risk }) => Math.abs(risk))),
    });
    const atOptimum = sampledOrder({
      name: 'order at the optimum',
      failsIf: '',
      ...{ scales: counts, order: -1, side: 'exactly' },
      rows: optima.flatMap((optimum) => optimum.fluctuations),
    });
    const stiffening = Math.max(...laws.map(curvatureChange));
    const flat = laws.some(({ bound: [largest] }) => largest < 1e-14);
    const trivial = measured.some(({ spread }) => !spread)
      ? 'heads drawn from a law of one head are that head: nothing fluctuates'
      : flat
        ? 'all heads give the same logits: no draw changes the risk but by its penalty'
        : undefined;
    return {
      hypotheses: [
        {
          name: 'λ > 0 or heads in a ball, so that an optimal law exists',
          holds: optima.length === measured.length,
          value: optima.length === measured.length ? 'yes' : 'λ = 0 and no ball',
        },
      ],
      resolution: [
        notTrivial(trivial),
        {
          name: 'draws move the logits so little that the curvature of the cross-entropy changes by less than the rival factor 2 (take larger counts)',
          holds: stiffening <= 2,
          value: stiffening,
        },
      ],
      checks: [order, fluctuation, gapLimit, deviation, single, optimal],
      evidence: {
        heads: counts,
        'sampling.groups': groups,
        'sampling.draws': draws,
        'sampling.gap': gaps,
        'sampling.gap.bound': laws.map((law) => law.bound),
        'sampling.gap.limit': laws.map((law) => law.gapLimit),
        'sampling.fluctuation': fluctuations,
        'sampling.fluctuation.limit': laws.map((law) => law.fluctuationLimit),
        'single.gap': laws.map((law) => law.single.value),
        'single.bound': laws.map((law) => law.single.bound),
        'optimum.fluctuation': optima.flatMap((optimum) => optimum.fluctuations),
        'optimum.fluctuation.order': atOptimum.measured,
        'optimum.risk': optima.map(({ risk }) => risk),
        'optimum.gap': optima.map(({ gap }) => gap),
        'optimised.heads': optimisedHeads,
        'optimised.gap': optima.map(({ excess }) => excess),
        'optimised.bound': optima.map((optimum) => optimum.bound),
      },
      summary:
        trivial !== undefined
          ? nothing
          : `The mean gap of N drawn heads falls ${decayInWords('N', order)}, its fluctuation ${decayInWords('N', fluctuation)}; N times the gap tends to ${gapLimit.measured.toFixed(3)} of ½E⟨Φ − z, (diag p − ppᵀ)(Φ − z)⟩. For one head, where the mean is an exact sum, the gap reaches ${single.measured.toFixed(3)} of (1/4N)E|Φ − z|². N optimised heads come within ${Number.isFinite(optimal.measured) ? optimal.measured.toFixed(2) : 'no measurable part'} of the same bound at the least risk found. At that law fluctuations fall ${decayInWords('N', atOptimum)}.`,
      figures: [
        convergenceFigure({
          id: 'B.finite-heads',
          title: 'N heads against the limit',
          caption:
            'Heads drawn independently from a law: the mean of R(ρ^N) − R(ρ), its bound (1/4N)E|Φ − z|², and the standard deviation; and the best risk found with N equal heads, over the least one of all laws. Expected: slopes −1 and −1/2.',
          ...{ scale: 'heads N', quantity: 'risk over the limit' },
          curves: [
            { series: 'mean gap', scales: counts, rows: gaps, slope: -1 },
            { series: 'bound', scales: counts, rows: laws.map((law) => law.bound) },
            { series: 'fluctuation', scales: counts, rows: fluctuations, slope: -0.5 },
            {
              ...{ series: 'fluctuation at the optimum', scales: counts },
              rows: optima.flatMap((optimum) => optimum.fluctuations),
            },
            {
              ...{ series: 'N optimised heads', scales: optimisedHeads },
              rows: optima.map(({ excess }) => excess.map((value) => Math.max(value, 1e-12))),
            },
          ],
        }),
      ],
    };
  },
});
