import { type ClusteringLimit, clusteringLimit } from '../../gaussian/clustering.ts';
import { gaussianLayer, scoreHead } from '../../gaussian/layer.ts';
import { randomMatrix } from '../../gaussian/random-matrices.ts';
import {
  advanceRiccati,
  type RiccatiForm,
  riccatiForm,
  riccatiStep,
} from '../../gaussian/riccati.ts';
import { type GaussianFlowInstance, gaussianFlowSchema } from '../../gaussian/schema.ts';
import { symmetricEigen } from '../../numeric/decompositions.ts';
import {
  frobeniusNorm,
  identity,
  largestEntry,
  type Matrix,
  multiply,
  scale,
  subtract,
  toRows,
  trace,
  transpose,
} from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { overExperiments } from '../control/over-experiments.ts';
import type { Figure } from '../figure.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { flowOfInstance, type GaussianFlow, gaussianFlow } from './flow-instance.ts';
import { randomLaw } from './random-flows.ts';

interface Draw {
  readonly dimension: number;
  readonly keyDimension: number | null;
  /** Of the closed form; null where it does not apply. */
  readonly limit: ClusteringLimit | null;
  /** Directions in which the flow itself keeps its spread. */
  readonly flowRank: number | null;
  /** `|Σ(t) − Σ*|/tr Σ_0` at the late depth, which falls like 1/t. */
  readonly distance: number;
}

function draw({ layer, law, start }: GaussianFlow, keyDimension: number | null): Draw {
  const d = law.mean.length;
  const form = riccatiForm(layer);
  const applies =
    form !== null &&
    largestEntry(form.W) === 0 &&
    symmetricEigen(form.M).values[d - 1] <= 1e-12 * largestEntry(form.M);
  const outside = { dimension: d, keyDimension, limit: null, flowRank: null, distance: 0 };
  if (!applies || form === null) return outside;
  const limit = clusteringLimit(form, start.factor);
  const rates = symmetricEigen(multiply(transpose(start.factor), form.M, start.factor)).values;
  const slowest = rates.filter((value) => value < 1e-12 * rates[0]).at(-1) ?? -1;
  const late = covarianceAt(form, start.factor, -1e5 / slowest);
  const later = symmetricEigen(covarianceAt(form, start.factor, -2e5 / slowest)).values;
  // A direction that collapses like 1/t halves when t doubles, one that stays does not.
  const flowRank = symmetricEigen(late).values.filter((value, i) => later[i] > 0.75 * value).length;
  const distance = frobeniusNorm(subtract(late, limit.covariance)) / trace(law.covariance);
  return { dimension: d, keyDimension, limit, flowRank, distance };
}

/** Σ at depth t, by the exact flow. */
function covarianceAt(form: RiccatiForm, factor: Matrix, t: number): Matrix {
  const L = advanceRiccati(riccatiStep(form, t), factor);
  return L === null ? scale(Number.NaN, form.M) : multiply(L, transpose(L));
}

/** The finding from draws of K = −Q, or from one explicit layer. */
export function clusteringFinding(draws: readonly Draw[]): Finding {
  const applicable = draws.filter((one) => one.limit !== null);
  const assumptions = [
    {
      name: 'V_h = v_h I, W = 0 and M negative semi-definite',
      holds: applicable.length === draws.length,
      value: `${applicable.length} of ${draws.length}`,
    },
  ];
  const exact = applicable.filter(
    ({ dimension, keyDimension, limit, flowRank, distance }) =>
      limit !== null &&
      flowRank === limit.rank &&
      (keyDimension === null || limit.rank === Math.max(0, dimension - keyDimension)) &&
      distance < 1e-4,
  ).length;
  const measured = exact / draws.length;
  const expected = { kind: 'value', value: 1 } as const;
  const single = draws.length === 1 ? draws[0] : undefined;
  const verdict = judge(assumptions, measured, null, expected);
  return {
    assumptions,
    evidence: {
      rank: single ? (single.limit?.rank ?? 'outside') : draws.map((one) => one.limit?.rank ?? -1),
      'rank.flow': single ? (single.flowRank ?? 'none') : draws.map((one) => one.flowRank ?? -1),
      ...(single
        ? {}
        : {
            dimension: draws.map((one) => one.dimension),
            keyDimension: draws.map((one) => one.keyDimension ?? -1),
          }),
      ...(single?.limit ? { limit: toRows(single.limit.covariance) } : {}),
      'limit.distance': Math.max(...draws.map((one) => one.distance)),
    },
    measured,
    expected,
    interval: null,
    verdict,
    summary:
      verdict === 'outside'
        ? 'The limit has a closed form only for V_h = v_h I, W = 0 and M negative semi-definite.'
        : `In ${exact} of ${draws.length} draws the law collapses onto as many dimensions as the closed form says${single ? '' : ', d − k'}.`,
    figures: single ? [] : [clusteringFigure(draws)],
  };
}

function clusteringFigure(draws: readonly Draw[]): Figure {
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

async function run(context: ClaimContext<GaussianFlowInstance>): Promise<Finding> {
  const { instance, seed, setting } = context;
  if (instance !== undefined) return clusteringFinding([draw(flowOfInstance(instance), null)]);
  const draws = await overExperiments(
    context,
    setting === 'full' ? 1000 : 100,
    'random draws',
    (index) => {
      const stream = randomStream(seed, 'C.clustering', index);
      const d = 2 + (index % 5);
      const k = 1 + (Math.floor(index / 5) % d);
      const Q = randomMatrix(stream, k, d);
      const head = scoreHead({ V: identity(d), Q, K: scale(-1, Q) });
      return draw(gaussianFlow(gaussianLayer({ heads: [head] }), randomLaw(stream, d), 1), k);
    },
  );
  return clusteringFinding(draws);
}

/** Repelling keys squeeze the law onto a subspace of dimension d − k (arXiv 2606.07600). */
export const clustering = legacy<GaussianFlowInstance>({
  id: 'C.clustering',
  paper: 'C',
  title: 'Collapse onto a subspace of dimension d − k',
  statement:
    'For $K = -Q \\in \\mathbb R^{k\\times d}$, $V = I$, $W = 0$: $\\Sigma(t) \\to N(N^\\top\\Sigma_0^{-1}N)^{-1}N^\\top$, $N$ a basis of $\\ker M$, of rank $d - k$.',
  trust: 'D',
  quantity: 'share of draws that collapse as predicted',
  instance: gaussianFlowSchema,
  run,
});
