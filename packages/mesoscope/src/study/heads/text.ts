import type { HeadLaw } from '../../heads/head-law.ts';
import { plannedStudy } from '../plan.ts';
import { restoredResult, type StoredResult } from '../single-piece.ts';
import type { Section } from '../study.ts';
import { arraysOf, type HeadStudyOutcome } from './outcome.ts';
import { type HeadPlan, headPieces, planHeads } from './plan.ts';
import { type TextStudy, textSchema } from './schema.ts';
import { type HeadTask, textTask } from './tasks.ts';
import { againstSingleHead, certificateSentence } from './verdicts.ts';

function report(
  outcome: HeadStudyOutcome,
  task: HeadTask,
  sections: readonly Section[],
): StoredResult {
  const { certificate, growth, fixed } = outcome;
  const single = fixed.find(({ heads }) => heads === 1);
  const bits = (law: HeadLaw) => outcome.heldOut(law) / Math.LN2;
  return {
    claims: [],
    sections: [...sections, comparison(outcome, task)],
    arrays: arraysOf(outcome),
    headline: {
      risk: growth.records.at(-1)?.risk ?? Number.NaN,
      'risk of the best single head': single?.risk ?? Number.NaN,
      ...againstSingleHead(
        growth.law,
        fixed,
        (law) => outcome.problem.risk(law).risk,
        bits,
        'held-out bits',
      ),
      'validation bits per character':
        growth.law === undefined || outcome.validation === undefined
          ? Number.NaN
          : outcome.validation(growth.law) / Math.LN2,
      'held-out bits per character': growth.law === undefined ? Number.NaN : bits(growth.law),
      'held-out bits, best single head': single === undefined ? Number.NaN : bits(single.law),
      'gap to the optimum, with the least Ψ found': certificate?.gap ?? Number.NaN,
      heads: growth.law?.count ?? 0,
    },
    status: {
      kind: 'completed',
      message: certificate === undefined ? 'Nothing was grown.' : certificateSentence(certificate),
    },
  };
}

function comparison(
  { growth, fixed, flows, heldOut, validation, problem }: HeadStudyOutcome,
  task: HeadTask,
): Section {
  const laws = [
    ...(growth.law === undefined ? [] : [['growth by gap', growth.law] as const]),
    ...fixed.map(({ heads, law }) => [`${heads} from random`, law] as const),
    ...flows.map(({ law }) => [`flow of ${law.count}`, law] as const),
  ];
  return {
    kind: 'table',
    title: 'Laws of heads on text',
    columns: ['law', 'heads', 'risk', 'training bits', 'validation bits', 'held-out bits'],
    rows: laws.map(([name, law]) => {
      const { risk, crossEntropy } = problem.risk(law);
      const unseen = [validation?.(law) ?? Number.NaN, heldOut(law)];
      return [name, law.count, risk, ...[crossEntropy, ...unseen].map((nats) => nats / Math.LN2)];
    }),
    note: `A character-bigram model fitted on the whole training text comes to ${task.bigramBits?.validation.toFixed(3)} bits on the same validation characters, ${task.bigramBits?.heldOut.toFixed(3)} on the held-out ones. The preset's periods of position, 20 and 10, were chosen on the validation bits; nothing was chosen on the held-out ones.`,
  };
}

/** Next characters of prose by one causal layer, ending with the gap to the global optimum that a search finds. */
export const textStudy = plannedStudy<TextStudy, HeadPlan>({
  name: 'heads/text',
  title: 'Heads as particles: next characters of prose',
  description:
    'Trains one causal layer of attention heads to predict the next character, growing it until a search sees no better head.',
  papers: ['B'],
  schema: textSchema,
  plan: (configuration) =>
    planHeads(
      configuration,
      async ({ corpus }) => textTask(await corpus(configuration.corpus), configuration),
      report,
    ),
  order: headPieces,
  finish: (_, { judgement }, resultOf) => restoredResult(resultOf(judgement)),
});
