import * as z from 'zod';
import {
  type CloudSeries,
  measureGivenClouds,
  measurePrescribedStack,
  measureRandomStack,
  near,
  ownInterval,
  seriesTogether,
  tracesByName,
} from '../../gaussian/practice/cloud-series.ts';
import { excessDistance, measuresByName } from '../../gaussian/practice/measure-cloud.ts';
import { alternatives, prescriptions } from '../../gaussian/practice/measure-source.ts';
import { type TransformerShape, tinyDeit } from '../../gaussian/practice/stacks.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { atMost, certain, neverSeen } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount, matrix } from '../fields.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { practiceFigures } from './practice-figures.ts';

/** Standard deviations of the norms' test from which an input does not count as Gaussian: once in sixteen thousand. */
const surprising = 4;

const shape = z
  .strictObject({
    name: z.string().min(1).default('given shape'),
    layers: z.int().min(1).describe('L'),
    dimension: z.int().min(1).describe('d, a multiple of the number of heads'),
    heads: z.int().min(1).describe('H'),
    hidden: z.int().min(1).describe('width of the feed-forward layer'),
  })
  .refine(({ dimension, heads }) => dimension % heads === 0, {
    path: ['dimension'],
    message: 'must be a multiple of the number of heads',
  });

/** The widths of the quick setting: as deep as needed, as narrow as possible. */
const narrow: readonly TransformerShape[] = [
  { name: 'ModernBERT, narrow', layers: 10, dimension: 64, heads: 4, hidden: 96 },
  { name: 'Tiny-DeiT, narrow', layers: 8, dimension: 48, heads: 3, hidden: 192 },
];

const kinds = z.enum(['layer', 'rms', 'none']);

const stacks = experiments({
  label: 'stacks of blocks',
  shared: {},
  own: {
    shapes: z
      .array(shape)
      .min(1)
      .default([...narrow]),
    repetitions: experimentCount(3, 'independent weights and inputs for each shape'),
    tokens: z.int().min(8).default(96).describe('n, standard normal'),
    normalisation: kinds.default('layer'),
    prescribed: z
      .array(z.enum(['none', 'layer']))
      .default(['none'])
      .describe('normalisations of the stacks with prescribed attention'),
  },
  data: {
    clouds: z
      .array(matrix)
      .min(2)
      .describe('token clouds from the input on: layers × tokens × coordinates, at least 8 tokens'),
  },
  // Distilled Tiny-DeiT has 198 tokens: class, distillation and 196 patches.
  full: {
    shapes: [...narrow, tinyDeit],
    repetitions: 6,
    tokens: 198,
    prescribed: ['none', 'layer'],
  },
  check: (given) =>
    given.explicit && given.clouds.some(({ length }) => length < 8)
      ? [{ path: 'clouds', message: 'must have 8 tokens or more in every layer' }]
      : [],
  pieces: (given) =>
    given.explicit
      ? 1
      : given.shapes.length * given.repetitions + given.prescribed.length * prescriptions.length,
});
type Stacks = ReturnType<typeof stacks.parse>;

export function practiceConclusion(measured: readonly CloudSeries[]): Conclusion {
  const { random, prescribed, excesses, inputs, tilts, power, clouds, below, points, answers } =
    seriesTogether(measured);
  const own = random.length === 1 ? ownInterval(random[0]) : null;
  const over = excesses.length === 0 ? null : meanInterval(excesses);
  const nearness = atMost({
    name: 'excess of the distance over that of Gaussian samples, up to the middle layer',
    failsIf: 'clouds leave the Gaussian, along random directions or along their coordinates',
    measured: over?.mean ?? Number.NaN,
    interval: own ?? over?.interval ?? null,
    contradiction:
      own ?? (over === null ? null : meanInterval(excesses, { confidence: certain }).interval),
    expected: near,
  });
  const regimes = neverSeen({
    name: 'stacks with prescribed attention that do not do what the closure says',
    failsIf:
      'K = Q, V = −I expands the cloud, or V = ±I, K = ±Q, W ≻ 0 does not beyond what W does',
    seen: answers.filter((one) => !one).length,
  });
  const [shown] = random;
  const tilt = Math.max(0, ...tilts);
  const powerInWords = alternatives
    .map((name) => `${Math.round(100 * power[name])} % of clouds of ${name} coordinates`)
    .join(' and ');
  return {
    hypotheses: [
      {
        name: 'the input is near Gaussian (largest excess of its distance)',
        holds: inputs.every((one) => excessDistance(one) <= near),
        value: Math.max(0, ...inputs.map(excessDistance)),
      },
      {
        name: 'the input has the norms of a Gaussian law (largest departure, in standard deviations)',
        holds: inputs.every((one) => Math.abs(one.normDeviations) < surprising),
        value: Math.max(0, ...inputs.map((one) => Math.abs(one.normDeviations))),
      },
      {
        name: 'tilt below √(2 ln n) up to the middle layer (largest ratio)',
        holds: tilt < 1,
        value: tilts.length === 0 ? 'not known for given clouds' : tilt,
      },
    ],
    resolution: [
      {
        name: 'clouds of other laws would be called far (smallest share of them, at least 0.8)',
        holds: Math.min(...Object.values(power)) >= 0.8,
        value: Math.min(...Object.values(power)),
      },
      notTrivial(
        random.length === 0 || clouds.length === 0
          ? 'all tokens of the early layers are one point, which has no law to compare'
          : undefined,
      ),
    ],
    checks: answers.length === 0 ? [nearness] : [nearness, regimes],
    evidence: {
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
    },
    summary:
      shown === undefined
        ? 'There is no cloud with a spread.'
        : `Up to the middle layer the distance to the moment-matched Gaussian exceeds that of a Gaussian sample by ${nearness.measured.toFixed(3)} of the spread (called near up to ${near}, a choice of this project, which ${powerInWords} would exceed); ${Math.round(100 * below)} % of these clouds lie below the 95 % level of their null${points.length === 0 ? '' : `; of clouds ${points.join(', ')}, counted from the input, all tokens are one point`}.`,
    figures: practiceFigures(random, prescribed),
  };
}

/** Blocks of transformers fed with Gaussian tokens (arXiv 2606.07600). */
export const practice = claim<Stacks, CloudSeries>({
  id: 'C.practice',
  title: 'Transformer blocks fed with Gaussian tokens stay near Gaussian',
  statement:
    'Practical transformers fed Gaussian inputs stay near the moment-matched Gaussian through early and middle layers; with $K = \\mp Q$, $V = \\mp I$ prescribed, the cloud shows the bounded and the blow-up regime.',
  trust: { statement: 'P', threshold: 'D' },
  given: stacks,
  measure({ backend, given, seed, index, progress: report }) {
    const progress = (layer: number, layers: number) => report(layer / Math.max(1, layers));
    if (given.explicit) return measureGivenClouds(backend, given.clouds, { seed, progress });
    const { shapes, repetitions, tokens, normalisation } = given;
    const shape = shapes[index % shapes.length];
    const repetition = Math.floor(index / shapes.length);
    const common = { tokens, seed, progress };
    if (repetition < repetitions) {
      return measureRandomStack(backend, { ...common, shape, normalisation, repetition });
    }
    const which = index - shapes.length * repetitions;
    const [, blocks] = narrow;
    return measurePrescribedStack(backend, prescriptions[which % prescriptions.length], {
      ...common,
      shape: blocks,
      normalisation: given.prescribed[Math.floor(which / prescriptions.length)],
    });
  },
  conclude: (measured) => practiceConclusion(measured),
});
