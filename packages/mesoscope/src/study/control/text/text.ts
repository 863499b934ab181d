import type { FloatArray } from '../../../kernels/backend.ts';
import type { TrainedText } from '../../../task/text/index.ts';
import {
  checkTextFlow,
  createTextProblem,
  evenStarts,
  measureText,
  prepareCorpus,
  sequencesAt,
  textTraining,
} from '../../../task/text/index.ts';
import { type PlannedContext, type PlannedPiece, plannedStudy } from '../../plan.ts';
import type { StudyResult } from '../../study.ts';
import { certificateSection } from '../certificate-sections.ts';
import { type DepthPlan, depthPieces, planDepths } from '../depth-plan.ts';
import { depthHeadline, depthResults, raceAndCoarsening, trainingArrays } from '../depth-study.ts';
import { depthSection, trainingFigure } from '../training-sections.ts';
import { type TextDepths, textSchema } from './schema.ts';
import { bitsWithError, heldOutSection, judgementSentence } from './sections.ts';

/** How the judged model does on held-out text, beside the bigram model. */
type JudgedText = Pick<TrainedText, 'heldOut' | 'bigram'> & { readonly classes: number };

interface TextPlan extends DepthPlan {
  /** Undefined where the training diverged. */
  readonly judgement: PlannedPiece<JudgedText | undefined>;
}

function plan(configuration: TextDepths): TextPlan {
  checkTextFlow(configuration);
  const { stages, race, reportEvery, batch, context: length } = configuration;
  const corpusOf = async (context: PlannedContext) =>
    prepareCorpus(await context.corpus(configuration.corpus), configuration);
  const measured = async (context: PlannedContext, model: FloatArray) => {
    const { backend } = context;
    const corpus = await corpusOf(context);
    const classes = corpus.vocabulary.classes.length;
    const finest = stages[stages.length - 1].layers;
    const problem = createTextProblem(backend, configuration, classes, finest);
    const parameters = backend.allocate(problem.layout.length);
    parameters.set(model);
    return { problem, parameters, ...measureText(problem, parameters, corpus, configuration) };
  };
  const watched = { ...configuration, reportSequences: race.validation };
  const depths = planDepths(configuration, {
    reportEvery,
    judged: async (context) =>
      textTraining(context.backend, await corpusOf(context), configuration),
    raced: async (context) => textTraining(context.backend, await corpusOf(context), watched),
    async batch(context) {
      const { training } = await corpusOf(context);
      return sequencesAt(training, evenStarts(training, length, batch), length);
    },
    model: measured,
  });
  const { training } = depths;
  return {
    ...depths,
    judgement: {
      label: 'held-out text',
      needs: [training],
      weight: 100,
      async compute(context) {
        const model = context.resultOf(training).models[stages.length - 1];
        if (model === undefined) return undefined;
        const { problem, heldOut, bigram } = await measured(context, model);
        return { heldOut, bigram, classes: problem.classes };
      },
    },
  };
}

function finish(
  configuration: TextDepths,
  planned: TextPlan,
  resultOf: <Result>(piece: PlannedPiece<Result>) => Result,
): StudyResult {
  const { stages, batch, context: tokens } = configuration;
  const results = depthResults(planned, resultOf);
  const { status, training, certified, claims } = results;
  const arrays = trainingArrays(results, stages);
  const judgement = resultOf(planned.judgement);
  if (status.kind === 'diverged' || judgement === undefined) {
    const sections = raceAndCoarsening(results, configuration);
    return { claims: [], sections, arrays, headline: {}, status };
  }
  const { heldOut, bigram, classes } = judgement;
  const layers = stages[stages.length - 1].layers;
  const level = { at: bigram.bits * Math.LN2, label: 'character bigram on the held-out part' };
  return {
    claims,
    sections: [
      heldOutSection({ layers, classes, tokens }, judgement),
      { kind: 'figure', figure: trainingFigure(training.records, level) },
      depthSection(training.records),
      ...raceAndCoarsening(results, configuration),
      certificateSection(
        certified,
        `one batch of ${batch} training sequences, at the first and the last layer`,
        configuration.smoothness > 0,
      ),
    ],
    arrays,
    headline: {
      'held-out bits per character': bitsWithError(heldOut),
      'bigram model': bigram.bits,
      ...depthHeadline(results),
      certificate: certified[certified.length - 1].certificate.kind,
    },
    status: { kind: 'completed', message: judgementSentence(judgement) },
  };
}

/** Next characters predicted by a flow at a range of depths, and depth refinement against a random start. */
export const textStudy = plannedStudy<TextDepths, TextPlan>({
  name: 'control/text',
  title: 'Text: next characters as a control problem over depth',
  description:
    'Trains the flow of the first look at a range of depths, certifies it, and measures what depth refinement saves and what fewer layers cost.',
  papers: ['A'],
  schema: textSchema,
  plan,
  order: (planned) => [...depthPieces(planned), planned.judgement],
  finish,
});
