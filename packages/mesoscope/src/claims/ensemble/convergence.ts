import { jacobianRows, smallestTangentEigenvalue } from '../../ensemble/least-squares.ts';
import { ensembleDistance } from '../../ensemble/movement.ts';
import { ensembleLayout, randomEnsemble } from '../../ensemble/parameters.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import { squareLoss, type TokenLoss } from '../../ensemble/token-loss.ts';
import type { TokenMap } from '../../ensemble/token-map.ts';
import {
  ensembleTrainingSentence,
  gradientDominance,
  type TrainedEnsemble,
  trainEnsemble,
} from '../../ensemble/training.ts';
import type { Backend } from '../../kernels/backend.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
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
/** A loss is small if training leaves the tangent kernel this share of its smallest eigenvalue. */
const keptShare = 0.5;
/** The energy identity holds to this error at every step. */
const energyTolerance = 0.05;
/**
 * The decay is compared with the gradient in the late phase, over steps of a quarter of what training took there: the
 * control of steps lets them pass the stability limit of fast modes for a moment, which steps of one length must not.
 */
const decaySteps = 100;
const stepShare = 1 / 4;
/**
 * Of one mode of rate λ, explicit steps h with y = λh decay at `−log(1−y)/y = 1 + y/2 + y²/3 + …` times the rate, and
 * lose `1 − y/2` of what the energy identity says: y ≤ 2 × the tolerance × the share. Extrapolation from h and h/2 leaves
 * `1 − y²/6 − 3y³/16 − …`.
 */
const largestY = 2 * energyTolerance * stepShare;
const extrapolationBias = largestY ** 2 / 6 + largestY ** 3 / 5;

interface Run {
  readonly trained: TrainedEnsemble;
  /** `‖∇L‖²/2L` at the start and its smallest value. */
  readonly ratio: { readonly first: number; readonly smallest: number };
  /** From where the loss has fallen half of its way in logarithms; undefined where it never has. */
  readonly late: LateDecay | undefined;
  /** `LH λ_min(JJᵀ)/N` at the start: a lower bound of the ratio there. */
  readonly tangentBound: number;
  /** The same where training ended, over that at the start. */
  readonly tangentKept: number;
  readonly movement: number;
}

interface LateDecay {
  /** −d log L/dτ, and the mean of `‖∇L‖²/2L` over the same time. */
  readonly rate: number;
  readonly ratio: number;
  /** `rate / 2 ratio`, extrapolated to steps of no length. */
  readonly quotient: number;
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
  let middle: { readonly theta: Float64Array; readonly index: number } | undefined;
  const trained = trainEnsemble({
    map,
    loss,
    start,
    step: 0.05,
    steps: given.steps,
    target: reached * first,
    energyTolerance,
    observe(record, theta, index) {
      if (middle === undefined && record.loss <= Math.sqrt(reached) * first) {
        middle = { theta: theta.slice(), index };
      }
    },
  });
  const { records } = trained;
  const ratios = records.map(gradientDominance);
  const tangentBound = (theta: Float64Array) =>
    (layout.layers * heads * smallestTangentEigenvalue(jacobianRows(map, theta))) / map.samples;
  const next = middle === undefined ? undefined : records[middle.index + 1];
  return {
    trained,
    ratio: { first: ratios[0], smallest: Math.min(...ratios) },
    late:
      middle === undefined || next === undefined
        ? undefined
        : lateDecay(map, loss, middle.theta, stepShare * (next.time - records[middle.index].time)),
    tangentBound: tangentBound(start),
    tangentKept: tangentBound(trained.theta) / tangentBound(start),
    movement: ensembleDistance(layout, start, trained.theta).distance,
  };
}

/** The decay of the loss against its gradient over one time, with steps h and h/2. */
function lateDecay(map: TokenMap, loss: TokenLoss, start: Float64Array, h: number): LateDecay {
  const [coarse, fine] = [1, 2].map((parts) => {
    const steps = parts * decaySteps;
    const { records } = trainEnsemble({ map, loss, start, step: h / parts, steps });
    const rate = Math.log(records[0].loss / records[steps].loss) / (decaySteps * h);
    const ratio = records.slice(0, steps).reduce((sum, r) => sum + gradientDominance(r), 0) / steps;
    return { rate, ratio };
  });
  const quotient = ({ rate, ratio }: typeof fine) => rate / (2 * ratio);
  return { ...fine, quotient: 2 * quotient(fine) - quotient(coarse) };
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
  const quotients = small.map((r) => r.late?.quotient ?? NaN);
  const usable = quotients.every(Number.isFinite);
  const decay = usable ? meanInterval(quotients) : { mean: NaN, interval: null };
  const expected = { kind: 'value', value: 1, tolerance: extrapolationBias } as const;
  const tangent = Math.min(...small.map((r) => r.tangentBound));
  const kept = Math.min(...small.map((r) => r.tangentKept));
  const assumptions = [
    { name: 'the tangent kernel at the start is positive', holds: tangent > 0, value: tangent },
    {
      name: `the initial loss is small: the smallest eigenvalue of the tangent kernel keeps ${keptShare} of itself`,
      holds: kept >= keptShare,
      value: kept,
    },
  ];
  const verdict = judge(assumptions, decay.mean, decay.interval, expected);
  const bounded = small.every((r) => r.ratio.first >= r.tangentBound * (1 - 1e-9));
  const converges = Math.max(...falls) <= reached;
  const share = (i: number, k: number) => finals[i][k] / firsts[i][k];
  const shares = sizes.map(
    (_, k) => finals.filter((_, i) => share(i, k) <= reached).length / finals.length,
  );
  const convergedFrom = firsts.flatMap((row, i) => row.filter((_, k) => share(i, k) <= reached));
  const stalledFrom = firsts.flatMap((row, i) => row.filter((_, k) => !(share(i, k) <= reached)));
  return {
    assumptions,
    evidence: {
      'loss.initial': firsts,
      'loss.final': finals,
      'loss.fall': falls,
      displacements: sizes,
      'loss.convergedShare': shares,
      'loss.largestConverged': Math.max(...convergedFrom),
      'loss.smallestNotConverged': Math.min(...stalledFrom),
      plRatio: small.map((r) => r.late?.ratio ?? NaN),
      'plRatio.initial': small.map((r) => r.ratio.first),
      'plRatio.smallest': small.map((r) => r.ratio.smallest),
      'plRatio.tangentBound': small.map((r) => r.tangentBound),
      'tangentKernel.kept': small.map((r) => r.tangentKept),
      decayRate: small.map((r) => r.late?.rate ?? NaN),
      'decayRate.overTwicePlRatio': quotients,
      'heads.movement': measured.map((runs) => runs.map((r) => r.movement)),
      status: small.map((r) => ensembleTrainingSentence(r.trained.status)).join(' '),
    },
    measured: decay.mean,
    expected,
    interval: decay.interval,
    verdict: verdict === 'holds' && !(converges && bounded) ? 'fails' : verdict,
    summary: `From a small initial loss it falls to at most ${Math.max(...falls).toExponential(1)} of its start and decays at ${decay.mean.toFixed(4)} times twice the measured Polyak–Łojasiewicz ratio.${
      stalledFrom.length > 0
        ? ` Of all ${finals.flat().length} flows ${convergedFrom.length} fall by 1e-8, from initial losses up to ${Math.max(...convergedFrom).toPrecision(2)}; the smallest initial loss from which ${steps} steps were not enough is ${Math.min(...stalledFrom).toPrecision(2)}.`
        : ''
    }`,
    figures: [
      {
        id: 'D.convergence',
        title: 'Gradient flow from a small initial loss',
        caption:
          'Loss over training time. Dashed: decay at twice the Polyak–Łojasiewicz ratio measured where the first run’s loss has fallen by 1e-4.',
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

function decayReference({ trained: { records }, late }: Run) {
  const last = records[records.length - 1];
  const from = records[0].time + (last.time - records[0].time) / 2;
  return {
    kind: 'reference',
    label: 'e^{−2·PL·τ}',
    x: [from, last.time],
    y: [last.loss * Math.exp(2 * (late?.ratio ?? 0) * (last.time - from)), last.loss],
  } as const;
}

/** Convergence of gradient flow from a small loss (arXiv 2605.17660). */
export const convergence = legacy<EnsembleInstance>({
  id: 'D.convergence',
  paper: 'D',
  title: 'Gradient flow reaches a global minimum',
  statement:
    'If the kernel is injective and the initial loss is small, gradient flow reaches a global minimum, at the rate of the Polyak–Łojasiewicz ratio $\\|\\nabla L\\|^2 / 2L$.',
  trust: 'P',
  quantity: 'decay rate over twice the Polyak–Łojasiewicz ratio',
  instance: ensembleInstance,
  run,
});
