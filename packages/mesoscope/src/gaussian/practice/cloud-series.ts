import type { Backend } from '../../kernels/backend.ts';
import type { NormalisationKind } from '../../kernels/instruction.ts';
import { fromRows } from '../../numeric/matrix.ts';
import { type CloudMeasures, excessDistance, measuresByName } from './measure-cloud.ts';
import {
  type Alternative,
  alternatives,
  asPredicted,
  gaussianInput,
  type MeasuredSource,
  measureAlternatives,
  measurePrescribed,
  measureSource,
  prescriptionName,
  type SourceOptions,
} from './measure-source.ts';
import { stackClouds } from './stack-clouds.ts';
import { type PrescribedAttention, randomStack, type TransformerShape } from './stacks.ts';
import type { TokenCloudSource } from './token-cloud.ts';

/**
 * By how much of √(trΣ/d) the distance may exceed that of a Gaussian sample, and still be called near: a choice of this project, for
 * the paper gives no number.
 */
export const near = 0.05;

/** The clouds of one stack of blocks from its input on. */
export interface CloudSeries extends MeasuredSource {
  readonly name: string;
  /** Whether attention is prescribed, and then whether the blocks do what the closure says; null: it says nothing. */
  readonly prescribed: boolean;
  readonly asPredicted: boolean | null;
  readonly normalised: boolean;
  /** Why the closure says nothing of these blocks: a causal mask, rotary positions; empty where it does. */
  readonly beyondClosure: string;
  /** L. */
  readonly layers: number;
  /** Shares of clouds of other laws, of the first cloud's shape, that would be called far; empty where they were not asked for. */
  readonly power: Readonly<Partial<Record<Alternative, number>>>;
}

/** The clouds up to the middle layer. */
export function earlyClouds({ measures, layers }: CloudSeries): CloudMeasures[] {
  return measures.filter(({ layer }) => layer <= Math.ceil(layers / 2));
}

/** Shares of clouds of n × d of each alternative law that would be called far. */
export function powerAt(
  backend: Backend,
  shape: { readonly rows: number; readonly columns: number },
  seed: number,
): CloudSeries['power'] {
  const clouds = measureAlternatives(backend, shape, { seed });
  return Object.fromEntries(
    alternatives.map((name) => [
      name,
      clouds[name].filter((one) => excessDistance(one) > near).length / clouds[name].length,
    ]),
  );
}

const plain = {
  prescribed: false,
  asPredicted: null,
  normalised: false,
  beyondClosure: '',
  power: {},
};

/** A series of clouds that nothing is prescribed to. */
export async function seriesOf(
  backend: Backend,
  source: TokenCloudSource,
  options: SourceOptions,
): Promise<CloudSeries> {
  const found = await measureSource(backend, source, options);
  return { ...plain, ...found, name: source.name, layers: source.layers };
}

/** Clouds that are given: layers × tokens × coordinates, and the power for the shape of the first. */
export async function measureGivenClouds(
  backend: Backend,
  clouds: readonly (readonly (readonly number[])[])[],
  options: SourceOptions & { readonly seed: number },
): Promise<CloudSeries> {
  async function* all() {
    for (const [layer, rows] of clouds.entries()) {
      yield { layer, points: fromRows(rows, `clouds[${layer}]`), tilt: null };
    }
  }
  const source = { name: 'given clouds', layers: clouds.length - 1, clouds: all };
  const measured = await seriesOf(backend, source, options);
  const [first] = clouds;
  const shape = { rows: first.length, columns: first[0].length };
  return { ...measured, power: powerAt(backend, shape, options.seed) };
}

/** What stacks of one shape with random weights are measured on. */
export interface StackSeries {
  readonly shape: TransformerShape;
  readonly normalisation: NormalisationKind | 'none';
  /** n. */
  readonly tokens: number;
  readonly seed: number;
  /** Which of the independent weights and inputs; the power is measured with the first. */
  readonly repetition: number;
  readonly progress: SourceOptions['progress'];
}

/** Standard normal tokens on their way through a stack with random weights. */
export async function measureRandomStack(
  backend: Backend,
  { shape, normalisation, tokens, seed, repetition, progress }: StackSeries,
): Promise<CloudSeries> {
  const own = 1000 * seed + repetition;
  const input = gaussianInput(own, tokens, shape.dimension);
  const stack = randomStack(shape, normalisation, own);
  const source = stackClouds(backend, stack, input);
  const measured = await seriesOf(backend, source, { seed: own, progress });
  if (repetition > 0) return measured;
  const cloud = { rows: tokens, columns: shape.dimension };
  return { ...measured, power: powerAt(backend, cloud, seed) };
}

/** Standard normal tokens on their way through a stack with prescribed attention. */
export async function measurePrescribedStack(
  backend: Backend,
  prescription: PrescribedAttention,
  { shape, normalisation, tokens, seed, progress }: Omit<StackSeries, 'repetition'>,
): Promise<CloudSeries> {
  const normalised = normalisation !== 'none';
  const found = await measurePrescribed(backend, shape, {
    prescription,
    normalised,
    tokens,
    options: { seed, progress },
  });
  const name = prescriptionName(prescription);
  const answer = asPredicted({ ...prescription, name, normalised, measures: found.measures });
  return {
    ...found,
    name,
    normalised,
    layers: shape.layers,
    prescribed: true,
    asPredicted: answer,
    beyondClosure: '',
    power: {},
  };
}

/** Series of clouds taken together: those of given and random blocks that have a spread, and those of prescribed attention. */
export function seriesTogether(measured: readonly CloudSeries[]) {
  const random = measured.filter(({ prescribed, measures }) => !prescribed && measures.length > 0);
  const prescribed = measured.filter((one) => one.prescribed);
  const clouds = random.flatMap(earlyClouds);
  return {
    random,
    prescribed,
    /** Up to the middle layer. */
    clouds,
    inputs: random.map(({ measures: [first] }) => first),
    excesses: random.map((one) => Math.max(...earlyClouds(one).map(excessDistance))),
    tilts: clouds.flatMap(({ tiltRatio }) => tiltRatio ?? []),
    /** The least share over shapes, by alternative law. */
    power: Object.fromEntries(
      alternatives.map((name) => [name, Math.min(1, ...random.map((one) => one.power[name] ?? 1))]),
    ),
    /** Share of these clouds below the 95 % level of their null. */
    below: clouds.filter((one) => one.sliced <= one.nullHigh).length / Math.max(1, clouds.length),
    /** Clouds that are one point, counted from the input. */
    points: random.flatMap((one) => one.onePoint.map((layer) => layer + 1)),
    answers: prescribed.flatMap((one) => one.asPredicted ?? []),
  };
}

/** What was measured of all series, by name; the first of random weights stands for these. */
export function seriesNumbers(together: ReturnType<typeof seriesTogether>) {
  const { random, prescribed, excesses, power, below, points, answers } = together;
  const [shown] = random;
  return {
    shown: shown?.name ?? 'none',
    ...measuresByName(shown?.measures ?? []),
    tiltRatio: shown?.measures.flatMap((one) => one.tiltRatio ?? []) ?? [],
    excess: excesses,
    'excess.threshold': `${near}, a choice of this project`,
    'clouds.onePoint': points,
    ...Object.fromEntries(alternatives.map((name) => [`power, ${name}`, power[name]])),
    'earlyLayers.shareBelowNull95': below,
    ...tracesByName(prescribed),
    'prescribed.asPredicted': answers.filter((one) => one).length,
    'prescribed.notAsPredicted': answers.filter((one) => !one).length,
  };
}

/** The excess of one series up to the middle layer, and what sampling leaves open of it: two deviations of the null. */
export function ownInterval(one: CloudSeries): readonly [number, number] {
  const early = earlyClouds(one);
  const excess = Math.max(...early.map(excessDistance));
  const deviation = 2 * Math.max(...early.map(({ nullDeviation }) => nullDeviation));
  return [excess - deviation, excess + deviation];
}

/** tr Σ after each layer, by the name of the series. */
export function tracesByName(series: readonly CloudSeries[]) {
  return Object.fromEntries(
    series.map(({ name, normalised, measures }) => [
      `trace, ${name}${normalised ? ', normalised' : ''}`,
      measures.map((one) => one.trace),
    ]),
  );
}
