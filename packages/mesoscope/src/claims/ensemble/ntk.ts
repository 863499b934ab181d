import * as z from 'zod';
import { nearness } from '../../ensemble/context-families.ts';
import {
  answerOf,
  type FamilyAnswers,
  familyAnswers,
  familyCases,
  spectraOfFamily,
} from '../../ensemble/injectivity-answers.ts';
import {
  compareInjectivity,
  type InjectivityComparison,
  kernelQuestions,
  type SmallestValue,
} from '../../ensemble/injectivity-comparison.ts';
import { agreement, atMost, equals, identical } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Mark } from '../figure.ts';
import { experiments } from '../given.ts';
import { deterministicOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { experimentOf, inputFields, keyDimension, requireInputs } from './instance.ts';

const { contexts, tokens } = inputFields;

const given = experiments({
  label: 'families of contexts',
  shared: {
    heads: z
      .int()
      .min(1)
      .max(4096)
      .optional()
      .describe('H of the law of heads; default 32, or four times what N tokens of d numbers need'),
    keyDimension,
  },
  own: { draws: experimentCount(8, 'random draws of each family of contexts') },
  data: { contexts, tokens },
  full: { draws: 40 },
  check: requireInputs,
  pieces: (instance) => (instance.explicit ? 1 : instance.draws),
});

export type Injectivities = ReturnType<typeof given.parse>;

/** What was compared of one draw: each family of contexts, each question in turn. */
export type MeasuredInjectivity = readonly InjectivityComparison[];

const share = ({ smallest, largest }: { readonly smallest: number; readonly largest: number }) =>
  largest > 0 ? Math.max(smallest, 0) / largest : 0;

export function injectivityConclusion(
  measured: readonly MeasuredInjectivity[],
  instance: Injectivities,
): Conclusion {
  const all = measured.flat();
  const answers = all.map(({ ofDesign, ofGradients }) => [
    answerOf(ofDesign),
    answerOf(ofGradients),
  ]);
  const decided = answers.filter((pair) => !pair.includes('open'));
  const agreed = decided.filter(([design, kernel]) => design === kernel).length;
  const given = instance.explicit ? instance.tokens : [[1]];
  const sameToken = given.every((x) => x.every((entry, a) => entry === given[0][a]));
  const moving = given[0].some((entry) => entry !== 0);
  const compared = all.filter(({ formula }) => formula.scale > 0);
  const own = instance.explicit ? undefined : familyAnswers(measured);
  const fall = (part: keyof FamilyAnswers['near'], name: string) =>
    (own === undefined ? [] : [own.near[part]]).map(({ rows, rounding }) =>
      deterministicOrder({
        name: `order of the smallest singular value of ${name} in the distance from dependence`,
        failsIf:
          'the kernel does not lose injectivity at the rate at which contexts become dependent',
        scales: nearness.map((distance) => 1 / distance),
        ...{ rows, accuracy: rounding, order: -1, side: 'exactly' },
      }),
    );
  return {
    hypotheses: [
      {
        name: 'all inputs have the same token, not 0',
        holds: sameToken && moving,
        value: sameToken ? (moving ? 'one token' : 'token 0') : 'different tokens',
      },
      {
        name: 'the law has heads enough for a kernel of full rank: (d + k)H ≥ Nd',
        holds: all.every(({ headRank, size }) => headRank >= size),
        value: Math.min(...all.map(({ headRank, size }) => headRank / size)),
      },
    ],
    resolution: [
      {
        name: 'every smallest singular value is at rounding, or a hundred times above it',
        holds: decided.length === all.length,
        value: `${all.length - decided.length} of ${all.length} in between`,
      },
      notTrivial(compared.length === 0 ? 'no head sees anything of contexts at 0' : undefined),
    ],
    checks: [
      equals({
        name: 'share of cases in which design and kernel agree',
        failsIf: 'the kernel is injective on dependent contexts, or singular on independent ones',
        measured: agreed / decided.length,
        expected: 1,
      }),
      agreement({
        name: 'kernel and finite differences of attention in θ',
        failsIf: 'a term of the kernel is wrong or missing',
        of: compared.map(({ differences }) => differences),
      }),
      identical({
        name: 'kernel and Gram matrix of explicit gradients',
        failsIf: 'the singular values are not those of the kernel',
        of: compared.map(({ formula }) => formula),
      }),
      ...(own === undefined
        ? []
        : [
            atMost({
              name: 'cases in which the design does not give the known answer',
              failsIf: 'a dependent family is found independent, or the other way round',
              measured: own.wrong,
              expected: 0,
            }),
          ]),
      ...fall('ofDesign', 'the design'),
      ...fall('ofGradients', 'the gradients'),
    ],
    evidence:
      own === undefined
        ? spectraOfFamily(all)
        : { ...own.numbers, 'families.notAsKnown': own.wrong },
    summary: `Log-sum-exp design and kernel agree in ${agreed} of ${decided.length} cases that rounding can tell: scores alone see contexts modulo affine functions, scores and values modulo constants.`,
    figures: [
      {
        id: 'D.ntk',
        title: 'Two tests of injectivity',
        caption:
          'Smallest singular value over the largest, of the log-sum-exp design and of the parameter gradients whose Gram matrix the kernel is (values below 1e-18 drawn there). Expected: both clear of rounding for independent contexts, both at rounding for dependent ones.',
        // Both whole, so that rounding is seen for what it is.
        x: { label: 'σ_min/σ_max of the design', scale: 'log', domain: [1e-18, 1] },
        y: { label: 'σ_min/σ_max of the gradients', scale: 'log', domain: [1e-18, 1] },
        marks: (['independent', 'dependent'] as const).flatMap((series): Mark[] => {
          const some = all.filter(({ design }) => design.verdict === series);
          const drawn = (value: SmallestValue) => Math.max(share(value), 1e-18);
          const x = some.map(({ ofDesign }) => drawn(ofDesign));
          const y = some.map(({ ofGradients }) => drawn(ofGradients));
          return some.length === 0 ? [] : [{ kind: 'dots', series, x, y }];
        }),
      },
    ],
  };
}

/** Injectivity of the attention kernel against independence of log-sum-exp functions (arXiv 2605.17660). */
export const attentionKernelInjectivity = claim<Injectivities, MeasuredInjectivity>({
  id: 'D.ntk',
  title: 'When the attention kernel is injective',
  statement:
    'For one common token $x \\ne 0$, the kernel $K_{ij} = \\int D_\\theta\\mathrm{Att}[\\mu^i](x)\\, D_\\theta\\mathrm{Att}[\\mu^j](x)^\\top d\\nu(\\theta)$ of trained $Q, K$ is injective if and only if the functions $\\Lambda_{\\mu^i}$ are linearly independent modulo affine functions; with $V$ trained too, modulo constants.',
  trust: { statement: 'P', criterion: 'D' },
  given,
  measure({ given: instance, seed, index }) {
    const experiment = experimentOf(instance, seed, index);
    const settings = {
      seed: experiment.seed,
      keyDimension: experiment.keyDimension,
      heads: instance.heads,
    };
    return instance.explicit
      ? kernelQuestions.map((question) => compareInjectivity(experiment.inputs, question, settings))
      : familyCases.map(({ family, question }) =>
          compareInjectivity(family.make(seed, index), question, settings),
        );
  },
  conclude: (measured, { given: instance }) => injectivityConclusion(measured, instance),
});
