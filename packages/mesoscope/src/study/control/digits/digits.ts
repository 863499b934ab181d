import { measureTrainedModel } from '../../../claims/control/trained-model.ts';
import {
  checkImages,
  createImageProblem,
  imageBatch,
  imageTraining,
  patchTokens,
  pickImages,
  predictImages,
  predictLinear,
  splitImages,
} from '../../../control/images/index.ts';
import { checkBatch } from '../../../control/training.ts';
import { meanInterval } from '../../../numeric/fit.ts';
import { randomStream } from '../../../numeric/random.ts';
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
import { fitBaseline, pixelPoints, scoreOf } from './baseline.ts';
import { type Digits, digitsSchema } from './schema.ts';
import {
  comparisonSection,
  type Judgement,
  judgementHeadline,
  judgementSentence,
  splitSection,
} from './sections.ts';

async function run(configuration: Digits, context: StudyContext): Promise<StudyResult> {
  const { backend, signal } = context;
  const { classes, seed, linear, stages, race } = configuration;
  const images = await context.images(configuration.images);
  checkImages(images, classes);
  checkBatch(configuration.batch, configuration.split.training);
  const split = splitImages(images, configuration.split, randomStream(seed, 'split of the images'));
  const patches = (chosen: Int32Array) =>
    patchTokens(images, chosen, { side: configuration.patch, dimension: configuration.dimension });
  const parts = { training: patches(split.training), validation: patches(split.validation) };
  const look = firstImages(Math.min(race.validation, parts.validation.count));
  const watched = { ...parts, validation: pickImages(parts.validation, look) };
  const setting = {
    ...configuration,
    backend,
    subject: imageTraining(backend, configuration, watched),
  };
  const judged = {
    subject: imageTraining(backend, configuration, parts),
    stages,
    reportEvery: 50,
  };
  const trained = await runDepthTrainings(setting, judged, context);
  const stopped = (status: StudyResult['status']): StudyResult => ({
    claims: [],
    sections: [splitSection(images, split), ...raceAndCoarsening(trained, configuration)],
    arrays: trainingArrays(trained, stages),
    headline: {},
    status,
  });
  if (trained.status.kind !== 'completed') return stopped(trained.status);
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

  const finest = stages[stages.length - 1].layers;
  const problem = createImageProblem(backend, configuration, parts.training, finest);
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(trained.models[stages.length - 1]);
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
  const few = firstImages(Math.min(configuration.batch, parts.training.count));
  const batch = imageBatch(pickImages(parts.training, few));
  const certified = await certifyDepths(judged, trained.models, batch, context, {
    ...{ searched: 2, starts: 0, iterations: 50, seed },
  });
  const probed = few.filter((i) => i < heldOut.count);
  const probe = imageBatch(pickImages(heldOut, probed));
  const claims = await measureTrainedModel({ problem, parameters, probe }, context);
  if (signal?.aborted === true) {
    const message = 'Training is done; not all certificates and claims were measured.';
    return stopped({ kind: 'interrupted', message });
  }
  const { crossEntropy } = judgement.linear;
  const level = { at: crossEntropy, label: 'linear classifier on the held-out images' };
  return {
    claims,
    sections: [
      comparisonSection(judgement),
      splitSection(images, split),
      { kind: 'figure', figure: trainingFigure(trained.records, level) },
      depthSection(trained.records),
      ...raceAndCoarsening(trained, configuration),
      certificateSection(
        certified,
        `one batch of ${few.length} training images, at the first and the last layer`,
      ),
    ],
    arrays: {
      ...trainingArrays(trained, stages),
      'heldOut.loss.flow': { shape: [heldOut.count], data: ofFlow.losses },
      'heldOut.loss.linear': { shape: [heldOut.count], data: ofLinear.losses },
    },
    headline: {
      ...judgementHeadline(judgement),
      ...depthHeadline(trained),
      certificate: certified[certified.length - 1].certificate.kind,
    },
    status: { kind: 'completed', message: judgementSentence(judgement) },
  };
}

function firstImages(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}

/** Digits classified by a flow over depth, beside a linear classifier, and depth refinement against a random start. */
export const digitsStudy = wholeStudy<Digits>({
  name: 'control/digits',
  title: 'Digits: image classification as a control problem over depth',
  description:
    'Trains a transformer on patches of real digits by depth refinement, beats a linear classifier on held-out digits, and measures what refinement saves.',
  papers: ['A'],
  schema: digitsSchema,
  run,
});
