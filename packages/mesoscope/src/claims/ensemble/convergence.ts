import { jacobianRows, smallestTangentEigenvalue } from '../../ensemble/least-squares.ts';
import { ensembleDistance } from '../../ensemble/movement.ts';
import { ensembleLayout, randomEnsemble } from '../../ensemble/parameters.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import { squareLoss } from '../../ensemble/token-loss.ts';
import {
  ensembleTrainingSentence,
  gradientDominance,
  type TrainedEnsemble,
  trainEnsemble,
} from '../../ensemble/training.ts';
import type { Backend } from '../../kernels/backend.ts';
import { fitLine, meanInterval } from '../../numeric/fit.ts';
import { type Claim, type ClaimContext, type Finding, judge } from '../claim.ts';
import { overExperiments } from '../control/over-experiments.ts';
import {
  displacedTargets,
  type EnsembleInstance,
  type EnsembleProblem,
  ensembleInstance,
  problemOf,
} from './instance.ts';

const ownLayers = 4;
/** Sizes of the displacement of targets from what the start puts out; the first is the small initial loss. */
const displacements = [0.1, 0.3, 1, 3, 10];
/** A loss this much below the first one counts as a global minimum reached. */
const reached = 1e-8;
/** The energy identity holds to this error at every step, and so does the relation of decay and gradient. */
const energyTolerance = 0.05;

interface Run {
  readonly trained: TrainedEnsemble;
  /** `‖∇L‖²/2L` at the start, its smallest value, and its mean over training time in the later half. */
  readonly ratio: { readonly first: number; readonly smallest: number; readonly late: number };
  /** −d log L/dτ over the later half of training time, by least squares. */
  readonly decayRate: number;
  /** `LH λ_min(JJᵀ)/N` at the start: a lower bound of the ratio there. */
  readonly tangentBound: number;
  readonly movement: number;
}

function train(
  backend: Backend,
  problem: EnsembleProblem,
  given: { readonly layers: number; readonly displacement: number; readonly steps: number },
): Run {
  const { discrete, heads, keyDimension, seed } = problem;
  const { dimension } = discrete;
  const layout = ensembleLayout({ dimension, keyDimension, layers: given.layers, heads });
  const map = createParticleMap(backend, { layout, inputs: discrete });
  const start = randomEnsemble(layout, seed);
  const targets =
    problem.targets ?? displacedTargets(map.forward(start), dimension, given.displacement, seed);
  const loss = squareLoss(targets, dimension);
  const first = loss.value(map.forward(start));
  const trained = trainEnsemble({
    map,
    loss,
    start,
    step: 0.05,
    steps: given.steps,
    target: reached * first,
    energyTolerance,
  });
  const { records } = trained;
  const ratios = records.map(gradientDominance);
  const middle = (records[0].time + records[records.length - 1].time) / 2;
  const late = records.flatMap((record, i) => (record.time >= middle ? [i] : []));
  const integral = late
    .slice(1)
    .reduce((sum, i) => sum + ratios[i - 1] * (records[i].time - records[i - 1].time), 0);
  const duration = records[records.length - 1].time - records[late[0]].time;
  return {
    trained,
    ratio: {
      first: ratios[0],
      smallest: Math.min(...ratios),
      late: duration > 0 ? integral / duration : ratios[late[0]],
    },
    decayRate:
      late.length > 2
        ? -fitLine(
            late.map((i) => records[i].time),
            late.map((i) => Math.log(records[i].loss)),
          ).slope
        : Number.NaN,
    tangentBound:
      (layout.layers * heads * smallestTangentEigenvalue(jacobianRows(map, start))) / map.samples,
    movement: ensembleDistance(layout, start, trained.theta).distance,
  };
}

async function run(context: ClaimContext<EnsembleInstance>): Promise<Finding> {
  const { instance, setting, backend } = context;
  const count = setting === 'full' ? 20 : 5;
  const steps = setting === 'full' ? 40_000 : 6_000;
  const layers = instance?.depths.at(-1) ?? ownLayers;
  const sizes = instance?.targets === undefined ? displacements : [0];
  const measured = await overExperiments(context, count, 'gradient flow', (index) =>
    sizes.map((displacement) =>
      backend.scoped(() =>
        train(backend, problemOf(context, index), { layers, displacement, steps }),
      ),
    ),
  );
  const small = measured.map((runs) => runs[0]);
  const firsts = measured.map((runs) => runs.map((r) => r.trained.records[0].loss));
  const finals = measured.map((runs) => runs.map((r) => r.trained.records.at(-1)?.loss ?? NaN));
  const falls = small.map((_, i) => finals[i][0] / firsts[i][0]);
  const quotients = small.map((r) => r.decayRate / (2 * r.ratio.late));
  const usable = quotients.every(Number.isFinite);
  const decay = usable ? meanInterval(quotients) : { mean: NaN, interval: null };
  const expected = { kind: 'value', value: 1, tolerance: energyTolerance } as const;
  const tangent = Math.min(...small.map((r) => r.tangentBound));
  const assumptions = [
    { name: 'the tangent kernel at the start is positive', holds: tangent > 0, value: tangent },
  ];
  const verdict = judge(assumptions, decay.mean, decay.interval, expected);
  const bounded = small.every((r) => r.ratio.first >= r.tangentBound * (1 - 1e-9));
  const converges = Math.max(...falls) <= reached;
  return {
    assumptions,
    evidence: {
      'loss.initial': firsts,
      'loss.final': finals,
      'loss.fall': falls,
      displacements: sizes,
      plRatio: small.map((r) => r.ratio.late),
      'plRatio.initial': small.map((r) => r.ratio.first),
      'plRatio.smallest': small.map((r) => r.ratio.smallest),
      'plRatio.tangentBound': small.map((r) => r.tangentBound),
      decayRate: small.map((r) => r.decayRate),
      'decayRate.overTwicePlRatio': quotients,
      'heads.movement': measured.map((runs) => runs.map((r) => r.movement)),
      status: small.map((r) => ensembleTrainingSentence(r.trained.status)).join(' '),
    },
    measured: decay.mean,
    expected,
    interval: decay.interval,
    verdict: verdict === 'holds' && !(converges && bounded) ? 'fails' : verdict,
    summary: `The loss falls to at most ${Math.max(...falls).toExponential(1)} of its start and decays at ${decay.mean.toFixed(3)} times twice the measured Polyak–Łojasiewicz ratio.`,
    figures: [
      {
        id: 'D.convergence',
        title: 'Gradient flow from a small initial loss',
        caption:
          'Loss over training time. Dashed: decay at twice the mean Polyak–Łojasiewicz ratio of the later half of the first run.',
        x: { label: 'training time τ' },
        y: { label: 'loss', scale: 'log' },
        marks: [
          ...small.map(
            ({ trained: { records } }, i) =>
              ({
                kind: 'line',
                series: `start ${i + 1}`,
                x: records.map((r) => r.time),
                y: records.map((r) => Math.max(r.loss, 1e-300)),
              }) as const,
          ),
          decayReference(small[0]),
        ],
      },
      {
        id: 'D.convergence.initial-loss',
        title: 'Final loss against initial loss',
        caption:
          'Each point is one gradient flow, stopped where the loss has fallen by 1e-8 or where its steps are spent; dashed: no progress, and a fall by 1e-8.',
        x: { label: 'initial loss', scale: 'log' },
        y: { label: 'final loss', scale: 'log' },
        marks: [
          { kind: 'dots', series: 'gradient flows', x: firsts.flat(), y: finals.flat() },
          { kind: 'reference', label: 'no progress', x: firsts.flat(), y: firsts.flat() },
          {
            kind: 'reference',
            label: 'fall by 1e-8',
            x: firsts.flat(),
            y: firsts.flat().map((l) => reached * l),
          },
        ],
      },
    ],
  };
}

function decayReference({ trained: { records }, ratio }: Run) {
  const last = records[records.length - 1];
  const from = records[0].time + (last.time - records[0].time) / 2;
  return {
    kind: 'reference',
    label: 'e^{−2·PL·τ}',
    x: [from, last.time],
    y: [last.loss * Math.exp(2 * ratio.late * (last.time - from)), last.loss],
  } as const;
}

/** Convergence of gradient flow from a small loss (arXiv 2605.17660). */
export const convergence: Claim<EnsembleInstance> = {
  id: 'D.convergence',
  paper: 'D',
  title: 'Gradient flow reaches a global minimum',
  statement:
    'If the kernel is injective and the initial loss is small, gradient flow reaches a global minimum, at the rate of the Polyak–Łojasiewicz ratio $\\|\\nabla L\\|^2 / 2L$.',
  trust: 'P',
  quantity: 'decay rate over twice the Polyak–Łojasiewicz ratio',
  instance: ensembleInstance,
  run,
};
