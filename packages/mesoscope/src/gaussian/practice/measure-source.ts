import type { Backend } from '../../kernels/backend.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import {
  type CloudMeasures,
  type CloudMeter,
  createCloudMeter,
  isOnePoint,
} from './measure-cloud.ts';
import { stackClouds } from './stack-clouds.ts';
import { type PrescribedAttention, prescribedStack, type TransformerShape } from './stacks.ts';
import type { TokenCloudSource } from './token-cloud.ts';

export interface SourceOptions {
  readonly seed?: number;
  readonly progress?: ((layer: number, layers: number) => void | Promise<void>) | undefined;
}

/** The clouds of a source, layer by layer. */
export interface MeasuredSource {
  /** Of the clouds that are spread. */
  readonly measures: readonly CloudMeasures[];
  /** Layers after which all tokens coincide. */
  readonly onePoint: readonly number[];
}

/** The clouds of a source, measured layer by layer; between two layers the host can draw and abort. */
export function measureSource(
  backend: Backend,
  source: TokenCloudSource,
  { seed = 0, progress }: SourceOptions = {},
): Promise<MeasuredSource> {
  return backend.scopedAsync(async () => {
    const measures: CloudMeasures[] = [];
    const onePoint: number[] = [];
    let meter: CloudMeter | undefined;
    for await (const cloud of source.clouds()) {
      const { rows, columns } = cloud.points;
      if (isOnePoint(cloud.points)) onePoint.push(cloud.layer);
      else {
        if (meter?.tokens !== rows || meter.dimension !== columns) {
          meter = createCloudMeter(backend, cloud.points, { seed });
        }
        measures.push(meter.measure(cloud));
      }
      await progress?.(cloud.layer, source.layers);
      await new Promise((resume) => setTimeout(resume, 0));
    }
    return { measures, onePoint };
  });
}

/** A law of single coordinates, of mean 0 and variance 1, that is not Gaussian. */
export type Alternative = 'two-sided exponential' | 'uniform';

const draws: Readonly<Record<Alternative, (stream: RandomStream) => number>> = {
  'two-sided exponential': (stream) =>
    (Math.sign(stream.uniform() - 0.5) * -Math.log(1 - stream.uniform())) / Math.SQRT2,
  uniform: (stream) => Math.sqrt(12) * (stream.uniform() - 0.5),
};

export const alternatives = Object.keys(draws) as readonly Alternative[];

/** n tokens of independent coordinates of an alternative law. */
export function alternativeCloud(
  alternative: Alternative,
  { rows, columns }: Pick<Matrix, 'rows' | 'columns'>,
  stream: RandomStream,
): Matrix {
  const data = Float64Array.from({ length: rows * columns }, () => draws[alternative](stream));
  return { rows, columns, data };
}

/** Clouds of an alternative law, of one shape, as the meter sees them: from them follows the power of any verdict. */
export function measureAlternatives(
  backend: Backend,
  shape: Pick<Matrix, 'rows' | 'columns'>,
  { repetitions = 10, seed = 0 } = {},
): Readonly<Record<Alternative, readonly CloudMeasures[]>> {
  return backend.scoped(() => {
    const meter = createCloudMeter(backend, shape, { seed });
    const measured = alternatives.map((alternative) => [
      alternative,
      Array.from({ length: repetitions }, (_, k) => {
        const points = alternativeCloud(alternative, shape, randomStream(seed, alternative, k));
        return meter.measure({ layer: 0, points, tilt: null });
      }),
    ]);
    return Object.fromEntries(measured);
  });
}

/** n standard normal tokens. */
export function gaussianInput(seed: number, n: number, d: number): Matrix {
  const data = randomStream(seed, 'Gaussian input tokens').normals(new Float64Array(n * d));
  return { rows: n, columns: d, data };
}

/** Prescribed attention and what its covariance does. */
export interface PrescribedRecord extends PrescribedAttention {
  readonly name: string;
  readonly normalised: boolean;
  readonly measures: readonly CloudMeasures[];
}

/** All signs of K = ±Q, V = ±I and W = ±cI. */
export const prescriptions: readonly PrescribedAttention[] = [1, -1].flatMap((key) =>
  [1, -1].flatMap((value) =>
    [0.1, -0.1].map(
      (feedForward): PrescribedAttention => ({
        key: key as 1 | -1,
        value: value as 1 | -1,
        feedForward,
      }),
    ),
  ),
);

/** `K = −Q, V = I, W = −0.1I`. */
export function prescriptionName({ key, value, feedForward }: PrescribedAttention): string {
  const sign = (x: number) => (x < 0 ? '−' : '');
  return `K = ${sign(key)}Q, V = ${sign(value)}I, W = ${sign(feedForward)}${Math.abs(feedForward)}I`;
}

export interface PrescribedRun {
  readonly prescription: PrescribedAttention;
  readonly normalised: boolean;
  readonly tokens: number;
  readonly options: SourceOptions;
}

/** Measures n standard normal tokens on their way through blocks with prescribed attention. */
export async function measurePrescribed(
  backend: Backend,
  shape: TransformerShape,
  { prescription, normalised, tokens, options }: PrescribedRun,
): Promise<MeasuredSource> {
  const { seed = 0 } = options;
  const stack = prescribedStack(shape, prescription, normalised ? 'layer' : 'none', seed);
  const input = gaussianInput(seed, tokens, shape.dimension);
  return measureSource(backend, stackClouds(backend, stack, input), options);
}

/**
 * Whether unnormalised blocks do what the closure says, null where it says nothing: with M ≺ 0 and a contracted mean (K = Q, V = −I)
 * tr Σ stays below twice its start; with M ≻ 0 and W = +cI it grows faster than W alone makes it.
 */
export function asPredicted({
  key,
  value,
  feedForward,
  normalised,
  measures,
}: PrescribedRecord): boolean | null {
  if (normalised) return null;
  const traces = measures.map((one) => one.trace);
  const last = traces.length - 1;
  if (key === 1 && value === -1) return Math.max(...traces) <= 2 * traces[0];
  if (key * value === 1 && feedForward > 0) {
    return traces[last] > traces[0] * (1 + feedForward) ** (2 * last);
  }
  return null;
}
