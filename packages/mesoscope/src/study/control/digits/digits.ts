import { checkBatch } from '../../../control/training.ts';
import { meanInterval } from '../../../numeric/fit.ts';
import { randomStream } from '../../../numeric/random.ts';
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
} from '../../../task/images/index.ts';
import { type PlannedContext, type PlannedPiece, plannedStudy } from '../../plan.ts';
import type { StudyResult } from '../../study.ts';
import { certificateSection } from '../certificate-sections.ts';
import { type DepthPlan, depthPieces, planDepths } from '../depth-plan.ts';
import { depthHeadline, depthResults, raceAndCoarsening, trainingArrays } from '../depth-study.ts';
import { depthSection, trainingFigure } from '../training-sections.ts';
import { type Baseline, fitBaseline, pixelPoints, scoreOf } from './baseline.ts';
import { type Digits, digitsSchema } from './schema.ts';
import {
  comparisonSection,
  type Judgement,
  judgementHeadline,
  judgementSentence,
  type SplitCounts,
  splitCounts,
  splitSection,
} from './sections.ts';

/** The trained flow beside the linear classifier, with the losses of both on every held-out image. */
interface JudgedDigits {
  readonly judgement: Judgement;
  readonly losses: { readonly flow: Float64Array; readonly linear: Float64Array };
}

interface DigitsPlan extends DepthPlan {
  readonly split: PlannedPiece<SplitCounts>;
  readonly baseline: PlannedPiece<Baseline>;
  /** Undefined where the training diverged. */
  readonly judgement: PlannedPiece<JudgedDigits | undefined>;
}

function plan(configuration: Digits): DigitsPlan {
  const { classes, seed, linear, stages, race } = configuration;
  const finest = stages[stages.length - 1].layers;
  checkBatch(configuration.batch, configuration.split.training);
  const read = async (context: PlannedContext) => {
    const images = await context.images(configuration.images);
    checkImages(images, classes);
    const random = randomStream(seed, 'split of the images');
    const split = splitImages(images, configuration.split, random);
    const patches = (chosen: Int32Array) =>
      patchTokens(images, chosen, {
        side: configuration.patch,
        dimension: configuration.dimension,
      });
    const parts = { training: patches(split.training), validation: patches(split.validation) };
    return { images, split, patches, parts };
  };
  const modelOf = async (context: PlannedContext, model: Float64Array | Float32Array) => {
    const { backend } = context;
    const { images, split, patches, parts } = await read(context);
    const problem = createImageProblem(backend, configuration, parts.training, finest);
    const parameters = backend.allocate(problem.layout.length);
    parameters.set(model);
    const heldOut = patches(split.heldOut);
    const probed = fewOf(configuration).filter((i) => i < heldOut.count);
    const probe = imageBatch(pickImages(heldOut, probed));
    return { images, split, problem, parameters, heldOut, probe };
  };
  const depths = planDepths(configuration, {
    reportEvery: 50,
    judged: async (context) =>
      imageTraining(context.backend, configuration, (await read(context)).parts),
    async raced(context) {
      const { parts } = await read(context);
      const look = firstImages(Math.min(race.validation, parts.validation.count));
      const watched = { ...parts, validation: pickImages(parts.validation, look) };
      return imageTraining(context.backend, configuration, watched);
    },
    batch: async (context) =>
      imageBatch(pickImages((await read(context)).parts.training, fewOf(configuration))),
    model: modelOf,
  });
  const { training } = depths;
  const split: PlannedPiece<SplitCounts> = {
    label: 'reading the images',
    async compute(context) {
      const { images, split } = await read(context);
      return splitCounts(images, split);
    },
  };
  const baseline: PlannedPiece<Baseline> = {
    label: 'linear classifier',
    weight: 4000,
    async compute(context) {
      const { images, split } = await read(context);
      const points = {
        training: pixelPoints(images, split.training),
        validation: pixelPoints(images, split.validation),
      };
      return fitBaseline(context.backend, points, classes, linear, (done) =>
        context.progress(done / linear.length),
      );
    },
  };
  return {
    ...depths,
    split,
    baseline,
    judgement: {
      label: 'held-out images',
      needs: [training, baseline],
      weight: 500,
      async compute(context) {
        const model = context.resultOf(training).models[stages.length - 1];
        if (model === undefined) return undefined;
        const { images, split, problem, parameters, heldOut } = await modelOf(context, model);
        const found = context.resultOf(baseline);
        const ofFlow = predictImages(problem, parameters, heldOut);
        const ofLinear = predictLinear(found.best, pixelPoints(images, split.heldOut));
        const judgement: Judgement = {
          layers: finest,
          flow: scoreOf(ofFlow),
          linear: scoreOf(ofLinear),
          crossEntropyGain: meanInterval(ofLinear.losses.map((loss, i) => loss - ofFlow.losses[i])),
          accuracyGain: meanInterval(
            Float64Array.from(ofFlow.correct, (right, i) => right - ofLinear.correct[i]),
          ),
          baseline: found,
        };
        return { judgement, losses: { flow: ofFlow.losses, linear: ofLinear.losses } };
      },
    },
  };
}

function finish(
  configuration: Digits,
  planned: DigitsPlan,
  resultOf: <Result>(piece: PlannedPiece<Result>) => Result,
): StudyResult {
  const { stages } = configuration;
  const results = depthResults(planned, resultOf);
  const { status, training, certified, claims } = results;
  const split = splitSection(resultOf(planned.split));
  const judged = resultOf(planned.judgement);
  const arrays = trainingArrays(results, stages);
  if (status.kind === 'diverged' || judged === undefined) {
    const sections = [split, ...raceAndCoarsening(results, configuration)];
    return { claims: [], sections, arrays, headline: {}, status };
  }
  const { judgement, losses } = judged;
  const { crossEntropy } = judgement.linear;
  const level = { at: crossEntropy, label: 'linear classifier on the held-out images' };
  return {
    claims,
    sections: [
      comparisonSection(judgement),
      split,
      { kind: 'figure', figure: trainingFigure(training.records, level) },
      depthSection(training.records),
      ...raceAndCoarsening(results, configuration),
      certificateSection(
        certified,
        `one batch of ${fewOf(configuration).length} training images, at the first and the last layer`,
        false,
      ),
    ],
    arrays: {
      ...arrays,
      'heldOut.loss.flow': { shape: [losses.flow.length], data: losses.flow },
      'heldOut.loss.linear': { shape: [losses.linear.length], data: losses.linear },
    },
    headline: {
      ...judgementHeadline(judgement),
      ...depthHeadline(results),
      certificate: certified[certified.length - 1].certificate.kind,
    },
    status: { kind: 'completed', message: judgementSentence(judgement) },
  };
}

/** The images on which controls are judged: a batch. */
function fewOf({ batch, split }: Digits): Int32Array {
  return firstImages(Math.min(batch, split.training));
}

function firstImages(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}

/** Digits classified by a flow over depth, beside a linear classifier, and depth refinement against a random start. */
export const digitsStudy = plannedStudy<Digits, DigitsPlan>({
  name: 'control/digits',
  title: 'Digits: image classification as a control problem over depth',
  description:
    'Trains a transformer on patches of real digits by depth refinement, beats a linear classifier on held-out digits, and measures what refinement saves.',
  papers: ['A'],
  schema: digitsSchema,
  plan,
  order: (planned) => [planned.split, ...depthPieces(planned), planned.baseline, planned.judgement],
  finish,
});
