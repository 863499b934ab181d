import { singleLayerFloor, testInjectivity } from '../../ensemble/injectivity.ts';
import { ensembleInputs } from '../../ensemble/inputs.ts';
import { ensembleTrainingSentence, gradientDominance } from '../../ensemble/training.ts';
import { requireFinite } from '../../numeric/checks.ts';
import { type StoredResult, singlePiece } from '../single-piece.ts';
import type { PieceContext, Section, Study, StudyResult } from '../study.ts';
import { trainingFigures } from './figures.ts';
import { heldOutReport, linearRegression } from './in-context.ts';
import {
  dependentTriple,
  type EnsembleTask,
  gaussianMixtures,
  sixDiscreteContexts,
} from './problems.ts';
import { type EnsembleTraining, trainingSchema } from './schema.ts';
import {
  createTokenMap,
  type EnsembleRun,
  reportRows,
  taskOf,
  trainStudy,
} from './training-run.ts';

/** Contexts up to this many are tested for independence. */
const testedContexts = 150;

/** What a preset reports besides. */
type OwnReport = Pick<StudyResult, 'headline' | 'arrays' | 'sections'>;

interface Preset {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly task: (seed: number) => EnsembleTask;
  readonly layers: number;
  readonly heads: number;
  readonly steps: number;
  /** On the preset's own task, from the trained network as a map of tasks to final tokens. */
  readonly report?: (seed: number, predict: (task: EnsembleTask) => Float64Array) => OwnReport;
}

function trainingStudy(preset: Preset): Study {
  async function compute(
    configuration: EnsembleTraining,
    context: PieceContext,
  ): Promise<StoredResult> {
    const task = taskOf(configuration, preset.task);
    const done = await trainStudy(configuration, task, context);
    const { reports, status, theta } = done;
    const first = reports[0];
    const last = reports[reports.length - 1];
    const floor = floorOf(configuration, task);
    const own =
      configuration.contexts === undefined && configuration.loss === 'square'
        ? preset.report?.(configuration.seed, (other) =>
            context.backend.scoped(() =>
              createTokenMap(context.backend, configuration, other).forward(theta),
            ),
          )
        : undefined;
    return {
      claims: [],
      sections: [
        ...(own?.sections ?? []),
        ...trainingFigures(reports, floor).map((figure) => ({ kind: 'figure', figure }) as const),
        outputs(done, task),
        independence(task, floor),
      ],
      arrays: {
        theta: { shape: [theta.length], data: theta },
        reports: reportRows(reports),
        ...own?.arrays,
      },
      headline: {
        'initial loss': first.loss,
        'final loss': last.loss,
        'Polyak–Łojasiewicz ratio': gradientDominance(last),
        'energy identity': last.energyRatio,
        ...(last.kernel.length > 0
          ? {
              'smallest λ_min/λ_max': Math.min(...last.kernel),
              'smallest λ_min': Math.min(
                ...last.kernel.map((ratio, l) => ratio * last.lambdaMax[l]),
              ),
            }
          : {}),
        ...own?.headline,
      },
      status: {
        kind: status.kind === 'diverged' ? 'diverged' : 'completed',
        message: ensembleTrainingSentence(status),
      },
    };
  }
  return singlePiece<EnsembleTraining>({
    name: `ensemble/${preset.name}`,
    title: preset.title,
    description: preset.description,
    papers: ['D'],
    schema: trainingSchema(preset),
    compute,
  }) as Study;
}

/** The floor of one layer, where it is known: dependent contexts, one token, square loss. */
function floorOf({ loss }: EnsembleTraining, task: EnsembleTask): number | undefined {
  const { contexts, tokens } = ensembleInputs(task.contexts, task.tokens);
  const sameToken = tokens.every((x) => x.every((entry, a) => entry === tokens[0][a]));
  if (loss !== 'square' || !sameToken || contexts.length > testedContexts) return undefined;
  const { dependencies } = testInjectivity(contexts, { modulo: 'constant', resamples: 0 });
  return dependencies.rows > 0
    ? singleLayerFloor(dependencies, tokens[0], task.targets)
    : undefined;
}

function outputs({ map, theta }: EnsembleRun, { tokens, targets }: EnsembleTask): Section {
  const finals = map.forward(theta);
  const d = map.layout.dimension;
  const words = (numbers: ArrayLike<number>) =>
    Array.from(numbers, (x) => x.toPrecision(4)).join(', ');
  const shown = tokens.slice(0, 20);
  return {
    kind: 'table',
    title: 'Tokens, outputs and targets',
    columns: ['input', 'token', 'output', 'target'],
    rows: shown.map((token, i) => [
      i + 1,
      words(token),
      words(finals.subarray(i * d, (i + 1) * d)),
      i < targets.length ? words(targets[i]) : 'class',
    ]),
    ...(tokens.length > shown.length
      ? { note: `The first ${shown.length} of ${tokens.length}.` }
      : {}),
  };
}

function independence(task: EnsembleTask, floor: number | undefined): Section {
  const { contexts } = ensembleInputs(task.contexts, task.tokens);
  if (contexts.length > testedContexts) {
    return {
      kind: 'text',
      title: 'Independence of contexts',
      body: `${contexts.length} contexts: use the study ensemble/injectivity.`,
    };
  }
  const { verdict, singularValues, rankGap } = testInjectivity(contexts, { resamples: 0 });
  requireFinite('singular values', singularValues);
  return {
    kind: 'table',
    title: 'Independence of contexts',
    columns: ['quantity', 'value'],
    rows: [
      ['log-sum-exp functions modulo affine functions', verdict],
      ['smallest singular value', singularValues[singularValues.length - 1]],
      ['largest singular value', singularValues[0]],
      ['rank gap', rankGap],
      ...(floor === undefined ? [] : [['floor of one layer', floor] as const]),
    ],
  };
}

/** Trainings of a law of heads, one for each kind of context. */
export const ensembleTrainings: readonly Study[] = [
  trainingStudy({
    name: 'discrete',
    title: 'A law of heads trained on six discrete contexts',
    description:
      'Trains L × H heads as particles on six sets of points; follows the loss, the energy identity, head movement and the kernel at every depth.',
    task: sixDiscreteContexts,
    layers: 4,
    heads: 32,
    steps: 600,
  }),
  trainingStudy({
    name: 'mixtures',
    title: 'A law of heads trained on Gaussian mixtures',
    description: 'The same on four sampled mixtures of Gaussians.',
    task: gaussianMixtures,
    layers: 4,
    heads: 32,
    steps: 600,
  }),
  trainingStudy({
    name: 'triple',
    title: 'Dependent Gaussian contexts, two layers',
    description:
      'Three Gaussian contexts with Σ₃ = (Σ₁+Σ₂)/2 and one token, exact without particles: one layer would stall at a known floor, two pass it.',
    task: dependentTriple,
    layers: 2,
    heads: 16,
    steps: 1500,
  }),
  trainingStudy({
    name: 'regression',
    title: 'In-context linear regression',
    description:
      'Contexts hold pairs (x, y) of a linear task, the token is a query, the target its value: what a law of heads learns to do in context, on held-out tasks beside least squares and one step of gradient descent.',
    task: linearRegression,
    layers: 4,
    heads: 32,
    steps: 800,
    report: heldOutReport,
  }),
];
