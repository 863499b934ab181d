import type { MeanInterval } from '../../../numeric/fit.ts';
import type { ImageSplit, LabelledImages } from '../../../task/images/index.ts';
import type { Section, StudyResult } from '../../study.ts';
import { nats, percent, withInterval } from '../wording.ts';
import type { Baseline, Score } from './baseline.ts';

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

/** How the images are shared out. */
export interface SplitCounts {
  readonly parts: readonly {
    readonly name: string;
    readonly images: number;
    readonly classes: number;
    /** Images of the rarest and of the most frequent class. */
    readonly range: readonly [number, number];
  }[];
  /** Classes of the held-out part that training never sees. */
  readonly unseen: readonly number[];
}

export function splitCounts({ labels }: LabelledImages, split: ImageSplit): SplitCounts {
  const { training, validation, heldOut, unseen } = split;
  const count = (name: string, part: Int32Array) => {
    const byClass = new Map<number, number>();
    for (const i of part) byClass.set(labels[i], (byClass.get(labels[i]) ?? 0) + 1);
    const all = [...byClass.values()];
    const range = [Math.min(...all), Math.max(...all)] as const;
    return { name, images: part.length, classes: byClass.size, range };
  };
  return {
    parts: [
      count('training', training),
      count('validation', validation),
      count('held out', heldOut),
    ],
    unseen: Array.from(unseen),
  };
}

export function splitSection({ parts, unseen }: SplitCounts): Section {
  return {
    kind: 'table',
    title: 'Images',
    columns: ['part', 'images', 'classes', 'images a class'],
    rows: parts.map(({ name, images, classes, range }) => [
      ...[name, images, classes],
      range.join(' … '),
    ]),
    note:
      unseen.length > 0
        ? `Training never sees class ${unseen.join(', ')}, which the held-out part contains: no model can be right about it.`
        : 'The held-out part is drawn first and looked at once, at the end; choices are made on the validation part. Every class has its share of each part.',
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
