import { MesoscopeError } from '../errors.ts';
import { requireThat } from '../numeric/checks.ts';
import type { Blueprint } from './architecture.ts';
import type { PixelInput } from './embed.ts';

/** A decoded image: row after row, three numbers a pixel, 0 … 255. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly rgb: ArrayLike<number>;
}

/** What preprocessor_config.json says. */
export type ProcessorSettings = Readonly<Record<string, unknown>>;

interface Processing {
  /** Length of the shorter edge, or height and width. */
  readonly size: number | readonly [height: number, width: number];
  readonly crop: readonly [height: number, width: number] | undefined;
  readonly cubic: boolean;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** Of ImageNet, where nothing is said. */
const usual = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

/**
 * An image as the model was trained to see it: resized (a filter as wide as a new pixel), cut to its middle, divided by 255, scaled to
 * the mean and deviation of its training. Without settings: the size of the model's images and the colours of ImageNet.
 *
 * @throws MesoscopeError `invalid-value` for settings that make no sense, `unsupported` for a model of texts
 */
export function imageInput(
  picture: Picture,
  { embedding }: Blueprint,
  settings: ProcessorSettings = {},
): PixelInput {
  if (embedding.kind !== 'patches') {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'an image as input',
      by: 'a model of texts',
      wayOut: 'Give it a text: --text.',
    });
  }
  const { size, crop, cubic, mean, deviation } = processingOf(settings, embedding.image);
  const [height, width] = resizedSize(picture, size);
  const filter = cubic ? cubicKernel : linearKernel;
  const wide = resample(picture.rgb, [picture.height, picture.width], width, filter);
  const turned = turn(wide, picture.height, width);
  const all = turn(resample(turned, [width, picture.height], height, filter), width, height);
  const [rows, columns] = crop ?? [height, width];
  const top = Math.floor((height - rows) / 2);
  const left = Math.floor((width - columns) / 2);
  const pixels = new Float64Array(3 * rows * columns);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const inside = y + top >= 0 && y + top < height && x + left >= 0 && x + left < width;
        const value = inside ? all[((y + top) * width + x + left) * 3 + c] : 0;
        // A resized image has whole numbers again.
        const whole = Math.min(255, Math.max(0, Math.round(value)));
        pixels[(c * rows + y) * columns + x] = (whole / 255 - mean[c]) / deviation[c];
      }
    }
  }
  return { height: rows, width: columns, pixels };
}

function processingOf(
  settings: ProcessorSettings,
  image: readonly [height: number, width: number],
): Processing {
  const path = 'preprocessor_config.json';
  const sides = (key: string): Processing['size'] | undefined => {
    const value = settings[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number') return value;
    const { height, width, shortest_edge: shortest } = value as Record<string, unknown>;
    const found = typeof shortest === 'number' ? shortest : [height, width];
    const fits = [found].flat().every((side) => Number.isInteger(side) && Number(side) > 0);
    requireThat(fits, `${path}, ${key}`, value, 'a length, shortest_edge, or height and width');
    return found as Processing['size'];
  };
  const colours = (key: string, otherwise: readonly number[]): readonly number[] => {
    const value = settings[key] ?? otherwise;
    const fits = Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
    requireThat(fits, `${path}, ${key}`, value, 'three numbers');
    return value as readonly number[];
  };
  const cut = settings.do_center_crop === false ? undefined : sides('crop_size');
  const crop = typeof cut === 'number' ? ([cut, cut] as const) : cut;
  return {
    size: settings.do_resize === false ? image : (sides('size') ?? image),
    crop,
    cubic: settings.resample === 3 || settings.resample === undefined,
    mean: colours('image_mean', usual.mean),
    deviation: colours('image_std', usual.deviation),
  };
}

function resizedSize(
  { height, width }: Picture,
  size: Processing['size'],
): readonly [height: number, width: number] {
  if (typeof size !== 'number') return size;
  const factor = size / Math.min(height, width);
  return height < width
    ? [size, Math.floor(width * factor + 1e-9)]
    : [Math.floor(height * factor + 1e-9), size];
}

/** Keys' cubic of parameter −1/2 (Keys 1981). */
function cubicKernel(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

function linearKernel(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

/** Every row to another number of pixels; shrunk, the kernel is as much wider as the pixels. */
function resample(
  rgb: ArrayLike<number>,
  [rows, from]: readonly [number, number],
  to: number,
  kernel: (x: number) => number,
): Float64Array {
  const ratio = from / to;
  const stretch = Math.max(1, ratio);
  const reach = (kernel === cubicKernel ? 2 : 1) * stretch;
  const result = new Float64Array(rows * to * 3);
  for (let x = 0; x < to; x++) {
    const centre = (x + 0.5) * ratio;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(from, Math.floor(centre + reach + 0.5));
    const weights = Array.from({ length: end - first }, (_, k) =>
      kernel((first + k - centre + 0.5) / stretch),
    );
    const total = weights.reduce((sum, w) => sum + w, 0);
    for (let y = 0; y < rows; y++) {
      for (const [k, weight] of weights.entries()) {
        for (let c = 0; c < 3; c++) {
          result[(y * to + x) * 3 + c] += (weight / total) * rgb[(y * from + first + k) * 3 + c];
        }
      }
    }
  }
  return result;
}

/** Rows as columns. */
function turn(rgb: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const result = new Float64Array(rows * columns * 3);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      for (let c = 0; c < 3; c++) result[(x * rows + y) * 3 + c] = rgb[(y * columns + x) * 3 + c];
    }
  }
  return result;
}
