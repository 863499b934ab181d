import * as z from 'zod';
import {
  distanceFigure,
  prescribedTraceFigure,
  traceFigure,
} from '../../claims/gaussian/practice-figures.ts';
import type { CloudMeasures } from '../../gaussian/practice/measure-cloud.ts';
import {
  gaussianInput,
  measurePrescribed,
  measureSource,
  prescriptionName,
  prescriptions,
} from '../../gaussian/practice/measure-source.ts';
import { stackClouds } from '../../gaussian/practice/stack-clouds.ts';
import { modernBertBase, randomStack, tinyDeit } from '../../gaussian/practice/stacks.ts';
import type { PieceContext, Section, Study, StudyResult } from '../study.ts';

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

type Group = 'random' | 'plain' | 'normalised';

/** One stack of blocks: a piece of this study. */
interface Stack {
  readonly group: Group;
  readonly series: string;
  measure(context: PieceContext): Promise<readonly CloudMeasures[]>;
}

function stacksOf({ seed, shapes, tokens, normalisations, prescribed }: Transformers): Stack[] {
  const options = ({ progress }: PieceContext) => ({
    seed,
    progress: (layer: number, layers: number) => progress(layer / Math.max(1, layers)),
  });
  const random = shapes.flatMap((shape) =>
    normalisations.map(
      (kind): Stack => ({
        group: 'random',
        series: `${shape.name}, ${kind === 'none' ? 'no normalisation' : `${kind} normalisation`}`,
        async measure(context) {
          const input = gaussianInput(seed, tokens, shape.dimension);
          const source = stackClouds(context.backend, randomStack(shape, kind, seed), input);
          return (await measureSource(context.backend, source, options(context))).measures;
        },
      }),
    ),
  );
  const chosen = [false, true].flatMap((normal) =>
    prescriptions.map(
      (one): Stack => ({
        group: normal ? 'normalised' : 'plain',
        series: prescriptionName(one),
        async measure(context) {
          const run = { prescription: one, normalised: normal, tokens, options: options(context) };
          return (await measurePrescribed(context.backend, prescribed, run)).measures;
        },
      }),
    ),
  );
  return [...random, ...chosen];
}

function finish(
  configuration: Transformers,
  measured: readonly (readonly CloudMeasures[])[],
): StudyResult {
  const stacks = stacksOf(configuration);
  const of = (group: Group): Curve[] =>
    stacks.flatMap(({ group: own, series }, index) =>
      own === group ? [{ series, measures: measured[index] }] : [],
    );
  const [random, plain, normalised] = [of('random'), of('plain'), of('normalised')];
  const curves = [
    ...random,
    ...plain.map((one) => ({ ...one, series: `prescribed, ${one.series}` })),
    ...normalised.map((one) => ({ ...one, series: `prescribed, normalised, ${one.series}` })),
  ];
  return {
    claims: [],
    sections: sections(random, plain, normalised),
    arrays: Object.fromEntries(
      curves.map(({ series, measures }) => [
        series,
        { shape: [measures.length, columns], data: measuresTable(measures) },
      ]),
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
    status: {
      kind: 'completed',
      message: `${stacks.length} stacks of blocks were measured layer by layer.`,
    },
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
      prescribedTraceFigure(
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
      prescribedTraceFigure(
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
      'along coordinates',
      'null',
      'norms, deviations',
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
      short(one.coordinates),
      short(one.coordinatesNull),
      one.normDeviations.toFixed(1),
      short(one.skewness),
      short(one.kurtosis),
      one.tiltRatio === null ? '–' : short(one.tiltRatio),
    ]),
    note: 'Sliced W2 in units of √(trΣ/d); null: Gaussian samples of the same size and covariance; along coordinates: the same along the coordinate axes; norms: how far the variance of |x − m|² is from a Gaussian’s, in standard deviations; p-values of Mardia’s statistics in four random directions.',
  };
}

const columns = 14;

/** Rows: layer, |m|, tr Σ, effective rank, sliced W2, null mean, null 95 %, p skewness, p kurtosis, tilt ratio (−1: none), along coordinates, its null, deviation of the null, norms. */
function measuresTable(measures: readonly CloudMeasures[]): Float64Array {
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
    one.coordinates,
    one.coordinatesNull,
    one.nullDeviation,
    one.normDeviations,
  ]);
  return Float64Array.from(rows.flat());
}

/** Stacks of transformer blocks fed with Gaussian tokens, layer by layer. */
export const transformersStudy: Study<Transformers, readonly CloudMeasures[]> = {
  name: 'gaussian/transformers',
  title: 'Transformer blocks fed with Gaussian tokens',
  description:
    'Measures layer by layer how near to Gaussian the tokens stay, for the shapes of ModernBERT-base and Tiny-DeiT with random weights and for prescribed attention matrices.',
  papers: ['C'],
  schema: transformersSchema,
  pieces: (configuration) => stacksOf(configuration).length,
  label: (configuration, index) => stacksOf(configuration)[index].series,
  async piece(configuration, context) {
    const { group, series, measure } = stacksOf(configuration)[context.index];
    const measures = await measure(context);
    if (group === 'random') {
      context.metric({ series, distance: measures[measures.length - 1].sliced });
    }
    return measures;
  },
  finish,
};
