import { z } from 'zod';
import {
  distanceFigure,
  gaussianInput,
  measurePrescribed,
  measureSource,
  prescriptions,
  traceFigure,
} from '../../claims/gaussian/practice-measures.ts';
import { blockClouds } from '../../gaussian/practice/block-clouds.ts';
import type { CloudMeasures } from '../../gaussian/practice/measure-cloud.ts';
import { modernBertBase, randomStack, tinyDeit } from '../../gaussian/practice/stacks.ts';
import type { Section, Study, StudyContext, StudyResult } from '../study.ts';

const width = z.int().min(1);

const shapeSchema = z.strictObject({
  name: z.string().min(1),
  layers: width.describe('L'),
  dimension: width.describe('d, a multiple of the number of heads'),
  heads: width.describe('H'),
  hidden: width.describe('width of the feed-forward layer'),
});

const transformersSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  shapes: z
    .array(shapeSchema)
    .min(1)
    .default([{ ...modernBertBase }, { ...tinyDeit }]),
  tokens: z.int().min(8).default(96).describe('n, standard normal'),
  normalisations: z
    .array(z.enum(['layer', 'rms', 'none']))
    .min(1)
    .default(['layer', 'none']),
  prescribed: shapeSchema
    .default({
      name: 'Tiny-DeiT, a quarter as wide',
      layers: 12,
      dimension: 48,
      heads: 3,
      hidden: 192,
    })
    .describe('shape of the blocks with prescribed attention matrices'),
});

type Transformers = z.infer<typeof transformersSchema>;

interface Curve {
  readonly series: string;
  readonly measures: readonly CloudMeasures[];
}

async function run(configuration: Transformers, context: StudyContext): Promise<StudyResult> {
  const { seed, shapes, tokens, normalisations, prescribed } = configuration;
  const { backend, signal } = context;
  const stopped = () => signal?.aborted === true;
  const total = shapes.length * normalisations.length + 2 * prescriptions.length;
  const random: Curve[] = [];
  const normalised: Curve[] = [];
  const plain: Curve[] = [];
  let done = 0;
  const options = (series: string) => ({
    seed,
    progress: (layer: number, layers: number) =>
      context.progress(done + layer / Math.max(1, layers), total, series),
  });
  for (const shape of shapes) {
    for (const normalisation of normalisations) {
      if (stopped()) break;
      const series = `${shape.name}, ${normalisation === 'none' ? 'no normalisation' : `${normalisation} normalisation`}`;
      const input = gaussianInput(seed, tokens, shape.dimension);
      const source = blockClouds(backend, randomStack(shape, normalisation, seed), input);
      random.push({ series, measures: await measureSource(source, options(series)) });
      context.metric({ series, distance: random[random.length - 1].measures.at(-1)?.sliced ?? 0 });
      done++;
    }
  }
  const input = gaussianInput(seed, tokens, prescribed.dimension);
  for (const normal of [false, true]) {
    for (const one of prescriptions) {
      if (stopped()) break;
      const record = await measurePrescribed(
        backend,
        prescribed,
        one,
        normal,
        input,
        options('prescribed attention'),
      );
      (normal ? normalised : plain).push({ series: record.name, measures: record.measures });
      done++;
    }
  }
  const curves = [
    ...random,
    ...plain.map((one) => ({ ...one, series: `prescribed, ${one.series}` })),
    ...normalised.map((one) => ({ ...one, series: `prescribed, normalised, ${one.series}` })),
  ];
  return {
    claims: [],
    sections: sections(random, plain, normalised),
    arrays: Object.fromEntries(
      curves.map(({ series, measures }) => [series, measuresArray(measures)]),
    ),
    headline: Object.fromEntries(
      random.map(({ series, measures }) => {
        const middle = measures[Math.floor(measures.length / 2)];
        return [
          `distance over null at the middle layer, ${series}`,
          middle.sliced / middle.nullMean,
        ];
      }),
    ),
    status: stopped()
      ? { kind: 'interrupted', message: `${done} of ${total} stacks were measured.` }
      : { kind: 'completed', message: `${done} stacks of blocks were measured layer by layer.` },
  };
}

function sections(
  random: readonly Curve[],
  plain: readonly Curve[],
  normalised: readonly Curve[],
): Section[] {
  const figures = [
    ...(random.length > 0
      ? [
          distanceFigure(
            'distance',
            'Random weights: distance to the moment-matched Gaussian',
            random,
          ),
          traceFigure('trace', 'Random weights: spread', random),
        ]
      : []),
    ...signsOfW(plain).flatMap(([sign, curves]) => [
      traceFigure(
        `prescribed-trace-${sign}`,
        `Prescribed attention, ${sign} W, without normalisation`,
        curves,
      ),
      distanceFigure(
        `prescribed-distance-${sign}`,
        `Prescribed attention, ${sign} W: distance to the moment-matched Gaussian`,
        curves,
      ),
    ]),
    ...signsOfW(normalised).map(([sign, curves]) =>
      traceFigure(
        `prescribed-normalised-${sign}`,
        `Prescribed attention, ${sign} W, with normalisation`,
        curves,
      ),
    ),
  ];
  return [
    ...figures.map((figure) => ({ kind: 'figure' as const, figure })),
    ...random.map(({ series, measures }) => layerTable(series, measures)),
  ];
}

/** Curves apart by the sign of W: all of them in one figure have more colours than an eye tells apart. */
function signsOfW(curves: readonly Curve[]): [string, readonly Curve[]][] {
  const negative = (one: Curve) => one.series.includes('W = −');
  const groups: [string, readonly Curve[]][] = [
    ['positive', curves.filter((one) => !negative(one))],
    ['negative', curves.filter(negative)],
  ];
  return groups.filter(([, group]) => group.length > 0);
}

function layerTable(series: string, measures: readonly CloudMeasures[]): Section {
  const short = (value: number) => value.toPrecision(3);
  return {
    kind: 'table',
    title: series,
    columns: [
      'layer',
      '|m|',
      'tr Σ',
      'effective rank',
      'sliced W2',
      'null',
      'null, 95 %',
      'p skewness',
      'p kurtosis',
      'tilt / √(2 ln n)',
    ],
    rows: measures.map((one) => [
      one.layer,
      short(one.mean),
      short(one.trace),
      short(one.effectiveRank),
      short(one.sliced),
      short(one.nullMean),
      short(one.nullHigh),
      short(one.skewness),
      short(one.kurtosis),
      one.tiltRatio === null ? '–' : short(one.tiltRatio),
    ]),
    note: 'Sliced W2 in units of √(trΣ/d); null: Gaussian samples of the same size and covariance; p-values of Mardia’s statistics in four random directions.',
  };
}

/** Rows: layer, |m|, tr Σ, effective rank, sliced W2, null mean, null 95 %, p skewness, p kurtosis, tilt ratio (−1: none). */
function measuresArray(measures: readonly CloudMeasures[]) {
  const rows = measures.map((one) => [
    one.layer,
    one.mean,
    one.trace,
    one.effectiveRank,
    one.sliced,
    one.nullMean,
    one.nullHigh,
    one.skewness,
    one.kurtosis,
    one.tiltRatio ?? -1,
  ]);
  return { shape: [rows.length, 10], data: Float64Array.from(rows.flat()) };
}

/** Stacks of transformer blocks fed with Gaussian tokens, layer by layer. */
export const transformersStudy: Study<Transformers> = {
  name: 'gaussian/transformers',
  title: 'Transformer blocks fed with Gaussian tokens',
  description:
    'Measures layer by layer how near to Gaussian the tokens stay, for the shapes of ModernBERT-base and Tiny-DeiT with random weights and for prescribed attention matrices.',
  papers: ['C'],
  schema: transformersSchema,
  run,
};
