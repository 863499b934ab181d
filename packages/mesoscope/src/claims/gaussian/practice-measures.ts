import {
  type CloudMeasures,
  type CloudMeter,
  createCloudMeter,
} from '../../gaussian/practice/measure-cloud.ts';
import { stackClouds } from '../../gaussian/practice/stack-clouds.ts';
import {
  type PrescribedAttention,
  prescribedStack,
  type TransformerShape,
} from '../../gaussian/practice/stacks.ts';
import type { TokenCloudSource } from '../../gaussian/practice/token-cloud.ts';
import type { Backend } from '../../kernels/backend.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Figure, Mark } from '../figure.ts';

export interface SourceOptions {
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: (layer: number, layers: number) => void;
}

/** The clouds of a source, measured layer by layer; between two layers the host can draw and abort. */
export function measureSource(
  backend: Backend,
  source: TokenCloudSource,
  { seed = 0, signal, progress }: SourceOptions = {},
): Promise<CloudMeasures[]> {
  return backend.scopedAsync(async () => {
    const measures: CloudMeasures[] = [];
    let meter: CloudMeter | undefined;
    for await (const cloud of source.clouds()) {
      signal?.throwIfAborted();
      const { rows, columns } = cloud.points;
      if (meter?.tokens !== rows || meter.dimension !== columns) {
        meter = createCloudMeter(backend, cloud.points, { seed });
      }
      measures.push(meter.measure(cloud));
      progress?.(cloud.layer, source.layers);
      await new Promise((resume) => setTimeout(resume, 0));
    }
    return measures;
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

/** Measures n standard normal tokens on their way through blocks with prescribed attention. */
export async function measurePrescribed(
  backend: Backend,
  shape: TransformerShape,
  prescribed: PrescribedAttention,
  normalised: boolean,
  tokens: number,
  options: SourceOptions,
): Promise<readonly CloudMeasures[]> {
  const { seed = 0 } = options;
  const stack = prescribedStack(shape, prescribed, normalised ? 'layer' : 'none', seed);
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

/** Sliced distance over layers with its null. */
export function distanceFigure(
  id: string,
  title: string,
  curves: readonly { readonly series: string; readonly measures: readonly CloudMeasures[] }[],
): Figure {
  const longest = curves.reduce((a, b) => (b.measures.length > a.measures.length ? b : a));
  const marks: Mark[] = [
    {
      kind: 'band',
      series: 'Gaussian samples of the same size (null, to 95 %)',
      x: longest.measures.map((one) => one.layer),
      low: longest.measures.map((one) => one.nullMean),
      high: longest.measures.map((one) => one.nullHigh),
    },
  ];
  for (const { series, measures } of curves) {
    marks.push({
      kind: 'line',
      series,
      x: measures.map((one) => one.layer),
      y: measures.map((one) => one.sliced),
    });
  }
  return {
    id,
    title,
    caption:
      'Sliced W2 between the tokens and the Gaussian with their moments, in units of √(trΣ/d), after each layer. Band: mean to 95 % of what Gaussian samples show that have the size and covariance of the cloud of the deepest stack.',
    x: { label: 'layer' },
    y: { label: 'sliced W2 / √(trΣ/d)' },
    marks,
  };
}

/** What the closure says of blocks with prescribed attention. */
const prescribedRegimes =
  'K = Q with V = I and K = −Q with V = −I expand the cloud, the other signs contract it.';

/** tr Σ over layers of blocks with prescribed attention. */
export function prescribedTraceFigure(...given: Parameters<typeof traceFigure>): Figure {
  const figure = traceFigure(...given);
  return { ...figure, caption: `${figure.caption} ${prescribedRegimes}` };
}

/** tr Σ over layers. */
export function traceFigure(
  id: string,
  title: string,
  curves: readonly { readonly series: string; readonly measures: readonly CloudMeasures[] }[],
): Figure {
  return {
    id,
    title,
    caption: 'Trace of the covariance of the tokens after each layer.',
    x: { label: 'layer' },
    y: { label: 'tr Σ', scale: 'log' },
    marks: curves.map(({ series, measures }) => ({
      kind: 'line',
      series,
      x: measures.map((one) => one.layer),
      y: measures.map((one) => one.trace),
    })),
  };
}
