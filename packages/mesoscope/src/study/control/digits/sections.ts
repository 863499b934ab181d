import type { Figure } from '../../../claims/figure.ts';
import type { ControlCertificate } from '../../../control/certificates/index.ts';
import type {
  ImageSplit,
  ImageTrainingRecord,
  LabelledImages,
} from '../../../control/images/index.ts';
import type { Interval, MeanInterval } from '../../../numeric/fit.ts';
import type { Section, StudyResult } from '../../study.ts';
import type { Baseline, Score } from './baseline.ts';
import { type Race, type RaceOutcome, raceRatio } from './race.ts';

/** The trained flow beside the linear classifier, on the same held-out images. */
export interface Judgement {
  readonly layers: number;
  readonly flow: Score;
  readonly linear: Score;
  /** Linear minus flow, over images: above 0 where the flow is better. In nats. */
  readonly crossEntropyGain: MeanInterval;
  /** Flow minus linear, over images. */
  readonly accuracyGain: MeanInterval;
  readonly baseline: Baseline;
}

const percent = (x: number) => `${(100 * x).toFixed(1)} %`;

function withInterval(x: number, interval: Interval | null, show: (x: number) => string): string {
  return interval === null ? show(x) : `${show(x)} [${show(interval[0])}, ${show(interval[1])}]`;
}

const nats = (x: number) => x.toFixed(3);

export function comparisonSection({
  layers,
  flow,
  linear,
  baseline,
  ...gains
}: Judgement): Section {
  const row = (name: string, score: Score) => [
    name,
    withInterval(score.accuracy, score.accuracyInterval, percent),
    withInterval(score.crossEntropy, score.crossEntropyInterval, nats),
  ];
  const { crossEntropyGain, accuracyGain } = gains;
  const tried = baseline.tried
    .map(
      ({ model, validation }) =>
        `λ = ${model.regularisation}: ${nats(validation.crossEntropy)} (${model.status})`,
    )
    .join(', ');
  return {
    kind: 'table',
    title: 'Held-out digits',
    columns: ['model', 'accuracy', 'cross-entropy (nats)'],
    rows: [
      row(`this flow, ${layers} layers`, flow),
      row(`linear softmax classifier on the pixels, λ = ${baseline.best.regularisation}`, linear),
      [
        'gain of the flow, image by image',
        withInterval(accuracyGain.mean, accuracyGain.interval, percent),
        withInterval(crossEntropyGain.mean, crossEntropyGain.interval, nats),
      ],
    ],
    note: `Intervals are 95 % over images (Clopper–Pearson for accuracy, Student for means). The linear classifier is trained to a small gradient for each λ and chosen by its cross-entropy on the validation images: ${tried}.`,
  };
}

export function splitSection({ labels }: LabelledImages, split: ImageSplit): Section {
  const { training, validation, heldOut, unseen } = split;
  const counts = (part: Int32Array) => {
    const byClass = new Map<number, number>();
    for (const i of part) byClass.set(labels[i], (byClass.get(labels[i]) ?? 0) + 1);
    const all = [...byClass.values()];
    return [part.length, byClass.size, `${Math.min(...all)} … ${Math.max(...all)}`];
  };
  return {
    kind: 'table',
    title: 'Images',
    columns: ['part', 'images', 'classes', 'images a class'],
    rows: [
      ['training', ...counts(training)],
      ['validation', ...counts(validation)],
      ['held out', ...counts(heldOut)],
    ],
    note:
      unseen.length > 0
        ? `Training never sees class ${unseen.join(', ')}, which the held-out part contains: no model can be right about it.`
        : 'The held-out part is drawn first and looked at once, at the end; choices are made on the validation part. Every class has its share of each part.',
  };
}

export function trainingFigure(
  records: readonly ImageTrainingRecord[],
  { linear }: Judgement,
): Figure {
  const depths = [...new Set(records.map(({ layers }) => layers))];
  return {
    id: 'training',
    title: 'Training by depth refinement',
    caption:
      'Cross-entropy on the validation images (line) and on the training batches since the last record (dots). At each change of colour every layer is split into two.',
    x: { label: 'training time (s)' },
    y: { label: 'cross-entropy (nats)', scale: 'log' },
    marks: [
      ...depths.flatMap((depth) => {
        const own = records.filter(({ layers }) => layers === depth);
        const x = own.map(({ seconds }) => seconds);
        const series = `L = ${depth}`;
        return [
          { kind: 'line' as const, series, x, y: own.map((one) => one.validationLoss) },
          { kind: 'dots' as const, series, x, y: own.map(({ loss }) => loss) },
        ];
      }),
      {
        kind: 'rule',
        axis: 'y',
        at: linear.crossEntropy,
        label: 'linear classifier on the held-out images',
      },
    ],
  };
}

/** Cost to the same validation loss, over seeds. */
export function raceSections(races: readonly Race[], outcomes: readonly RaceOutcome[]): Section[] {
  if (outcomes.length === 0) return [];
  const depth = races[0].random[0].layers;
  const time = raceRatio(outcomes, 'seconds');
  const gradients = raceRatio(outcomes, 'layerGradients');
  const times = (x: number) => `${x.toFixed(2)}×`;
  const verdict = (interval: Interval | null) =>
    interval === null
      ? 'one seed says nothing'
      : interval[0] > 1
        ? 'refinement is cheaper'
        : interval[1] < 1
          ? 'the random start is cheaper'
          : 'undecided';
  return [
    {
      kind: 'table',
      title: `Depth refinement against a random start, L = ${depth}`,
      columns: [
        'seed',
        'validation loss reached by both',
        'lowest, random',
        'lowest, refined',
        'seconds, random',
        'seconds, refined',
        'layer gradients, random',
        'layer gradients, refined',
      ],
      rows: outcomes.map(({ seed, level, lowest, random, refined }) => [
        seed,
        nats(level),
        nats(lowest.random),
        nats(lowest.refined),
        random.seconds.toFixed(1),
        refined.seconds.toFixed(1),
        random.layerGradients,
        refined.layerGradients,
      ]),
      note: `Both are compared at the lowest validation loss that both reach with ${depth} layers; the cost is that of all steps before, those at coarser depths included, without looking at the validation images. A layer gradient is the gradient of one layer on one image.`,
    },
    {
      kind: 'table',
      title: 'What refinement saves',
      columns: ['cost', 'random start over refinement', 'verdict'],
      rows: [
        ['training time', withInterval(time.mean, time.interval, times), verdict(time.interval)],
        [
          'gradient evaluations',
          withInterval(gradients.mean, gradients.interval, times),
          verdict(gradients.interval),
        ],
      ],
      note: 'Geometric mean over seeds with its 95 % Student interval.',
    },
    { kind: 'figure', figure: raceFigure(races, depth) },
  ];
}

function raceFigure(races: readonly Race[], depth: number): Figure {
  const line = (series: string, records: readonly ImageTrainingRecord[]) => ({
    kind: 'line' as const,
    series,
    x: records.map(({ layerGradients }) => layerGradients),
    y: records.map(({ validationLoss }) => validationLoss),
  });
  return {
    id: 'race',
    title: `Two ways to train ${depth} layers`,
    caption:
      'Validation cross-entropy against gradient evaluations, one curve a seed. The refined networks have fewer layers until their last stretch.',
    x: { label: 'gradients of one layer on one image', scale: 'log' },
    y: { label: 'validation cross-entropy (nats)', scale: 'log' },
    marks: races.flatMap(({ random, refined }) => [
      line(`random start, L = ${depth}`, random),
      line(
        'refinement, coarser depths',
        refined.filter((one, i) => one.layers < depth || refined[i - 1]?.layers < depth),
      ),
      line(
        `refinement, L = ${depth}`,
        refined.filter(({ layers }) => layers === depth),
      ),
    ]),
  };
}

export function certificateSection(certificate: ControlCertificate): Section {
  const { kind, reason, caveat, stationarity, stationarityOfOthers, hamiltonian } = certificate;
  const short = (x: number) => x.toExponential(2);
  return {
    kind: 'table',
    title: `Certificate: ${kind}`,
    columns: ['quantity', 'value'],
    rows: [
      ['sup over layers of |E[D_θfᵀp] + λθ|', short(stationarity)],
      ['gradient of the readout', short(stationarityOfOthers)],
      ['largest gap of the Hamiltonian that was found', short(certificate.largestGap)],
      [
        'Hamiltonian over depth: mean, standard deviation',
        `${short(hamiltonian.mean)}, ${short(hamiltonian.deviation)}`,
      ],
      [
        'largest jump of θ, largest |θ|',
        `${short(certificate.largestJump)}, ${short(certificate.largestControl)}`,
      ],
    ],
    note: `${reason} Measured on one batch of training images at the first and the last layer. ${caveat}`,
  };
}

export function judgementHeadline({ flow, linear }: Judgement): StudyResult['headline'] {
  return {
    'held-out accuracy': withInterval(flow.accuracy, flow.accuracyInterval, percent),
    'linear classifier, accuracy': withInterval(linear.accuracy, linear.accuracyInterval, percent),
    'held-out cross-entropy': withInterval(flow.crossEntropy, flow.crossEntropyInterval, nats),
    'linear classifier, cross-entropy': withInterval(
      linear.crossEntropy,
      linear.crossEntropyInterval,
      nats,
    ),
  };
}

export function raceHeadline(outcomes: readonly RaceOutcome[]): StudyResult['headline'] {
  if (outcomes.length === 0) return {};
  const times = (x: number) => `${x.toFixed(2)}×`;
  const shown = (cost: 'seconds' | 'layerGradients') => {
    const { mean, interval } = raceRatio(outcomes, cost);
    return withInterval(mean, interval, times);
  };
  return {
    'time, random start over refinement': shown('seconds'),
    'gradients, random start over refinement': shown('layerGradients'),
  };
}

export function judgementSentence({
  flow,
  linear,
  crossEntropyGain,
  accuracyGain,
}: Judgement): string {
  const above = ({ interval }: MeanInterval) => interval !== null && interval[0] > 0;
  const numbers = `${percent(flow.accuracy)} of the held-out images right against ${percent(linear.accuracy)}, cross-entropy ${nats(flow.crossEntropy)} against ${nats(linear.crossEntropy)} nats`;
  return above(crossEntropyGain) && above(accuracyGain)
    ? `The flow beats the linear classifier: ${numbers}.`
    : `The flow does not beat the linear classifier beyond doubt: ${numbers}. Give it more steps or images.`;
}
