import { measureTrainedClaim, trainedClaims } from '../../claims/control/trained-model.ts';
import { restoredOutcome, type StoredOutcome } from '../../claims/stored-outcome.ts';
import type { FloatArray } from '../../kernels/backend.ts';
import {
  checkTextFlow,
  createTextProblem,
  measureText,
  prepareCorpus,
  type TrainedText,
  textSchedule,
  textTraining,
} from '../../task/text/index.ts';
import { judgementSentence } from '../control/text/sections.ts';
import { type FinishedTraining, trainingPiece } from '../control/training-piece.ts';
import { type PlannedContext, type PlannedPiece, plannedStudy } from '../plan.ts';
import type { Section, StudyResult } from '../study.ts';
import { type FirstLook, firstLookSchema } from './schema.ts';
import { textSections, trainingFigure } from './sections.ts';

/** What the trained model does on held-out text. */
interface LookedAt extends Pick<TrainedText, 'heldOut' | 'bigram'> {
  readonly sections: readonly Section[];
}

interface FirstLookPlan {
  readonly training: PlannedPiece<FinishedTraining>;
  /** Undefined, as the claims, where the training diverged. */
  readonly looked: PlannedPiece<LookedAt | undefined>;
  readonly claims: readonly PlannedPiece<StoredOutcome | undefined>[];
}

function plan(configuration: FirstLook): FirstLookPlan {
  checkTextFlow(configuration);
  const { stages } = configuration;
  const finest = stages[stages.length - 1].layers;
  const corpusOf = async (context: PlannedContext) =>
    prepareCorpus(await context.corpus(configuration.corpus), configuration);
  const training = trainingPiece({
    label: 'train',
    stages,
    keep: 'last depth',
    wide: true,
    subject: async ({ backend, corpus }) =>
      textTraining(
        backend,
        prepareCorpus(await corpus(configuration.corpus), configuration),
        configuration,
      ),
    schedule: () => textSchedule(configuration),
    metric: ({ validationLoss }) => ({ validationBits: validationLoss / Math.LN2 }),
  });
  const modelOf = async (context: PlannedContext, model: FloatArray) => {
    const { backend } = context;
    const corpus = await corpusOf(context);
    const classes = corpus.vocabulary.classes.length;
    const problem = createTextProblem(backend, configuration, classes, finest);
    const parameters = backend.allocate(problem.layout.length);
    parameters.set(model);
    return { problem, parameters, ...measureText(problem, parameters, corpus, configuration) };
  };
  return {
    training,
    looked: {
      label: 'held-out text',
      needs: [training],
      weight: 100,
      async compute(context) {
        const [model] = context.resultOf(training).models;
        if (model === undefined) return undefined;
        const trained = await modelOf(context, model);
        const { heldOut, bigram } = trained;
        return { heldOut, bigram, sections: textSections(trained) };
      },
    },
    claims: trainedClaims.map((claim) => ({
      label: `measuring ${claim.id}`,
      needs: [training],
      weight: 60 * finest,
      async compute(context) {
        const [model] = context.resultOf(training).models;
        return model && measureTrainedClaim(claim, await modelOf(context, model));
      },
    })),
  };
}

function finish(
  { stages }: FirstLook,
  planned: FirstLookPlan,
  resultOf: <Result>(piece: PlannedPiece<Result>) => Result,
): StudyResult {
  const { status, records, models } = resultOf(planned.training);
  const [parameters] = models;
  const looked = resultOf(planned.looked);
  const columns = columnsOf(records);
  if (looked === undefined || parameters === undefined) {
    const figure = { kind: 'figure', figure: trainingFigure(records) } as const;
    const sections = records.length > 0 ? [figure] : [];
    return { claims: [], sections, arrays: columns, headline: {}, status };
  }
  const { heldOut, bigram, sections } = looked;
  return {
    claims: planned.claims
      .map(resultOf)
      .filter((one) => one !== undefined)
      .map((one) => restoredOutcome(one)),
    sections: [{ kind: 'figure', figure: trainingFigure(records, bigram.bits) }, ...sections],
    arrays: { parameters: { shape: [parameters.length], data: parameters }, ...columns },
    headline: {
      'held-out bits per character': heldOut.bits,
      'bigram model': bigram.bits,
      layers: stages[stages.length - 1].layers,
      'training seconds': records.at(-1)?.seconds ?? 0,
    },
    status: { kind: 'completed', message: judgementSentence(looked) },
  };
}

/** The training record, column by column. */
function columnsOf(records: FinishedTraining['records']): StudyResult['arrays'] {
  const names = ['layers', 'step', 'seconds', 'layerGradients', 'loss', 'validationLoss'] as const;
  return Object.fromEntries(
    names.map((name) => [
      `training.${name}`,
      { shape: [records.length], data: Float64Array.from(records, (record) => record[name]) },
    ]),
  );
}

/** Train a causal transformer on real text as a control problem over depth, and look at it through the theory. */
export const firstLook = plannedStudy<FirstLook, FirstLookPlan>({
  name: 'first-look',
  title: 'First look: a transformer trained as a flow over depth',
  description:
    'Trains a causal transformer on prose by depth refinement and measures whether it behaves as the continuous-depth theory says.',
  papers: ['A'],
  schema: firstLookSchema,
  plan,
  order: ({ training, looked, claims }) => [training, looked, ...claims],
  finish,
});
