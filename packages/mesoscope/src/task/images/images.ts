import * as z from 'zod';
import { MesoscopeError } from '../../errors.ts';
import { refuse, shapeMismatch } from '../../numeric/checks.ts';

/** Grey images of one size, each with a class. */
export interface LabelledImages {
  readonly width: number;
  readonly height: number;
  /** Image after image, each height × width, row-major; grey levels, usually in [0, 1]. */
  readonly pixels: Float64Array;
  /** One class 0 … C − 1 an image. */
  readonly labels: Int32Array;
}

/** Labelled images as a document: `{ "width", "height", "pixels": [image after image, row-major], "labels" }`. */
export const labelledImagesSchema: z.ZodType<LabelledImages> = z.strictObject({
  width: z.int().min(1),
  height: z.int().min(1),
  pixels: z.array(z.number()).transform((values) => Float64Array.from(values)),
  labels: z.array(z.int()).transform((values) => Int32Array.from(values)),
});

/**
 * Refuses images that make no classification problem with C classes.
 *
 * @throws MesoscopeError `shape-mismatch`, `not-finite`, `invalid-value` for a label outside the classes and for a class
 *   without an image
 */
export function checkImages(images: LabelledImages, classes: number): void {
  const { width, height, pixels, labels } = images;
  if (pixels.length !== labels.length * width * height || labels.length === 0) {
    throw shapeMismatch(
      'pixels',
      [pixels.length],
      [labels.length === 0 ? 'at least 1 image' : labels.length, height, width],
    );
  }
  const index = pixels.findIndex((value) => !Number.isFinite(value));
  if (index >= 0) {
    throw new MesoscopeError({
      code: 'not-finite',
      path: 'pixels',
      index,
      received: pixels[index],
    });
  }
  const counts = new Int32Array(classes);
  labels.forEach((label, i) => {
    if (label < 0 || label >= classes) {
      refuse(`labels[${i}]`, label, `a class from 0 to ${classes - 1}`);
    }
    counts[label]++;
  });
  const empty = counts.indexOf(0);
  if (empty >= 0)
    refuse('classes', classes, `a number of classes that all have images; class ${empty} has none`);
}

/** Numbers of images of the three parts. */
export interface SplitSizes {
  readonly training: number;
  readonly validation: number;
  readonly heldOut: number;
}

/** Indices of images. The parts are disjoint. */
export interface ImageSplit {
  readonly training: Int32Array;
  /** For choices: λ of the baseline, when to stop, presets. */
  readonly validation: Int32Array;
  /** Drawn before the others; seen once, at the end. */
  readonly heldOut: Int32Array;
  /** Classes of the held-out part that training never sees: no model can be right about them. */
  readonly unseen: readonly number[];
}

/**
 * Splits images into parts in which every class has its share, in the order held-out, validation, training: what a
 * part holds depends on the stream and on the sizes of the parts before it only. A class with few images may be missing
 * from training: see `unseen`.
 *
 * @throws MesoscopeError `invalid-value` where there are not enough images
 */
export function splitImages(
  { labels }: Pick<LabelledImages, 'labels'>,
  sizes: SplitSizes,
  stream: { shuffle(array: number[]): number[] },
): ImageSplit {
  const wanted = sizes.training + sizes.validation + sizes.heldOut;
  if (wanted > labels.length) {
    refuse(
      'training + validation + heldOut',
      wanted,
      `at most ${labels.length}, the images there are`,
    );
  }
  const byClass = new Map<number, number[]>();
  for (const i of stream.shuffle(Array.from(labels.keys()))) {
    const own = byClass.get(labels[i]);
    if (own === undefined) byClass.set(labels[i], [i]);
    else own.push(i);
  }
  // Images of a class are spread evenly over (0, 1): every stretch of the merged order holds every class's share.
  const order = [...byClass.values()]
    .flatMap((own) => own.map((image, i) => ({ image, place: (i + 0.5) / own.length })))
    .sort((a, b) => a.place - b.place || a.image - b.image)
    .map(({ image }) => image);
  const heldOut = Int32Array.from(order.slice(0, sizes.heldOut));
  const validation = Int32Array.from(order.slice(sizes.heldOut, sizes.heldOut + sizes.validation));
  const training = Int32Array.from(order.slice(sizes.heldOut + sizes.validation, wanted));
  const seen = new Set(Array.from(training, (i) => labels[i]));
  const tested = new Set(Array.from(heldOut, (i) => labels[i]));
  const unseen = [...tested].filter((label) => !seen.has(label)).sort((a, b) => a - b);
  return { training, validation, heldOut, unseen };
}
