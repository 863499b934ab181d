import type { Figure } from '../../claims/figure.ts';
import type { TrainingRecord } from '../../control/training.ts';
import { continueText, predictNext, type TextModel } from '../../task/text/predictions.ts';
import type { TrainedText } from '../../task/text/train.ts';
import { rareCharacter } from '../../task/text/vocabulary.ts';
import { heldOutSection } from '../control/text/sections.ts';
import type { Section } from '../study.ts';

/** Training loss and held-out bits against time, one colour for each depth, with the bigram's level. */
export function trainingFigure(records: readonly TrainingRecord[], bigramBits?: number): Figure {
  const depths = [...new Set(records.map((record) => record.layers))];
  return {
    id: 'training',
    title: 'Training by depth refinement',
    caption:
      'Bits per character on text that training does not see (the validation part: line) and on the training batches since the last report (dots) against training time. At each change of colour every layer is split into two.',
    x: { label: 'training time (s)' },
    y: { label: 'cross-entropy (bits per character)' },
    marks: [
      ...depths.flatMap((layers, i) => {
        const own = records.filter((record) => record.layers === layers);
        // A stage begins where the one before ended, so that the curve is connected.
        const joined = i === 0 ? own : [lastOf(records, depths[i - 1]), ...own];
        const series = `L = ${layers}`;
        return [
          {
            kind: 'line' as const,
            series,
            x: joined.map((record) => record.seconds),
            y: joined.map((record) => record.validationLoss / Math.LN2),
          },
          {
            kind: 'dots' as const,
            series,
            x: own.map((record) => record.seconds),
            y: own.map((record) => record.loss / Math.LN2),
          },
        ];
      }),
      ...(bigramBits === undefined
        ? []
        : [
            {
              kind: 'rule' as const,
              axis: 'y' as const,
              at: bigramBits,
              label: 'character bigram on the held-out part',
            },
          ]),
    ],
  };
}

function lastOf(records: readonly TrainingRecord[], layers: number): TrainingRecord {
  return records.filter((record) => record.layers === layers).at(-1) as TrainingRecord;
}

/** What the model does on text that it has not seen. */
export function textSections(
  trained: Omit<TrainedText, 'status' | 'records' | 'probe'>,
): Section[] {
  const { corpus, problem, parameters } = trained;
  const model: TextModel = { problem, parameters, vocabulary: corpus.vocabulary };
  const predictions = predictNext(model, corpus.heldOut);
  const percent = (p: number) => `${(100 * p).toFixed(1)} %`;
  const prompt = predictions[0].context;
  return [
    heldOutSection(
      { layers: problem.layout.layers, classes: problem.classes, tokens: problem.tokens },
      trained,
    ),
    {
      kind: 'table',
      title: 'Next characters',
      columns: ['context (held out)', 'came', 'its probability', 'expected'],
      rows: predictions.map(({ context, actual, actualProbability, expected }) => [
        `…${readable(context)}`,
        visible(actual),
        percent(actualProbability),
        expected.map((e) => `${visible(e.character)} ${percent(e.probability)}`).join(', '),
      ]),
    },
    {
      kind: 'table',
      title: 'A continuation',
      columns: ['prompt (held out)', 'continued by the model, one character at a time'],
      rows: [[`…${readable(prompt)}`, readable(continueText(model, prompt, { length: 240 }))]],
      note: `${rareSign}: a character too rare in the training part to have a class of its own.`,
    },
  ];
}

/** What stands for rare characters in a report: the sign of the vocabulary looks like a fault of the encoding. */
const rareSign = '□';

function readable(text: string): string {
  return text.replaceAll(rareCharacter, rareSign);
}

function visible(character: string): string {
  return character === ' ' ? '␣' : readable(character);
}
