import {
  type ClosureError,
  closureError,
  randomGaussianInputs,
} from '../../ensemble/closure-error.ts';
import { type GradientErrors, measureGradientErrors } from '../../ensemble/gradient-errors.ts';
import { randomHeadPath } from '../../ensemble/head-path.ts';
import { agreement } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount, increasing } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, deterministicOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { experimentOf, headCount, keyDimension, requireInputs, trainedFields } from './instance.ts';

const given = experiments({
  label: 'gradients three ways',
  shared: {
    laws: experimentCount(4, 'random laws of heads at every depth'),
    heads: headCount(4),
    depths: increasing([8, 16, 32, 64, 128], 4, 'numbers of layers L'),
    keyDimension,
  },
  own: {},
  data: trainedFields,
  full: { laws: 16 },
  check: requireInputs,
  pieces: ({ laws }) => laws,
});

export type Gradients = ReturnType<typeof given.parse>;
export type MeasuredGradients = GradientErrors & { readonly closure: ClosureError | undefined };

export function ensembleGradientConclusion(
  measured: readonly MeasuredGradients[],
  { depths }: Pick<Gradients, 'depths'>,
): Conclusion {
  const orderOf = (part: 'heads' | 'costates', name: string) =>
    deterministicOrder({
      name: `order of the difference of ${name} in L`,
      failsIf: `${name} of finite networks approach those in continuous depth more slowly than 1/L`,
      ...{ scales: depths, rows: measured.map((one) => one[part]), order: -1 },
      side: 'at least as fast',
      accuracy: Math.max(...measured.map(({ referenceErrors }) => referenceErrors[part])),
    });
  const heads = orderOf('heads', 'gradients of heads');
  const costates = orderOf('costates', 'costates of tokens and contexts');
  const compared = measured.flatMap((one) => one.differences);
  const differences = agreement({
    name: 'discrete adjoint and finite differences',
    failsIf: 'a term of the discrete adjoint is wrong',
    of: compared,
  });
  const closures = measured.flatMap(({ closure }) => (closure === undefined ? [] : [closure]));
  const closure = agreement({
    name: 'gradient on Gaussian contexts by exact recursion and by particles',
    failsIf: 'the recursion of means and covariances or its adjoint is wrong',
    of: closures,
  });
  const relative = ({ difference, scale }: ClosureError) => (scale > 0 ? difference / scale : 0);
  const still = measured.every((one) => one.heads.every((error) => error === 0));
  return {
    hypotheses: [],
    resolution: [notTrivial(still ? 'all gradients vanish, of any depth' : undefined)],
    checks: [heads, costates, differences, ...(closures.length > 0 ? [closure] : [])],
    evidence: {
      depths,
      'gradient.errors': measured.map((one) => one.heads),
      'costates.errors': measured.map((one) => one.costates),
      'reference.errors': measured.map(({ referenceErrors }) => referenceErrors.heads),
      'differences.relativeErrors': compared.map(relative),
      'closure.relativeErrors': closures.map(relative),
    },
    summary: `Gradients in continuous depth are approached ${decayInWords('L', heads)}, token and context costates ${decayInWords('L', costates)}; the discrete adjoint and finite differences differ by at most ${Math.max(...compared.map(relative)).toExponential(1)}${closures.length > 0 ? `, the exact recursion on Gaussian contexts and particles by ${Math.max(...closures.map(relative)).toExponential(1)}` : ''}.`,
    figures: [
      convergenceFigure({
        id: 'D.gradient',
        title: 'Gradients of finite networks against the mean-field adjoint',
        caption:
          'Root mean square over depths and heads of the difference between LH ∂L/∂θ and the gradient of the first variation from the costates of token and context in continuous depth, and the same for the costates at depth 0. Band: range over problems. Expected: order 1.',
        scale: 'layers L',
        quantity: 'relative difference',
        curves: [
          {
            series: 'gradient of heads',
            scales: depths,
            rows: measured.map((one) => one.heads),
            slope: -1,
          },
          {
            series: 'costates of tokens and contexts',
            scales: depths,
            rows: measured.map((one) => one.costates),
          },
        ],
      }),
    ],
  };
}

/** The conditional Wasserstein gradient from token and context costates (arXiv 2605.17660). */
export const ensembleGradient = claim<Gradients, MeasuredGradients>({
  id: 'D.gradient',
  title: 'The gradient of a law of heads',
  statement:
    '$\\nabla_\\theta \\frac{\\delta L}{\\delta\\nu}(s,\\theta) = \\frac1N\\sum_i \\nabla_\\theta\\{\\langle p^i, \\mathrm{Att}_\\theta[\\mu^i](x^i)\\rangle + \\int\\langle q^i, \\mathrm{Att}_\\theta[\\mu^i]\\rangle d\\mu^i\\}$, within $O(1/L)$ of $LH\\,\\partial L/\\partial\\theta_{l,h}$.',
  trust: { statement: 'P' },
  given,
  measure({ backend, given, seed, index }) {
    const experiment = experimentOf(given, seed, index);
    const { inputs, keyDimension, seed: own } = experiment;
    const shape = { dimension: inputs.dimension, keyDimension, atoms: given.heads };
    const path = randomHeadPath(shape, own, 0.5);
    const gaussians = given.explicit ? inputs : randomGaussianInputs(own);
    return {
      ...measureGradientErrors(backend, { ...experiment, path }, given.depths),
      closure: closureError(backend, gaussians, experiment),
    };
  },
  conclude: (measured, { given }) => ensembleGradientConclusion(measured, given),
});
