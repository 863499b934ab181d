import { plannedStudy } from '../plan.ts';
import { restoredResult, type StoredResult } from '../single-piece.ts';
import type { Section } from '../study.ts';
import { arraysOf, type HeadStudyOutcome } from './outcome.ts';
import { type HeadPlan, headPieces, planHeads } from './plan.ts';
import { type TeacherStudy, teacherSchema } from './schema.ts';
import { type HeadTask, teacherTask } from './tasks.ts';
import { againstSingleHead, certificateSentence } from './verdicts.ts';

function report(
  outcome: HeadStudyOutcome,
  task: HeadTask,
  sections: readonly Section[],
): StoredResult {
  const { certificate, growth, fixed, problem, heldOut } = outcome;
  return {
    claims: [],
    sections: [...sections, comparison(outcome, task)],
    arrays: arraysOf(outcome),
    headline: {
      risk: growth.records.at(-1)?.risk ?? Number.NaN,
      'gap to the optimum, with the least Ψ found': certificate?.gap ?? Number.NaN,
      heads: growth.law?.count ?? 0,
      'best single head': fixed.find(({ heads }) => heads === 1)?.risk ?? Number.NaN,
      ...againstSingleHead(
        growth.law,
        fixed,
        (law) => problem.risk(law).risk,
        heldOut,
        'held-out cross-entropy',
      ),
    },
    status: {
      kind: 'completed',
      message: certificate === undefined ? 'Nothing was grown.' : certificateSentence(certificate),
    },
  };
}

function comparison(
  { growth, fixed, flows, heldOut, problem }: HeadStudyOutcome,
  task: HeadTask,
): Section {
  const laws = [
    ...(growth.law === undefined ? [] : [['growth by gap', growth.law] as const]),
    ...fixed.map(({ heads, law }) => [`${heads} from random`, law] as const),
    ...flows.map(({ law }) => [`flow of ${law.count}`, law] as const),
    ...(task.teacher === undefined ? [] : [['the teacher', task.teacher] as const]),
  ];
  return {
    kind: 'table',
    title: 'Laws of heads',
    columns: ['law', 'heads', 'risk', 'cross-entropy', 'held-out cross-entropy'],
    rows: laws.map(([name, law]) => {
      const { risk, crossEntropy } = problem.risk(law);
      return [name, law.count, risk, crossEntropy, heldOut(law)];
    }),
    ...(task.entropy === undefined
      ? {}
      : {
          note: `Entropy of the teacher's labels on the training tokens: ${task.entropy.toFixed(4)} nats.`,
        }),
  };
}

/** Labels drawn by known heads: how many heads does an optimum need? */
export const teacherStudy = plannedStudy<TeacherStudy, HeadPlan>({
  name: 'heads/teacher',
  title: 'Heads as particles: a known teacher',
  description:
    'Trains laws of attention heads on labels drawn from known heads: growth by gap, gradient flow of a cloud, fixed numbers of heads, stability of the single head.',
  papers: ['B'],
  schema: teacherSchema,
  plan: (configuration) =>
    planHeads(configuration, async ({ backend }) => teacherTask(backend, configuration), report),
  order: headPieces,
  finish: (_, { judgement }, resultOf) => restoredResult(resultOf(judgement)),
});
