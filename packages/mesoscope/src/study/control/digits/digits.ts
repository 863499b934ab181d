import { measureTrainedModel } from '../../../claims/control/trained-model.ts';
import { type ControlCertificate, certifyControls } from '../../../control/certificates/index.ts';
import {
  checkImages,
  createImageProblem,
  imageBatch,
  patchTokens,
  pickImages,
  predictImages,
  predictLinear,
  splitImages,
} from '../../../control/images/index.ts';
import { meanInterval } from '../../../numeric/fit.ts';
import { randomStream } from '../../../numeric/random.ts';
import type { Study, StudyContext, StudyResult } from '../../study.ts';
import { fitBaseline, pixelPoints, scoreOf } from './baseline.ts';
import { raceOutcome } from './race.ts';
import { type Digits, digitsSchema } from './schema.ts';
import {
  certificateSection,
  comparisonSection,
  type Judgement,
  judgementHeadline,
  judgementSentence,
  raceHeadline,
  raceSections,
  splitSection,
  trainingFigure,
} from './sections.ts';
import { recordRows } from './stored.ts';
import { runTrainings, type Trained } from './trainings.ts';

async function run(configuration: Digits, context: StudyContext): Promise<StudyResult> {
  const { backend, signal } = context;
  const { classes, seed, linear } = configuration;
  const images = await context.images(configuration.images);
  checkImages(images, classes);
  const split = splitImages(images, configuration.split, randomStream(seed, 'split of the images'));
  const patches = (chosen: Int32Array) =>
    patchTokens(images, chosen, { side: configuration.patch, dimension: configuration.dimension });
  const parts = { training: patches(split.training), validation: patches(split.validation) };
  const trained = await runTrainings(configuration, parts, context);
  const outcomes = trained.races.map(raceOutcome);
  const stopped = (status: StudyResult['status']): StudyResult => ({
    claims: [],
    sections: [splitSection(images, split), ...raceSections(trained.races, outcomes)],
    arrays: arraysOf(trained),
    headline: {},
    status,
  });
  if (trained.status.kind !== 'completed' || trained.model === undefined) {
    return stopped(trained.status);
  }
  const points = {
    training: pixelPoints(images, split.training),
    validation: pixelPoints(images, split.validation),
  };
  const baseline = await fitBaseline(backend, points, classes, linear, async (done) => {
    await new Promise((resume) => setTimeout(resume, 0));
    context.progress(done, linear.length, 'linear classifier');
    return signal?.aborted !== true;
  });
  const unfinished = 'The trainings are done; the comparison is not.';
  if (baseline === undefined) return stopped({ kind: 'interrupted', message: unfinished });

  const finest = configuration.stages[configuration.stages.length - 1].layers;
  const problem = createImageProblem(backend, configuration, parts.training, finest);
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(trained.model);
  const heldOut = patches(split.heldOut);
  const ofFlow = predictImages(problem, parameters, heldOut);
  const ofLinear = predictLinear(baseline.best, pixelPoints(images, split.heldOut));
  const judgement: Judgement = {
    layers: finest,
    flow: scoreOf(ofFlow),
    linear: scoreOf(ofLinear),
    crossEntropyGain: meanInterval(ofLinear.losses.map((loss, i) => loss - ofFlow.losses[i])),
    accuracyGain: meanInterval(
      Float64Array.from(ofFlow.correct, (right, i) => right - ofLinear.correct[i]),
    ),
    baseline,
  };
  const few = Int32Array.from(
    { length: Math.min(configuration.batch, parts.training.count) },
    (_, i) => i,
  );
  context.progress(0, 1, 'certificate');
  const certificate: ControlCertificate = certifyControls(
    problem,
    parameters,
    imageBatch(pickImages(parts.training, few)),
    { searched: 2, starts: 0, seed },
  );
  const probe = imageBatch(
    pickImages(
      heldOut,
      few.filter((i) => i < heldOut.count),
    ),
  );
  const claims = await measureTrainedModel({ problem, parameters, probe }, context);
  return {
    claims,
    sections: [
      comparisonSection(judgement),
      splitSection(images, split),
      { kind: 'figure', figure: trainingFigure(trained.done[0], judgement) },
      ...raceSections(trained.races, outcomes),
      certificateSection(certificate),
    ],
    arrays: {
      ...arraysOf(trained),
      'heldOut.loss.flow': { shape: [heldOut.count], data: ofFlow.losses },
      'heldOut.loss.linear': { shape: [heldOut.count], data: ofLinear.losses },
    },
    headline: {
      ...judgementHeadline(judgement),
      ...raceHeadline(outcomes),
      certificate: certificate.kind,
    },
    status:
      signal?.aborted === true
        ? { kind: 'interrupted', message: 'Training is done; not all claims were measured.' }
        : { kind: 'completed', message: judgementSentence(judgement) },
  };
}

/** The model, and the record of every training: layers, step, seconds, layer gradients, loss, validation loss. */
function arraysOf({ done, model, races }: Trained): StudyResult['arrays'] {
  return {
    ...(model === undefined ? {} : { parameters: { shape: [model.length], data: model } }),
    ...(done.length === 0 ? {} : { training: recordRows(done[0]) }),
    ...Object.fromEntries(
      races.flatMap(({ random, refined }, i) => [
        [`race.${i + 1}.random`, recordRows(random)],
        [`race.${i + 1}.refined`, recordRows(refined)],
      ]),
    ),
  };
}

/** Digits classified by a flow over depth, beside a linear classifier, and depth refinement against a random start. */
export const digitsStudy: Study<Digits> = {
  name: 'control/digits',
  title: 'Digits: image classification as a control problem over depth',
  description:
    'Trains a transformer on patches of real digits by depth refinement, beats a linear classifier on held-out digits, and measures what refinement saves.',
  papers: ['A'],
  schema: digitsSchema,
  run,
};
