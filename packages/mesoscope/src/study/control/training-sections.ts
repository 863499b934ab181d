import type { Figure } from '../../claims/figure.ts';
import type { TrainingRecord } from '../../control/training.ts';
import type { Section } from '../study.ts';
import { nats } from './wording.ts';

/** Validation and training loss against time, one colour a depth, beside a level to be beaten. */
export function trainingFigure(
  records: readonly TrainingRecord[],
  level: { readonly at: number; readonly label: string },
): Figure {
  const depths = [...new Set(records.map(({ layers }) => layers))];
  return {
    id: 'training',
    title: 'Training by depth refinement',
    caption:
      'Cross-entropy on the validation part (line) and on the training batches since the last record (dots). At each change of colour every layer is split into two.',
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
      { kind: 'rule', axis: 'y', ...level },
    ],
  };
}

/** Where each depth of a refinement ended. */
export function depthSection(records: readonly TrainingRecord[]): Section {
  const ends = records.filter((one, i) => records[i + 1]?.layers !== one.layers);
  return {
    kind: 'table',
    title: 'The problem at every depth',
    columns: [
      'layers',
      'steps so far',
      'seconds so far',
      'layer gradients so far',
      'validation loss (nats)',
    ],
    rows: ends.map(({ layers, step, seconds, layerGradients, validationLoss }) => [
      layers,
      step,
      seconds.toFixed(1),
      layerGradients,
      nats(validationLoss),
    ]),
    note: 'Each depth starts from the controls of the one before, every layer split into two.',
  };
}
