import { z } from 'zod';
import {
  type ContextFamily,
  contextFamilies,
  nearness,
  nearTriples,
} from '../../ensemble/context-families.ts';
import {
  compareInjectivity,
  type InjectivityComparison,
  kernelQuestions,
  type SmallestValue,
} from '../../ensemble/injectivity-comparison.ts';
import { toRows } from '../../numeric/matrix.ts';
import { agreement, atMost, equals, identical } from '../check.ts';
import { type Conclusion, claim, type Evidence } from '../claim.ts';
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

const families: readonly ContextFamily[] = [...contextFamilies, ...nearTriples];
const cases = families.flatMap((family) =>
  kernelQuestions.map((question) => ({ family, question })),
);

/** A singular value is told from 0 where it stands this many times above its rounding. */
const clear = 100;

type Answer = 'independent' | 'dependent' | 'open';

/** `dependent`: as far as rounding can tell. */
function answerOf({ smallest, rounding }: SmallestValue): Answer {
  if (smallest > clear * rounding) return 'independent';
  return smallest <= rounding ? 'dependent' : 'open';
}

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
  const own = instance.explicit ? undefined : ownFamilies(measured);
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
      ...(own?.checks ?? []),
    ],
    evidence: own?.evidence ?? explicitEvidence(all),
    summary: `Log-sum-exp design and kernel agree in ${agreed} of ${decided.length} cases that rounding can tell: scores alone see contexts modulo affine functions, scores and values modulo constants.`,
    figures: [
      {
        id: 'D.ntk',
        title: 'Two tests of injectivity',
        caption:
          'Smallest singular value over the largest, of the log-sum-exp design and of the parameter gradients whose Gram matrix the kernel is (values below 1e-18 drawn there). Expected: both clear of rounding for independent contexts, both at rounding for dependent ones.',
        x: { label: 'σ_min/σ_max of the design', scale: 'log' },
        y: { label: 'σ_min/σ_max of the gradients', scale: 'log' },
        marks: (['independent', 'dependent'] as const).map((series): Mark => {
          const some = all.filter(({ design }) => design.verdict === series);
          const drawn = (value: SmallestValue) => Math.max(share(value), 1e-18);
          return {
            kind: 'dots',
            series,
            x: some.map(({ ofDesign }) => drawn(ofDesign)),
            y: some.map(({ ofGradients }) => drawn(ofGradients)),
          };
        }),
      },
    ],
  };
}

/** Families whose dependence is known, and triples on their way to dependence. */
function ownFamilies(measured: readonly MeasuredInjectivity[]) {
  const evidence: Record<string, Evidence> = {};
  const wrong = cases.flatMap(({ family, question }, c) => {
    const name = `${family.name}.${question.part}`;
    const known = question.modulo === 'affine' ? family.moduloAffine : family.moduloConstants;
    const draws = measured.map((row) => row[c]);
    evidence[`${name}.expected`] = known;
    evidence[`${name}.design.singularValues`] = draws.map(({ design }) =>
      Array.from(design.singularValues),
    );
    evidence[`${name}.gradients.smallest`] = draws.map(({ ofGradients }) => ofGradients.smallest);
    evidence[`${name}.kernel.lambdaMin`] = draws.map(({ kernel }) => kernel.smallest);
    evidence[`${name}.kernel.lambdaMax`] = draws.map(({ kernel }) => kernel.largest);
    return draws.filter(({ ofDesign }) => answerOf(ofDesign) !== known);
  });
  const near = cases.flatMap(({ family, question }, c) =>
    nearTriples.includes(family) && question.part === 'all' ? [c] : [],
  );
  const fall = (part: 'ofDesign' | 'ofGradients', name: string) =>
    deterministicOrder({
      name: `order of the smallest singular value of ${name} in the distance from dependence`,
      failsIf:
        'the kernel does not lose injectivity at the rate at which contexts become dependent',
      scales: nearness.map((distance) => 1 / distance),
      rows: measured.map((row) => near.map((c) => row[c][part].smallest)),
      ...{ order: -1, side: 'exactly' },
      accuracy: Math.max(...measured.flatMap((row) => near.map((c) => row[c][part].rounding))),
    });
  return {
    evidence: { ...evidence, 'families.notAsKnown': wrong.length },
    checks: [
      atMost({
        name: 'cases in which the design does not give the known answer',
        failsIf: 'a dependent family is found independent, or the other way round',
        measured: wrong.length,
        expected: 0,
      }),
      fall('ofDesign', 'the design'),
      fall('ofGradients', 'the gradients'),
    ],
  };
}

function explicitEvidence([affine, constant]: readonly InjectivityComparison[]) {
  return {
    'design.singularValues': Array.from(affine.design.singularValues),
    'design.rank': affine.design.rank,
    'design.rankGap': affine.design.rankGap,
    'design.interval': affine.design.interval,
    'design.verdict': affine.design.verdict,
    'designModuloConstants.singularValues': Array.from(constant.design.singularValues),
    'designModuloConstants.verdict': constant.design.verdict,
    'kernel.lambdaMin': constant.kernel.smallest,
    'kernel.lambdaMax': constant.kernel.largest,
    'gradients.smallest': constant.ofGradients.smallest,
    'gradients.largest': constant.ofGradients.largest,
    'kernelOfScores.lambdaMin': affine.kernel.smallest,
    'kernelOfScores.lambdaMax': affine.kernel.largest,
    'gradientsOfScores.smallest': affine.ofGradients.smallest,
    'gradientsOfScores.largest': affine.ofGradients.largest,
    dependency: toRows(affine.design.dependencies),
    dependencyModuloConstants: toRows(constant.design.dependencies),
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
      : cases.map(({ family, question }) =>
          compareInjectivity(family.make(seed, index), question, settings),
        );
  },
  conclude: (measured, { given: instance }) => injectivityConclusion(measured, instance),
});
