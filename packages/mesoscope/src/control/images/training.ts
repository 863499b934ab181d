import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import type { ActivationKind, NormalisationKind } from '../../kernels/instruction.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { randomStream } from '../../numeric/random.ts';
import { createControlProblem } from '../create-problem.ts';
import { initialParameters } from '../parameters.ts';
import type { ControlProblem } from '../problem.ts';
import {
  type Prolongation,
  type RefinementStage,
  type RefinementState,
  refineDepth,
} from '../refinement.ts';
import { adam, type RateSchedule, type SolverStatus } from '../solvers/index.ts';
import { type PatchedImages, pickImages } from './patches.ts';
import { largest, type Predictions } from './softmax-regression.ts';

/** The control problem of image classification, but for its depth. */
export interface ImageFlowConfiguration {
  readonly classes: number;
  /** H. */
  readonly heads: number;
  /** k. */
  readonly keyDimension: number;
  /** Width of the feed-forward layer. */
  readonly hidden: number;
  readonly activation: ActivationKind;
  /** Of the tokens that a layer and the readout see. */
  readonly normalisation: NormalisationKind;
  /** T. */
  readonly horizon: number;
  /** λ of `∫(λ/2)|θ|² dt`. */
  readonly regularisation: number;
  /** Images a step. */
  readonly batch: number;
}

/** `z = U mean(norm h_T)` after L layers of attention and feed-forward that every token of the image takes part in. */
export function createImageProblem(
  backend: Backend,
  configuration: ImageFlowConfiguration,
  data: Pick<PatchedImages, 'tokens' | 'dimension'>,
  layers: number,
): ControlProblem {
  const { normalisation, horizon, batch, classes, regularisation, ...block } = configuration;
  return createControlProblem(backend, {
    field: transformerBlock({
      dimension: data.dimension,
      heads: block.heads,
      keyDimension: block.keyDimension,
      hidden: block.hidden,
      activation: block.activation,
      normalisation,
      causal: false,
      output: true,
    }),
    grid: uniformGrid(horizon, layers),
    tokens: data.tokens,
    samples: batch,
    classes,
    pooling: 'mean',
    normalisation,
    regularisation,
  });
}

/** One line of a training's record. */
export interface ImageTrainingRecord {
  /** L. */
  readonly layers: number;
  /** Steps taken over all depths. */
  readonly step: number;
  /** Training time so far, records not counted. */
  readonly seconds: number;
  /** Gradients of single layers on single images so far: Σ steps × layers × batch. */
  readonly layerGradients: number;
  /** Mean cross-entropy in nats over the batches since the last record. */
  readonly loss: number;
  /** Cross-entropy in nats on the validation images. */
  readonly validationLoss: number;
}

/** A training in plain arrays: all that is needed to continue it. */
export interface ImageTrainingState {
  readonly refinement: RefinementState;
  readonly records: readonly ImageTrainingRecord[];
}

export interface ImageTraining {
  readonly configuration: ImageFlowConfiguration;
  readonly seed: number;
  /** One stage: training at one depth from a random start. */
  readonly stages: readonly RefinementStage[];
  readonly prolongation: Prolongation;
  /** At a step counted over all stages. */
  readonly rate: RateSchedule;
  readonly training: PatchedImages;
  readonly validation: PatchedImages;
  /** Steps between two records. */
  readonly reportEvery: number;
}

export interface ImageTrainingHost {
  readonly resume?: ImageTrainingState;
  /** After every step: steps times layers so far. */
  progress?(layerSteps: number, label: string): void;
  /** After every record. */
  record?(record: ImageTrainingRecord, state: () => ImageTrainingState): Promise<void>;
  readonly signal?: AbortSignal;
}

export interface ImageTrainingResult extends ImageTrainingState {
  readonly status: SolverStatus;
}

/**
 * Trains with Adam, by depth refinement where there is more than one stage. Deterministic but for the seconds, for a
 * seed, on any number of threads and when it is continued.
 *
 * @throws MesoscopeError `invalid-value`, `out-of-memory`
 */
export async function trainImageFlow(
  backend: Backend,
  training: ImageTraining,
  host: ImageTrainingHost = {},
): Promise<ImageTrainingResult> {
  const { configuration, stages, reportEvery } = training;
  const { batch } = configuration;
  const before = (stage: number, of: (stage: RefinementStage) => number) =>
    stages.slice(0, stage).reduce((sum, each) => sum + of(each), 0);
  const stepsBefore = (stage: number) => before(stage, ({ steps }) => steps);
  const records = [...(host.resume?.records ?? [])];
  let seconds = records.at(-1)?.seconds ?? 0;
  let losses: number[] = [];
  let clock = performance.now();
  let problem: ControlProblem;
  const { status, state } = await refineDepth({
    backend,
    stages,
    prolongation: training.prolongation,
    rule: adam(),
    rate: (stage) => (step) => training.rate(stepsBefore(stage) + step),
    start: host.resume?.refinement ?? randomStart(backend, training),
    problem: ({ layers }, stage) => {
      problem = createImageProblem(backend, configuration, training.training, layers);
      const { layout, grid } = problem;
      return {
        layout,
        grid,
        objective: {
          gradient: (parameters, step, out) =>
            problem.gradient(parameters, drawBatch(training, stepsBefore(stage) + step), out),
        },
      };
    },
    async report(values, state) {
      const now = performance.now();
      seconds += (now - clock) / 1000;
      clock = now;
      losses.push(values.loss);
      const { layers, steps } = stages[values.stage];
      const layerSteps =
        before(values.stage, (stage) => stage.steps * stage.layers) + (values.step + 1) * layers;
      host.progress?.(layerSteps, `${layers} layers, loss ${values.loss.toFixed(3)}`);
      if ((values.step + 1) % reportEvery !== 0 && values.step + 1 !== steps) return;
      const { losses: validation } = predictImages(problem, values.parameters, training.validation);
      const record = {
        layers,
        step: stepsBefore(values.stage) + values.step + 1,
        seconds,
        layerGradients: layerSteps * batch,
        loss: mean(losses),
        validationLoss: mean(validation),
      };
      losses = [];
      records.push(record);
      await host.record?.(record, () => ({ refinement: state(), records: [...records] }));
      clock = performance.now();
    },
    ...(host.signal === undefined ? {} : { signal: host.signal }),
  });
  return { status, refinement: state, records };
}

/** Cross-entropy and correctness on images, in batches as the problem holds. NaN losses where the flow diverged. */
export function predictImages(
  problem: ControlProblem,
  parameters: FloatArray,
  images: PatchedImages,
): Predictions {
  const { classes, samples } = problem;
  const size = images.tokens * images.dimension;
  const stride = columnStride(1);
  const losses = new Float64Array(images.count);
  const correct = new Uint8Array(images.count);
  const own = new Float64Array(classes);
  for (let from = 0; from < images.count; from += samples) {
    const count = Math.min(samples, images.count - from);
    const states = images.states.subarray(from * size, (from + count) * size);
    const logits = problem.logits(parameters, { samples: count, states });
    for (let s = 0; s < count; s++) {
      for (let c = 0; c < classes; c++) own[c] = logits[(s * classes + c) * stride];
      const best = largest(own);
      const total = own.reduce((sum, z) => sum + Math.exp(z - own[best]), 0);
      losses[from + s] = Math.log(total) + own[best] - own[images.labels[from + s]];
      correct[from + s] = best === images.labels[from + s] ? 1 : 0;
    }
  }
  return { losses, correct };
}

/** Images as a batch of a problem that holds them. */
export function imageBatch({ count, states, labels }: PatchedImages) {
  return { samples: count, states, labels };
}

function randomStart(
  backend: Backend,
  { configuration, training, stages, seed }: ImageTraining,
): RefinementState {
  return backend.scoped(() => {
    const problem = createImageProblem(backend, configuration, training, stages[0].layers);
    const parameters = initialParameters(problem.field, problem.layout, seed);
    return { stage: 0, step: 0, parameters, memory: {} };
  });
}

/** The images of a step, from a random stream of its own. */
function drawBatch({ configuration, training, seed }: ImageTraining, step: number) {
  const stream = randomStream(seed, 'training images', step);
  const indices = Int32Array.from({ length: configuration.batch }, () =>
    stream.integer(training.count),
  );
  return imageBatch(pickImages(training, indices));
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
