import { measureTrainedModel } from '../../../claims/control/trained-model.ts';
import {
  checkTextFlow,
  createTextProblem,
  evenStarts,
  measureText,
  prepareCorpus,
  sequencesAt,
  textTraining,
} from '../../../control/text/index.ts';
import type { StudyContext, OldResult as StudyResult } from '../../whole.ts';
import { wholeStudy } from '../../whole.ts';
import { certificateSection } from '../certificate-sections.ts';
import {
  certifyDepths,
  depthHeadline,
  raceAndCoarsening,
  runDepthTrainings,
  trainingArrays,
} from '../depth-study.ts';
import { depthSection, trainingFigure } from '../training-sections.ts';
import { type TextDepths, textSchema } from './schema.ts';
import { bitsWithError, heldOutSection, judgementSentence } from './sections.ts';

async function run(configuration: TextDepths, context: StudyContext): Promise<StudyResult> {
  const { backend, signal } = context;
  const { stages, race, seed, reportEvery } = configuration;
  checkTextFlow(configuration);
  const corpus = prepareCorpus(await context.corpus(configuration.corpus), configuration);
  const watched = { ...configuration, reportSequences: race.validation };
  const setting = { ...configuration, backend, subject: textTraining(backend, corpus, watched) };
  const judged = { subject: textTraining(backend, corpus, configuration), stages, reportEvery };
  const trained = await runDepthTrainings(setting, judged, context);
  const stopped = (status: StudyResult['status']): StudyResult => ({
    claims: [],
    sections: raceAndCoarsening(trained, configuration),
    arrays: trainingArrays(trained, stages),
    headline: {},
    status,
  });
  if (trained.status.kind !== 'completed') return stopped(trained.status);

  const classes = corpus.vocabulary.classes.length;
  const finest = stages[stages.length - 1].layers;
  const problem = createTextProblem(backend, configuration, classes, finest);
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(trained.models[stages.length - 1]);
  const measured = measureText(problem, parameters, corpus, configuration);
  const { batch, context: length } = configuration;
  const starts = evenStarts(corpus.training, length, batch);
  const certified = await certifyDepths(
    judged,
    trained.models,
    sequencesAt(corpus.training, starts, length),
    context,
    { searched: 2, starts: 0, iterations: 50, seed },
  );
  const { heldOut, bigram, probe } = measured;
  const claims = await measureTrainedModel({ problem, parameters, probe }, context);
  if (signal?.aborted === true) {
    const message = 'Training is done; not all certificates and claims were measured.';
    return stopped({ kind: 'interrupted', message });
  }
  const level = { at: bigram.bits * Math.LN2, label: 'character bigram on the held-out part' };
  return {
    claims,
    sections: [
      heldOutSection(problem, measured),
      { kind: 'figure', figure: trainingFigure(trained.records, level) },
      depthSection(trained.records),
      ...raceAndCoarsening(trained, configuration),
      certificateSection(
        certified,
        `one batch of ${starts.length} training sequences, at the first and the last layer`,
      ),
    ],
    arrays: trainingArrays(trained, stages),
    headline: {
      'held-out bits per character': bitsWithError(heldOut),
      'bigram model': bigram.bits,
      ...depthHeadline(trained),
      certificate: certified[certified.length - 1].certificate.kind,
    },
    status: { kind: 'completed', message: judgementSentence(measured) },
  };
}

/** Next characters predicted by a flow at a range of depths, and depth refinement against a random start. */
export const textStudy = wholeStudy<TextDepths>({
  name: 'control/text',
  title: 'Text: next characters as a control problem over depth',
  description:
    'Trains the flow of the first look at a range of depths, certifies it, and measures what depth refinement saves and what fewer layers cost.',
  papers: ['A'],
  schema: textSchema,
  run,
});
