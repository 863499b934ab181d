import * as z from 'zod';
import {
  closureScales,
  type HeadScales,
  type MildTokens,
} from '../../checkpoint/closure-scales.ts';
import { fitLine } from '../../numeric/fit.ts';
import { equals, sampledMean } from '../check.ts';
import { claim } from '../claim.ts';
import { experimentCount, increasing } from '../fields.ts';
import { decayInWords, sampledOrder } from '../order.ts';
import { mean } from './depth-curves.ts';
import { givenModel, onModels, subject } from './instance.ts';

/** The share of √(2 ln n) below which a token's tilt is small: a choice of this project. The rate n^{−1/2} ends at 1/2. */
const mildShare = 0.3;

const instance = onModels({
  label: 'inputs',
  shared: {
    scales: increasing([32, 64, 128, 256], 4, 'n, Gaussian tokens', 8),
    repetitions: experimentCount(8, 'independent samples at each n'),
    inputs: experimentCount(8, 'random models, or pieces of the text at even distances'),
  },
  own: {
    sharpness: z
      .number()
      .positive()
      .default(0.8)
      .describe('factor of the queries: about the deviation of scores'),
  },
});
type Instance = ReturnType<typeof instance.parse>;

interface Measured {
  readonly heads: readonly HeadScales[];
  /** Why the closure says nothing about these heads; empty where it does. */
  readonly outside: string;
}

/** √ of the mean over tokens of small tilt of |error|²/predicted, for each n. */
function levels(heads: readonly HeadScales[], of: (tokens: MildTokens) => number): number[] {
  return heads[0].mild.map((_, i) => {
    const count = heads.reduce((sum, { mild }) => sum + mild[i].count, 0);
    return Math.sqrt(heads.reduce((sum, { mild }) => sum + of(mild[i]), 0) / count);
  });
}

/** Trained heads at Gaussian tokens (arXiv 2606.07600). */
export const closure = claim<Instance, Measured>({
  id: 'P.closure',
  title: 'A trained head acts on Gaussian tokens as its closure says',
  statement:
    'At $n$ Gaussian tokens with the moments of those that it sees, a head gives $y_i = \\bar v + \\beta\\,\\mathrm{Cov}(v,k)\\,q_i$ up to an error of mean square $e^{\\sigma_i^2}(\\mathrm{tr}\\,\\Sigma_v + |Aq_i|^2)/n$, where its tilt $\\sigma_i$ is small against $\\sqrt{2\\ln n}$.',
  trust: { statement: 'D', level: 'D' },
  given: instance,
  async measure(context) {
    const { backend, given, seed, index } = context;
    const { model, initial } = await givenModel(context);
    const { layers } = model.blueprint;
    const { causal = false, rotary, window } = model.blueprint.layer(layers - 1).options.attention;
    const reasons = [
      causal ? 'a causal mask' : '',
      window === undefined ? '' : 'windows',
      rotary === undefined ? '' : 'rotary positions',
    ];
    const outside = reasons.filter((reason) => reason !== '').join(', ');
    if (outside !== '') return { heads: [], outside };
    const heads = await closureScales(backend, model, initial, {
      scales: given.scales,
      repetitions: given.repetitions,
      layers: [...new Set([0, layers >> 1])],
      mild: mildShare * Math.sqrt(2 * Math.log(given.scales[0])),
      seed: 1000 * seed + index,
    });
    return { heads, outside };
  },
  conclude(measured, { given }) {
    const { scales } = given;
    const last = scales.length - 1;
    const [{ outside }] = measured;
    const mild = measured.every(({ heads }) =>
      scales.every((_, i) => heads.reduce((sum, one) => sum + one.mild[i].count, 0) > 0),
    );
    const asks = outside === '' && mild;
    const levelOf = measured.map(({ heads }) => (asks ? levels(heads, ({ ratio }) => ratio) : []));
    const ratio = sampledMean(asks ? levelOf.map((one) => one[last]) : []);
    const before = asks ? mean(levelOf.map((one) => one[last - 1])) : Number.NaN;
    const untilted = asks
      ? mean(measured.map(({ heads }) => levels(heads, (tokens) => tokens.untilted)[last]))
      : Number.NaN;
    const order = sampledOrder({
      name: 'order of the error at tokens of small tilt',
      failsIf: 'the error of a head does not fall like that of a sample mean',
      scales,
      rows: asks ? levelOf.map((one) => one.map((level, i) => level / Math.sqrt(scales[i]))) : [],
      order: -0.5,
      side: 'exactly',
    });
    const dots = measured.flatMap(({ heads }) =>
      heads.map(({ deviation, errors }) => ({
        tilt: deviation / Math.sqrt(2 * Math.log(scales[last])),
        slope: fitLine(scales.map(Math.log), errors.map(Math.log)).slope,
      })),
    );
    return {
      hypotheses: [
        {
          name: 'tokens see all tokens, and scores do not depend on positions',
          holds: outside === '',
          value: outside === '' ? 'yes' : outside,
        },
        {
          name: `there are tokens and heads with σ below ${mildShare}√(2 ln n)`,
          holds: outside !== '' || mild,
          value: mild ? 'yes' : 'none',
        },
      ],
      resolution: [],
      checks: [
        order,
        equals({
          ...ratio,
          name: 'error over its predicted size at the largest n',
          failsIf:
            'heads are further from their closure, or nearer to it, than sampling makes them',
          expected: 1,
          // A correction of relative size c/n moves it by less than between n/2 and n.
          bias: Math.abs(ratio.measured - before),
          rivals: [untilted],
        }),
      ],
      evidence: {
        scales,
        'error over predicted, by input and n': levelOf,
        'the same if tilts did not widen the error': untilted,
        'tilt over √(2 ln n), by head': dots.map(({ tilt }) => tilt),
        'slope of the error, by head': dots.map(({ slope }) => slope),
        'threshold of a small tilt': `${mildShare} √(2 ln n), a choice of this project`,
      },
      summary: asks
        ? `In ${subject(given)} errors of mildly tilted tokens fall ${decayInWords('n', order)} and are ${ratio.measured.toFixed(3)} times what sampling makes of them.`
        : `The closure says nothing about the heads of ${subject(given)}.`,
      figures: [
        {
          id: 'P.closure',
          title: 'Rate at which each head nears its closure, against its tilt',
          caption:
            'Log–log slope of the error of a head over all its tokens against n. Expected: −1/2 up to half the bound, rising to 0 at the bound.',
          x: { label: 'tilt σ / √(2 ln n)', scale: 'log' },
          y: { label: 'slope of the error against n' },
          marks: [
            {
              kind: 'dots',
              series: 'heads',
              x: dots.map(({ tilt }) => tilt),
              y: dots.map(({ slope }) => slope),
            },
            { kind: 'rule', axis: 'y', at: -0.5, label: 'slope −1/2' },
            { kind: 'rule', axis: 'x', at: 1, label: 'bound of the closure' },
          ],
        },
      ],
    };
  },
});
