import * as z from 'zod';
import { initialStates } from '../../checkpoint/inputs.ts';
import { openModel } from '../../checkpoint/model.ts';
import { measureModelClouds } from '../../checkpoint/practice-series.ts';
import {
  type CloudSeries,
  measureGivenClouds,
  measurePrescribedStack,
  measureRandomStack,
  near,
  ownInterval,
  seriesNumbers,
  seriesTogether,
} from '../../gaussian/practice/cloud-series.ts';
import { excessDistance } from '../../gaussian/practice/measure-cloud.ts';
import { alternatives, prescriptions } from '../../gaussian/practice/measure-source.ts';
import { narrowShapes, normalisationKinds, shapeField } from '../../gaussian/practice/schema.ts';
import { tinyDeit } from '../../gaussian/practice/stacks.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { atMost, certain, neverSeen } from '../check.ts';
import { inputFields } from '../checkpoint/instance.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount, matrix } from '../fields.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { practiceFigures } from './practice-figures.ts';

/** Standard deviations of the norms' test from which an input does not count as Gaussian: once in sixteen thousand. */
const surprising = 4;

const stacks = experiments({
  label: 'stacks of blocks',
  shared: {},
  own: {
    shapes: z
      .array(shapeField)
      .min(1)
      .default([...narrowShapes]),
    repetitions: experimentCount(3, 'independent weights and inputs for each shape'),
    tokens: z.int().min(8).default(96).describe('n, standard normal'),
    normalisation: normalisationKinds.default('layer'),
    prescribed: z
      .array(z.enum(['none', 'layer']))
      .default(['none'])
      .describe('normalisations of the stacks with prescribed attention'),
  },
  data: {
    clouds: z
      .array(matrix)
      .default([])
      .describe('token clouds from the input on: layers × tokens × coordinates, at least 8 tokens'),
    checkpoint: z
      .string()
      .default('')
      .describe(
        'path of a trained model, in place of clouds: Gaussian tokens on their way through',
      ),
    ...inputFields,
    gaussian: inputFields.gaussian.default('matched'),
    inputs: experimentCount(4, 'pieces of the text, or clouds of standard normal tokens'),
    length: z.int().min(8).default(96).describe('n, tokens of each input of a trained model'),
  },
  // Distilled Tiny-DeiT has 198 tokens: class, distillation and 196 patches.
  full: {
    shapes: [...narrowShapes, tinyDeit],
    repetitions: 6,
    tokens: 198,
    prescribed: ['none', 'layer'],
  },
  check(given) {
    if (!given.explicit) return [];
    if (given.clouds.length > 0 === (given.checkpoint !== '')) {
      return [{ path: 'clouds', message: 'are needed, or a checkpoint, and not both' }];
    }
    if (given.checkpoint === '' && given.clouds.length < 2) {
      return [{ path: 'clouds', message: 'must be two or more' }];
    }
    return given.clouds.some(({ length }) => length < 8)
      ? [{ path: 'clouds', message: 'must have 8 tokens or more in every layer' }]
      : [];
  },
  pieces: (given) =>
    given.explicit
      ? given.checkpoint === ''
        ? 1
        : ((given.ids ?? given.image)?.length ?? given.inputs)
      : given.shapes.length * given.repetitions + given.prescribed.length * prescriptions.length,
});
type Stacks = ReturnType<typeof stacks.parse>;

export function practiceConclusion(measured: readonly CloudSeries[]): Conclusion {
  const together = seriesTogether(measured);
  const { random, prescribed, excesses, inputs, tilts, power, clouds, below, points, answers } =
    together;
  const beyond = measured.find((one) => one.beyondClosure !== '');
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
        name: 'tokens see all tokens by one law',
        holds: beyond === undefined,
        value: beyond?.beyondClosure ?? 'yes',
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
    evidence: seriesNumbers(together),
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
  async measure({ backend, data, given, seed, index, progress: report }) {
    const progress = (layer: number, layers: number) => report(layer / Math.max(1, layers));
    if (given.explicit && given.checkpoint !== '') {
      const checkpoint = await data.trainedModel(given.checkpoint);
      const model = openModel(checkpoint);
      const options = { ...given, tokens: given.length, seed };
      const initial = await initialStates(backend, model, checkpoint, options, data);
      return measureModelClouds(backend, model, initial[index], { seed, progress });
    }
    if (given.explicit) return measureGivenClouds(backend, given.clouds, { seed, progress });
    const { shapes, repetitions, tokens, normalisation } = given;
    const shape = shapes[index % shapes.length];
    const repetition = Math.floor(index / shapes.length);
    const common = { tokens, seed, progress };
    if (repetition < repetitions) {
      return measureRandomStack(backend, { ...common, shape, normalisation, repetition });
    }
    const which = index - shapes.length * repetitions;
    const [, blocks] = narrowShapes;
    return measurePrescribedStack(backend, prescriptions[which % prescriptions.length], {
      ...common,
      shape: blocks,
      normalisation: given.prescribed[Math.floor(which / prescriptions.length)],
    });
  },
  conclude: (measured) => practiceConclusion(measured),
});
