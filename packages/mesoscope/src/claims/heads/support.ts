import { randomExperiment } from '../../heads/experiment.ts';
import { simplexTolerance } from '../../heads/simplex.ts';
import {
  allLaws,
  type Certified,
  certifiedLaws,
  coveringWidth,
  largestRatio,
  leastRisk,
  type MetLaws,
  meetLaws,
  missedIn,
  optimality,
  trainedHeads,
} from '../../heads/support-laws.ts';
import { randomStream } from '../../numeric/random.ts';
import { agreement, bound, type Check, certificate } from '../check.ts';
import { claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Figure, Mark } from '../figure.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { checkHeads, explicitExperiment, headData, penalty } from './instance.ts';

const given = experiments({
  label: 'growing to an optimum',
  shared: {
    regularisation: penalty.default(0.02),
    rounds: experimentCount(20, 'rounds of insertion at the most'),
  },
  own: {
    landscapes: experimentCount(
      4,
      'data sets: of every second one the tokens lie on a line, where inf Ψ can be enclosed',
    ),
  },
  data: headData,
  full: { landscapes: 12, rounds: 32 },
  check: checkHeads,
  pieces: (given) => (given.explicit ? 1 : given.landscapes),
});

/** Optimality is support in argmin Ψ; the gap tells how far a law is from it (arXiv 2606.10469). */
export const support = claim<ReturnType<typeof given.parse>, MetLaws>({
  id: 'B.support',
  title: 'A law is optimal iff its heads minimise the first variation',
  statement:
    '$\\rho^*$ is optimal iff $\\operatorname{supp}\\rho^* \\subset \\operatorname{argmin}\\Psi(\\cdot;\\rho^*)$; always $R(\\rho) - \\inf R \\le \\int \\Psi\\,d\\rho - \\inf_\\theta \\Psi(\\theta;\\rho)$.',
  trust: { statement: 'P', gain: 'D' },
  references: [
    {
      key: 'denoyelle2019sliding',
      title: 'The sliding Frank–Wolfe algorithm and its application to super-resolution microscopy',
      authors: ['Denoyelle', 'Duval', 'Peyré', 'Soubies'],
      year: 2018,
      arxiv: '1811.06416',
    },
  ],
  given,
  measure({ backend, given, seed, index }) {
    const { regularisation, rounds } = given;
    const experiment = given.explicit
      ? explicitExperiment(backend, given)
      : randomExperiment(backend, seed, index, {
          ...{ regularisation, heads: 8, onLine: index % 2 === 0 },
        });
    return meetLaws(experiment, rounds, randomStream(seed, 'trained laws of heads', index));
  },
  conclude(measured) {
    const finite = measured.every(({ start }) => start.infimum > Number.NEGATIVE_INFINITY);
    const finals = measured.map(({ grown }) => grown[grown.length - 1]);
    const [{ start, grown }] = measured;
    const hypothesis = {
      name: 'λ > 0 or heads in a ball, so that inf Ψ > −∞',
      holds: finite,
      value: finite ? 'inf Ψ is finite' : 'inf Ψ = −∞: Ψ is linear in V, and V is not bounded',
    };
    if (!finite) {
      return {
        ...{ hypotheses: [hypothesis], resolution: [], checks: [], figures: [] },
        evidence: { risk: start.risk, 'firstVariation.support': [...start.support] },
        summary: start.search.sentence,
      };
    }
    const enclosed = measured.filter((met) => allLaws(met).every(({ covered }) => covered));
    const searched = measured.filter((met) => !enclosed.includes(met));
    const missed = Math.max(0, ...searched.map(largestRatio));
    const gaps = finals.map(({ certificate: { gap } }, e) => gap / measured[e].start.risk);
    const agreed = finals.map(({ certificate: { search } }) => search.agreed);
    const starts = finals.map(({ certificate: { search } }) => search.starts);
    const flat = measured.every((met) =>
      allLaws(met).every(({ risk }) => risk - leastRisk(met) <= 1e-12 * risk),
    );
    const gain = bound({
      name: 'risk that the best head must gain over what inserting it gained',
      failsIf: 'a law with a gap cannot be improved as convexity and ∇²ℓ ⪯ ½I want it',
      // Both are known to the rounding of two risks, and the weights of what is inserted are the best but for a tolerance: what must be
      // gained at the least counts, where rounding leaves it known to a thousandth.
      pairs: measured.flatMap((met) =>
        allLaws(met)
          .filter(({ mustGain, rounding }) => mustGain > 1e3 * rounding)
          .map(({ mustGain, gained, rounding }) => ({
            value: mustGain - rounding - simplexTolerance,
            bound: gained,
          })),
      ),
    });
    const proved = bound({
      name: 'R − R_least over the gap with the lower bound −M²/(2λ) of inf Ψ, which needs no search',
      failsIf: 'a law lies further above the best one than its gap, however rough the bound',
      pairs: measured.flatMap((met) =>
        allLaws(met).map(({ risk, certificate }) => ({
          ...{ value: risk - leastRisk(met), bound: certificate.provedGap },
        })),
      ),
      rounding: 1e-13 * start.risk,
    });
    return {
      hypotheses: [hypothesis],
      resolution: [
        notTrivial(flat ? 'every law met is optimal' : undefined),
        {
          name: `an optimal law was reached: gap at most ${optimality} of the first risk, as far as the search sees`,
          holds: gaps.every((gap) => gap <= optimality),
          value: Math.max(...gaps),
        },
        {
          name: 'no law met lies below R − gap of another, which would say that a search missed the minimum',
          holds: missed <= 1,
          value: missed,
        },
      ],
      checks: [...enclosedChecks(enclosed), proved, gain],
      evidence: {
        risk: start.risk,
        'firstVariation.support': [...start.support],
        'firstVariation.mean': start.mean,
        'firstVariation.infimum': start.infimum,
        gap: start.gap,
        'gap.proved': start.provedGap,
        'search.starts': start.search.starts,
        'search.agreed': start.search.agreed,
        'search.converged': start.search.converged,
        'search.distinct': start.search.distinct,
        'search.unseenProbability': start.search.unseenProbability,
        'search.lowerBound': start.search.lowerBound,
        'search.statement': start.search.sentence,
        'growth.risk': grown.map(({ risk }) => risk),
        'growth.gap': grown.map(({ certificate }) => certificate.gap),
        'growth.heads': grown.map(({ heads }) => heads),
        'growth.search.missed': measured.map(missedIn),
        'growth.search.rounds': measured.map((met) => Math.max(0, met.grown.length - 2)),
        'trained.heads': trainedHeads,
        'trained.gap': measured.map((m) => m.trained.map(({ certificate }) => certificate.gap)),
        'trained.excess': measured.map((m) => m.trained.map(({ risk }) => risk - leastRisk(m))),
        'insertion.gained': measured.map((m) => allLaws(m).map(({ gained }) => gained)),
        'insertion.mustGain': measured.map((m) => allLaws(m).map(({ mustGain }) => mustGain)),
        'ratio.largest': measured.map(largestRatio),
        'optimum.risk': finals.map(({ risk }) => risk),
        'optimum.gap': finals.map(({ certificate }) => certificate.gap),
        'optimum.gap.enclosed': finals.map((law) => enclosedGap(law)),
        'optimum.supportSpread': measured.map(({ supportSpread }) => supportSpread),
        'optimum.heads': finals.map(({ heads }) => heads),
        'optimum.search.agreed': agreed,
        'optimum.search.starts': starts,
      },
      summary: `${enclosed.length} of ${measured.length} landscapes have inf Ψ enclosed by a covering, independently of the search: there the gap is a certificate, and growth ends within ${Math.max(0, ...finals.filter(({ covered }) => covered).map(enclosedGap)).toExponential(1)} of the optimum. In the others the gap is as good as the search (${agreed.join(', ')} of ${starts.join(', ')} starts agree on the last infimum): no law met refutes it, which is no proof. Identity of the code: copies with unbalanced Q and K gain as much risk as gap. Evidence for the theorem: laws trained from random heads stay within their gaps, and inserting the minimiser lowers the risk of each as promised.`,
      figures: [growthFigure(measured), gapFigure(measured)],
    };
  },
});

/** `∫Ψdρ − inf Ψ` with the covering's lower bound; NaN without one. */
function enclosedGap({ certificate: { mean }, covered }: Certified): number {
  return mean - (covered?.lower ?? Number.NaN);
}

/** Where inf Ψ is known independently of the search. */
function enclosedChecks(measured: readonly MetLaws[]): Check[] {
  if (measured.length === 0) return [];
  const laws = measured.flatMap((met) =>
    allLaws(met).map((law) => ({ law, excess: law.risk - leastRisk(met) })),
  );
  const gaps = measured.map(
    ({ grown, start }) => enclosedGap(grown[grown.length - 1]) / start.risk,
  );
  return [
    bound({
      name: 'R − R_least over the gap ∫Ψdρ − inf Ψ, inf Ψ enclosed by a covering',
      failsIf: 'a law lies further above the best one than its gap',
      pairs: laws.map(({ law, excess }) => ({ value: excess, bound: enclosedGap(law) })),
      rounding: 1e-13 * measured[0].start.risk,
    }),
    certificate({
      name: 'gap of the grown law over its first risk, inf Ψ enclosed by a covering',
      failsIf: 'heads without a place in argmin Ψ pass for an optimum',
      ...{ measured: Math.max(...gaps), expected: optimality + coveringWidth },
    }),
    agreement({
      name: 'inf Ψ of the search against its enclosure',
      failsIf: 'the search misses the minimum, or the first variation is another function',
      of: laws.map(({ law: { certificate, covered, risk } }) => ({
        difference: Math.abs(certificate.infimum - (covered?.lower ?? Number.NaN)),
        ...{ uncertainty: 2 * coveringWidth * risk, scale: risk },
      })),
    }),
  ];
}

/** Gap and excess risk over the rounds of growth. */
function growthFigure(measured: readonly MetLaws[]): Figure {
  return {
    id: 'B.support',
    title: 'Gap and distance to the optimum',
    caption:
      'Frank–Wolfe gap ∫Ψdρ − inf Ψ, as the search sees it, of each law met while heads are inserted, and its risk over the least one found. The gap must lie above; both go to 0.',
    x: { label: 'round of insertion' },
    y: { label: 'gap, R − R_least', scale: 'log' },
    marks: measured.flatMap((each, e): Mark[] => {
      const least = leastRisk(each);
      const x = [...each.grown.keys()];
      const kept = x.filter((t) => each.grown[t].risk > least);
      const label = measured.length === 1 ? '' : `, experiment ${e + 1}`;
      const gaps = each.grown.map(({ certificate }) => Math.max(certificate.gap, 1e-16));
      const excess = kept.map((t) => each.grown[t].risk - least);
      return [
        { kind: 'line', series: `gap${label}`, x, y: gaps },
        { kind: 'dots', series: `R − R_least${label}`, x: kept, y: excess },
      ];
    }),
  };
}

/** Excess risk against gap of all laws. */
function gapFigure(measured: readonly MetLaws[]): Figure {
  const points = (pick: (met: MetLaws) => readonly Certified[]) =>
    measured.flatMap((met) =>
      pick(met).flatMap(({ risk, certificate: { gap } }) => {
        const excess = risk - leastRisk(met);
        return excess > 1e-12 && gap > 0 ? [{ gap, excess }] : [];
      }),
    );
  const dots = (series: string, laws: readonly { gap: number; excess: number }[]): Mark => ({
    ...{ kind: 'dots', series },
    x: laws.map(({ gap }) => gap),
    y: laws.map(({ excess }) => excess),
  });
  const all = points(allLaws).map(({ gap }) => gap);
  const ends = [Math.min(...all), Math.max(...all)];
  return {
    id: 'B.support.gap',
    title: 'Distance to the optimum against the gap',
    caption:
      'Risk over the least one found against the gap. Long searches: laws grown, or trained from random heads, searched from 384 starts. In the course of growth searches are quicker: there a point above the dashed line is a search that missed the minimum. On it: copies with unbalanced Q and K.',
    x: { label: 'gap ∫Ψdρ − inf Ψ', scale: 'log' },
    y: { label: 'R − R_least', scale: 'log' },
    marks: [
      ...(all.length === 0
        ? []
        : [{ kind: 'reference' as const, label: 'R − R_least = gap', x: ends, y: ends }]),
      dots(
        'in the course of growth',
        points(({ grown }) => grown.slice(1, -1)),
      ),
      dots('long searches', points(certifiedLaws)),
      dots(
        'unbalanced copies',
        points(({ unbalanced }) => unbalanced),
      ),
    ],
  };
}
