import { flowOfInstance } from '../../gaussian/gaussian-flow.ts';
import {
  measureSettling,
  randomRepellingDraw,
  type Settling,
  settlingNumbers,
} from '../../gaussian/measure/settling.ts';
import { gaussianFlowFields, headComplaints } from '../../gaussian/schema.ts';
import { identical, neverSeen } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { decayInWords, deterministicOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { completed, largestOf } from './conditions.ts';

const repellingDraws = experiments({
  label: 'draws',
  shared: {},
  own: { draws: experimentCount(100, 'random K = −Q and laws') },
  data: gaussianFlowFields,
  full: { draws: 1000 },
  check: (given) => (given.explicit ? headComplaints(given) : []),
  pieces: (given) => (given.explicit ? 1 : given.draws),
});
type RepellingDraws = ReturnType<typeof repellingDraws.parse>;

export function clusteringConclusion(draws: readonly Settling[]): Conclusion {
  const moving = draws.filter((one) => one.flowRank !== null);
  const wrongRank = moving.filter((one) => one.flowRank !== one.limit?.rank).length;
  const wrongDimension = moving.filter(
    ({ dimension, keyDimension, limit }) =>
      keyDimension !== null && limit?.rank !== Math.max(0, dimension - keyDimension),
  ).length;
  const order = deterministicOrder({
    name: 'order of |Σ(t) − Σ*| in t',
    failsIf: 'the integrated covariance tends to something else, or at another rate than 1/t',
    scales: moving[0]?.times ?? [],
    rows: moving.map((one) => one.distances),
    accuracy: largestOf(moving, (one) => one.accuracy),
    ...{ order: -1, side: 'exactly' },
  });
  const formulas = moving.flatMap((one) => one.formulas ?? []);
  const single = draws.length === 1 ? draws[0] : undefined;
  return {
    hypotheses: [
      {
        name: 'V_h = v_h I, W = 0 and M negative semi-definite',
        holds: draws.every((one) => one.applies),
        value: `${draws.filter((one) => one.applies).length} of ${draws.length}`,
      },
    ],
    resolution: [
      completed('the moment flow', draws),
      notTrivial(
        draws.every((one) => one.atRest)
          ? 'attention is zero on the support, so that the law stays as it is'
          : undefined,
      ),
    ],
    checks: [
      neverSeen({
        name: 'draws whose flow settles at another rank than the limit has',
        failsIf: 'the flow keeps more or fewer directions than the closed form says',
        seen: wrongRank,
      }),
      ...(single
        ? []
        : [
            neverSeen({
              name: 'draws whose limit has another rank than d − k',
              failsIf: 'a random Q of k rows leaves other than d − k directions alone',
              seen: wrongDimension,
            }),
          ]),
      order,
      ...(formulas.length === 0
        ? []
        : [
            identical({
              name: 'LΠLᵀ and N(NᵀΣ₀⁻¹N)⁻¹Nᵀ',
              failsIf: 'the limit is not what the projection along ker M gives',
              of: formulas.map((one) => ({ ...one, scale: 1 })),
            }),
          ]),
    ],
    evidence: settlingNumbers(draws),
    summary:
      moving.length === 0
        ? 'No law was followed to its limit.'
        : `In ${moving.length - wrongRank} of ${draws.length} draws the law collapses onto as many dimensions as the closed form says${single ? '' : ', d − k'}, and nears it ${decayInWords('t', order)}.`,
    figures: [
      ...(single ? [] : [clusteringFigure(draws)]),
      ...(moving.length === 0
        ? []
        : [
            convergenceFigure({
              id: 'C.clustering-distance',
              title: 'How the covariance nears its limit',
              caption:
                'Distance of the integrated covariance to the closed form of its limit, over tr Σ₀. Band: range over draws.',
              scale: 'depth t, in units of the slowest rate',
              quantity: '|Σ(t) − Σ*| / tr Σ₀',
              curves: [
                {
                  ...{ series: 'distance', scales: moving[0].times, slope: -1 },
                  rows: moving.map((one) => one.distances),
                },
              ],
            }),
          ]),
    ],
  };
}

function clusteringFigure(draws: readonly Settling[]): Figure {
  const d = Math.max(...draws.map((one) => one.dimension));
  const defects = draws.map(
    ({ dimension, keyDimension, flowRank }) =>
      (flowRank ?? Number.NaN) - Math.max(0, dimension - (keyDimension ?? 0)),
  );
  const bins = Array.from({ length: 2 * d + 1 }, (_, i) => i - d);
  return {
    id: 'C.clustering',
    title: 'Rank of the limit over random K = −Q',
    caption:
      'Histogram of the rank at which the flow settles, minus d − k. Expected: every draw at 0.',
    x: { label: 'rank of the limit − (d − k)' },
    y: { label: 'draws' },
    marks: [
      {
        kind: 'bars',
        series: 'random draws',
        x0: bins.map((bin) => bin - 0.4),
        x1: bins.map((bin) => bin + 0.4),
        y: bins.map((bin) => defects.filter((defect) => defect === bin).length),
      },
    ],
  };
}

/** Repelling keys squeeze the law onto a subspace of dimension d − k (arXiv 2606.07600). */
export const clustering = claim<RepellingDraws, Settling>({
  id: 'C.clustering',
  title: 'Collapse onto a subspace of dimension d − k',
  statement:
    'For $K = -Q \\in \\mathbb R^{k\\times d}$, $V = I$, $W = 0$: $\\Sigma(t) \\to N(N^\\top\\Sigma_0^{-1}N)^{-1}N^\\top$, $N$ a basis of $\\ker M$, of rank $d - k$, at the rate $1/t$.',
  trust: { statement: 'D' },
  given: repellingDraws,
  measure({ given, seed, index }) {
    if (given.explicit) return measureSettling(flowOfInstance(given, 1), null);
    const { flow, keyDimension } = randomRepellingDraw(seed, index);
    return measureSettling(flow, keyDimension);
  },
  conclude: (draws) => clusteringConclusion(draws),
});
