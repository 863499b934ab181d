import type { HeldOutBits, TrainedText } from '../../../task/text/index.ts';
import type { Section } from '../../study.ts';

type Measured = Pick<TrainedText, 'heldOut' | 'bigram'>;

export function bitsWithError({ bits, standardError }: HeldOutBits): string {
  return `${bits.toFixed(3)} ± ${(1.96 * standardError).toFixed(3)}`;
}

/** The flow beside a bigram model on the held-out part. */
export function heldOutSection(
  { layers, classes, tokens }: { layers: number; classes: number; tokens: number },
  { heldOut, bigram }: Measured,
): Section {
  return {
    kind: 'table',
    title: 'Held-out text',
    columns: ['model', 'bits per character'],
    rows: [
      [`this flow, ${layers} layers`, bitsWithError(heldOut)],
      ['character bigram', bigram.bits.toFixed(3)],
      ['uniform over the classes', Math.log2(classes).toFixed(3)],
    ],
    note: `${heldOut.sequences} sequences of ${tokens} characters from the beginning of the corpus, which neither training nor the choice of the preset has seen (choices were made on the validation part, at the end); the interval is 95 % over sequences. The bigram model is fitted on the training part and smoothed by a rule that sees the training part only.`,
  };
}

export function judgementSentence({ heldOut, bigram }: Measured): string {
  const numbers = `${heldOut.bits.toFixed(3)} bits per held-out character against ${bigram.bits.toFixed(3)}`;
  return heldOut.bits + 1.96 * heldOut.standardError < bigram.bits
    ? `The flow predicts better than the character bigram: ${numbers}.`
    : `The flow does not beat the character bigram: ${numbers}. Give it more steps.`;
}
