import * as z from 'zod';
import { kernelTolerance } from '../../ensemble/attention-kernel.ts';
import {
  kernelsTogether,
  leastRatio,
  type MeasuredPersistence,
  measureKernelFall,
  measureNearDependence,
} from '../../ensemble/kernel-persistence.ts';
import { atLeast, atMost, bound, equals } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { experimentOf, headCount, keyDimension, requireInputs, trainedFields } from './instance.ts';
import { persistenceFigures } from './persistence-figures.ts';

/** What a small loss may take by the prediction, for the second order to stay behind the first: {@link secondOrder}. */
const smallShare = 1 / 4;
/** A fall is at most this many times its first order where the loss is small. */
const secondOrder = 2;
const given = experiments({
  label: 'kernels along training',
  shared: {
    starts: experimentCount(3, 'random starts'),
    layers: z.int().min(1).max(4096).default(8).describe('L'),
    heads: headCount(8),
    steps: z.int().min(1).default(3000).describe('of gradient flow, at most'),
    keyDimension,
  },
  own: {
    crossingSteps: z
      .int()
      .min(0)
      .default(150)
      .describe('of gradient flow from contexts near dependence, with far targets'),
  },
  data: trainedFields,
  full: { starts: 12, crossingSteps: 400 },
  check: requireInputs,
  pieces: ({ starts }) => starts,
});

export type Persistences = ReturnType<typeof given.parse>;

export function persistenceConclusion(measured: readonly MeasuredPersistence[]): Conclusion {
  const together = kernelsTogether(measured);
  const { kept, small, taken, falls, least, starts, rounding, injective } = together;
  const { open, near, crossed, limits } = together;
  return {
    hypotheses: [
      {
        name: 'the kernel is injective at the start at every depth',
        holds: injective,
        value: Math.min(...starts),
      },
      {
        name: 'the initial loss is small: C_s√L(0) is at most a quarter of λ_min(K_s) at every depth',
        holds: !injective || taken.every((share) => share <= smallShare * (1 + 1e-9)),
        value: injective ? Math.max(...taken) : 'no start to fall from',
      },
    ],
    resolution: [
      notTrivial(
        small.some(({ history }) => history.losses[0] === 0)
          ? 'a start has loss 0: nothing moves the kernels'
          : undefined,
      ),
      {
        name: 'every training ended within its steps',
        holds: open === 0,
        value: `${open} of ${small.length} did not`,
      },
    ],
    checks:
      small.length === 0
        ? []
        : [
            atLeast({
              name: 'least λ_min/λ_max of the kernels over depth and training, over rounding',
              failsIf: 'a kernel becomes singular to rounding from a small loss',
              measured: least / rounding,
              expected: 1,
            }),
            bound({
              name: 'share of λ_min that a depth loses, over twice the largest C_s√L(0)/λ_min(K_s)',
              failsIf: 'a small loss takes more than twice what it can to first order',
              pairs: falls.map((value, i) => ({ value, bound: secondOrder * taken[i] })),
              rounding,
            }),
            ...(limits.length > 0
              ? [
                  equals({
                    name: 'fall of λ_min for the worst targets over C_s√L(0), as the loss goes to 0',
                    failsIf: 'C_s is not the sharp constant: a factor or a term of it is wrong',
                    measured: limits[0].ratio,
                    interval: [
                      Math.min(...limits.map(({ ratio, error }) => ratio - error)),
                      Math.max(...limits.map(({ ratio, error }) => ratio + error)),
                    ],
                    intervalFrom: 'numerics',
                    expected: 1,
                    rivals: [0.5, Math.SQRT1_2, Math.SQRT2, 2],
                  }),
                ]
              : []),
            ...(crossed.length > 0
              ? [
                  atMost({
                    name: 'λ_min/λ_max where m₁w₂ = m₂w₁ along training near dependence, over rounding',
                    failsIf:
                      'the kernel is injective where two Gaussian contexts on the line are dependent',
                    measured:
                      Math.max(...crossed.map(({ kernel }) => kernel)) / (2 * kernelTolerance),
                    expected: 1,
                  }),
                ]
              : []),
          ],
    evidence: {
      'kernel.lambdaMin': kept.map(({ smallest }) => smallest.map((row) => Math.min(...row))),
      'kernel.relativeLambdaMin': kept.map(({ ratios }) => ratios.map((row) => Math.min(...row))),
      'kernel.fall': falls,
      'kernel.predictedFall': taken,
      'kernel.constants': measured.map(({ prediction }) => prediction.constants),
      'kernel.initial': starts,
      'kernel.smallest': small.map(({ history }) => leastRatio(history)),
      'worst.limits': limits.map(({ ratio }) => ratio),
      'worst.errors': limits.map(({ error }) => error),
      'loss.initial': small.map(({ history }) => history.losses[0]),
      'loss.final': small.map(({ history }) => history.losses[history.losses.length - 1]),
      'lost.cases': crossed.length,
      'lost.ofCases': near.length,
      'lost.kernelAtCrossing': crossed.map(({ kernel }) => kernel),
      'lost.rootLossAtCrossing': crossed.map(({ rootLoss }) => rootLoss),
      'lost.depthOfCrossing': crossed.map(({ layer }) => layer),
      'lost.kernelAtStart': near.map(({ history }) => Math.min(...history.ratios[0])),
    },
    summary:
      small.length === 0
        ? 'No training was followed.'
        : `From losses that can take up to ${(100 * Math.max(...taken)).toPrecision(3)} % of λ_min at their worst, training takes at most ${(100 * Math.max(...falls)).toPrecision(3)} % at any depth; λ_min/λ_max stays above ${least.toExponential(1)}${
            near.length > 0
              ? `; of ${near.length} trainings that start near dependence with far targets, ${crossed.length} lose injectivity at some depth${crossed.length > 0 ? `, at √loss ≥ ${Math.min(...crossed.map(({ rootLoss }) => rootLoss)).toPrecision(2)}` : ''}`
              : ''
          }.`,
    figures: small.length === 0 ? [] : persistenceFigures(measured),
  };
}

/** Whether injectivity survives training (open in arXiv 2605.17660). */
export const persistence = claim<Persistences, MeasuredPersistence>({
  id: 'D.persistence',
  title: 'Injectivity along training',
  statement:
    'While $\\sqrt{L}$ is small the kernels $K_s$ of an injective start stay injective at every depth $s$ (open; measured here): $\\lambda_{\\min}(K_s) \\ge \\lambda_{\\min}(K_s)(0) - C_s\\sqrt{L(0)}$ to first order.',
  trust: { statement: 'P', constant: 'D' },
  given,
  measure({ backend, given: instance, seed, index }) {
    const experiment = experimentOf(instance, seed, index);
    return {
      ...measureKernelFall(backend, experiment, instance),
      near: instance.explicit ? [] : measureNearDependence(experiment.seed, instance.crossingSteps),
    };
  },
  conclude: (measured) => persistenceConclusion(measured),
});
