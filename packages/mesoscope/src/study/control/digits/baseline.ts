import type { Backend } from '../../../kernels/backend.ts';
import { binomialInterval, type Interval, meanInterval } from '../../../numeric/fit.ts';
import {
  fitSoftmaxRegression,
  type LabelledImages,
  type LabelledPoints,
  type LinearClassifier,
  type Predictions,
  predictLinear,
} from '../../../task/images/index.ts';

/** Linear classifiers on the pixels for each λ, and the one that the validation images choose. */
export interface Baseline {
  readonly tried: readonly {
    readonly model: LinearClassifier;
    readonly validation: Score;
  }[];
  readonly best: LinearClassifier;
}

/** Accuracy and cross-entropy with 95 % intervals over images. */
export interface Score {
  readonly accuracy: number;
  /** Clopper–Pearson. */
  readonly accuracyInterval: Interval;
  /** In nats. */
  readonly crossEntropy: number;
  readonly crossEntropyInterval: Interval | null;
}

/** Fits from the largest λ down, each from the one before. */
export function fitBaseline(
  backend: Backend,
  parts: { readonly training: LabelledPoints; readonly validation: LabelledPoints },
  classes: number,
  regularisations: readonly number[],
  report: (done: number) => void,
): Baseline {
  const tried: { model: LinearClassifier; validation: Score }[] = [];
  for (const regularisation of [...regularisations].sort((a, b) => b - a)) {
    report(tried.length);
    const start = tried.at(-1)?.model;
    const options = start === undefined ? { regularisation } : { regularisation, start };
    const model = fitSoftmaxRegression(backend, parts.training, classes, options);
    tried.push({ model, validation: scoreOf(predictLinear(model, parts.validation)) });
  }
  const best = tried.reduce((a, b) =>
    b.validation.crossEntropy < a.validation.crossEntropy ? b : a,
  ).model;
  return { tried, best };
}

export function scoreOf({ losses, correct }: Predictions): Score {
  const right = correct.reduce((sum, one) => sum + one, 0);
  const { mean, interval } = meanInterval(losses);
  return {
    accuracy: right / correct.length,
    accuracyInterval: binomialInterval(right, correct.length),
    crossEntropy: mean,
    crossEntropyInterval: interval,
  };
}

/** Some images as points, one coordinate a pixel. */
export function pixelPoints(images: LabelledImages, chosen: Int32Array): LabelledPoints {
  const { width, height, pixels, labels } = images;
  const features = width * height;
  const points = new Float64Array(chosen.length * features);
  chosen.forEach((image, s) => {
    points.set(pixels.subarray(image * features, (image + 1) * features), s * features);
  });
  return { features, points, labels: chosen.map((image) => labels[image]) };
}
