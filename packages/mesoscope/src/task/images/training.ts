import { createControlProblem } from '../../control/create-problem.ts';
import type { ControlProblem } from '../../control/problem.ts';
import type { TrainingSubject } from '../../control/training.ts';
import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import type { ActivationKind, NormalisationKind } from '../../kernels/instruction.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { randomStream } from '../../numeric/random.ts';
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

/** Training on the images of a part, watched on those of another. */
export function imageTraining(
  backend: Backend,
  configuration: ImageFlowConfiguration,
  parts: { readonly training: PatchedImages; readonly validation: PatchedImages },
): TrainingSubject {
  const { batch } = configuration;
  const { training, validation } = parts;
  return {
    batch,
    problem: (layers) => createImageProblem(backend, configuration, training, layers),
    draw(seed, step) {
      const stream = randomStream(seed, 'training images', step);
      const indices = Int32Array.from({ length: batch }, () => stream.integer(training.count));
      return imageBatch(pickImages(training, indices));
    },
    validate: (problem, parameters) => mean(predictImages(problem, parameters, validation).losses),
  };
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

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
