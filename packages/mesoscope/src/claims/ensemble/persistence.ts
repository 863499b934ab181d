import { ensembleLayout, randomEnsemble } from '../../ensemble/parameters.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import type { Backend } from '../../kernels/backend.ts';
import { overExperiments } from '../control/over-experiments.ts';
import type { Figure } from '../figure.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { type CrossingCase, crossingCase } from './crossing.ts';
import {
  displacedTargets,
  type EnsembleInstance,
  type EnsembleProblem,
  ensembleInstance,
  problemOf,
} from './instance.ts';
import { depthLines, followKernels, type KernelHistory } from './kernel-history.ts';

const ownLayers = 8;
/** Below this share of the kernel's largest eigenvalue, injectivity is lost to rounding. */
const lost = 1e-12;

/** The problem's contexts as points, targets near what the start puts out: a small initial loss. */
function smallLoss(
  backend: Backend,
  problem: EnsembleProblem,
  given: { readonly layers: number; readonly steps: number },
): KernelHistory {
  const { discrete, heads, keyDimension, seed } = problem;
  const { dimension } = discrete;
  const layout = ensembleLayout({ dimension, keyDimension, layers: given.layers, heads });
  const map = createParticleMap(backend, { layout, inputs: discrete });
  const start = randomEnsemble(layout, seed);
  const targets = problem.targets ?? displacedTargets(map.forward(start), dimension, 0.1, seed);
  return followKernels(map, targets, { start, steps: given.steps, observeEvery: 4 });
}

const smallestOf = ({ ratios }: KernelHistory) => Math.min(...ratios.flat());

async function run(context: ClaimContext<EnsembleInstance>): Promise<Finding> {
  const { instance, seed, setting, backend } = context;
  const full = setting === 'full';
  const count = full ? 12 : 3;
  const given = { layers: instance?.depths.at(-1) ?? ownLayers, steps: full ? 600 : 160 };
  const kept = await overExperiments(context, count, 'small loss', (index) =>
    smallLoss(backend, problemOf(context, index), given),
  );
  const near =
    instance === undefined
      ? await overExperiments(context, 4 * count, 'near-dependent contexts', (index) =>
          crossingCase(seed, index >> 1, index % 2 === 0 ? 1 : -1, full ? 400 : 150),
        )
      : [];
  const smallest = Math.min(...kept.map(smallestOf));
  const starts = kept.map(({ ratios }) => Math.min(...ratios[0]));
  const falls = kept.map((history, i) => smallestOf(history) / starts[i]);
  const crossed = near.flatMap(({ crossing }) => (crossing === undefined ? [] : [crossing]));
  const expected = { kind: 'at-least', value: lost } as const;
  const assumptions = [
    {
      name: 'the kernel is injective at the start at every depth',
      holds: Math.min(...starts) > lost,
      value: Math.min(...starts),
    },
  ];
  return {
    assumptions,
    evidence: {
      'kernel.lambdaMin': kept.map(({ smallest }) => smallest.map((row) => Math.min(...row))),
      'kernel.relativeLambdaMin': kept.map(({ ratios }) => ratios.map((row) => Math.min(...row))),
      'kernel.fall': falls,
      'kernel.initial': starts,
      'kernel.smallest': kept.map(smallestOf),
      'loss.initial': kept.map(({ losses }) => losses[0]),
      'loss.final': kept.map(({ losses }) => losses[losses.length - 1]),
      ...(instance === undefined
        ? {
            'lost.cases': crossed.length,
            'lost.ofCases': near.length,
            'lost.kernelAtCrossing': crossed.map((c) => c.kernel),
            'lost.rootLossAtCrossing': crossed.map((c) => c.rootLoss),
            'lost.depthOfCrossing': crossed.map((c) => c.layer),
            'lost.kernelAtStart': near.map(({ history }) => Math.min(...history.ratios[0])),
          }
        : {}),
    },
    measured: smallest,
    expected,
    interval: null,
    verdict: judge(assumptions, smallest, null, expected),
    summary: `With a small loss λ_min/λ_max stays above ${smallest.toExponential(1)} at every depth, and above ${Math.min(...falls).toPrecision(2)} times its start${
      near.length > 0
        ? `; of ${near.length} trainings that start near dependence with far targets, ${crossed.length} lose injectivity at some depth${crossed.length > 0 ? `, at √loss ≥ ${Math.min(...crossed.map((c) => c.rootLoss)).toPrecision(2)}` : ''}`
        : ''
    }.`,
    figures: [
      {
        id: 'D.persistence',
        title: 'Injectivity along training, where it is kept',
        caption:
          'Smallest over largest eigenvalue of the attention kernel at each depth over training time, small initial loss (first experiment).',
        x: { label: 'training time τ' },
        y: { label: 'λ_min/λ_max of K_s', scale: 'log' },
        marks: depthLines(kept[0]),
      },
      ...lostFigure(near),
    ],
  };
}

function lostFigure(near: readonly CrossingCase[]): Figure[] {
  const example = near.find(({ crossing }) => crossing !== undefined);
  if (example?.crossing === undefined) return [];
  const { history, crossing } = example;
  return [
    {
      id: 'D.persistence.lost',
      title: 'Injectivity along training, where it is lost',
      caption: `The same for two Gaussian contexts on the line that start near dependence, with far targets. Rule: the kernel at s = ${crossing.layer}/8 is singular.`,
      x: { label: 'training time τ' },
      y: { label: 'λ_min/λ_max of K_s', scale: 'log' },
      marks: [
        ...depthLines(history),
        { kind: 'rule', axis: 'x', at: history.times[crossing.index], label: 'singular' },
      ],
    },
  ];
}

/** Whether injectivity survives training (open in arXiv 2605.17660). */
export const persistence = legacy<EnsembleInstance>({
  id: 'D.persistence',
  paper: 'D',
  title: 'Injectivity along training',
  statement:
    'While $\\sqrt{L}$ is small the kernels $K_s$ of an injective start stay injective at every depth $s$ (open; measured here).',
  trust: 'P: open',
  quantity: 'smallest λ_min/λ_max over depth and training time',
  instance: ensembleInstance,
  run,
});
