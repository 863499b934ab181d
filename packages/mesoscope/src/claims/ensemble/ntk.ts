import {
  type KernelPart,
  kernelSpectrum,
  kernelTolerance,
} from '../../ensemble/attention-kernel.ts';
import { type Injectivity, type Modulo, testInjectivity } from '../../ensemble/injectivity.ts';
import type { EnsembleInputs } from '../../ensemble/inputs.ts';
import { ensembleLayout, headsAt, randomEnsemble } from '../../ensemble/parameters.ts';
import { binomialInterval } from '../../numeric/fit.ts';
import { toRows } from '../../numeric/matrix.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { type ClaimContext, type Evidence, type Finding, judge, legacy } from '../legacy.ts';
import { contextFamilies } from './context-families.ts';
import { type EnsembleInstance, ensembleInstance, explicitProblem } from './instance.ts';

/** Parameters that move, and the functions that they do not see. */
const cases: readonly { readonly part: KernelPart; readonly modulo: Modulo }[] = [
  { part: 'query-key', modulo: 'affine' },
  { part: 'all', modulo: 'constant' },
];

interface InjectivityComparison {
  readonly design: Injectivity;
  readonly smallest: number;
  readonly largest: number;
  readonly agree: boolean;
}

function compare(
  inputs: EnsembleInputs,
  { part, modulo }: (typeof cases)[number],
  seed: number,
): InjectivityComparison {
  const { contexts, tokens, dimension } = inputs;
  const design = testInjectivity(contexts, { modulo, seed });
  // Each head gives the kernel a rank of at most d + 2k; four times what it needs.
  const heads = Math.max(32, 4 * contexts.length);
  const layout = ensembleLayout({ dimension, keyDimension: dimension, layers: 1, heads });
  const { smallest, largest } = kernelSpectrum(
    headsAt(layout, randomEnsemble(layout, seed), 0),
    { contexts, tokens },
    part,
  );
  const injective = smallest > kernelTolerance * contexts.length * dimension * largest;
  return { design, smallest, largest, agree: injective === (design.verdict === 'independent') };
}

async function run(context: ClaimContext<EnsembleInstance>): Promise<Finding> {
  const { instance, seed, setting } = context;
  if (instance !== undefined) {
    const { inputs, seed: own } = explicitProblem(instance);
    const [affine, constant] = cases.map((one) => compare(inputs, one, own));
    const sameToken = inputs.tokens.every((x) =>
      x.every((entry, a) => entry === inputs.tokens[0][a]),
    );
    const nonzero = inputs.tokens[0].some((entry) => entry !== 0);
    return finding([affine, constant], {
      assumptions: [
        {
          name: 'all inputs have the same token, not 0',
          holds: sameToken && nonzero,
          value: sameToken ? (nonzero ? 'one token' : 'token 0') : 'different tokens',
        },
      ],
      evidence: {
        'design.singularValues': Array.from(affine.design.singularValues),
        'design.rank': affine.design.rank,
        'design.rankGap': affine.design.rankGap,
        'design.interval': affine.design.interval,
        'design.verdict': affine.design.verdict,
        'designModuloConstants.singularValues': Array.from(constant.design.singularValues),
        'designModuloConstants.verdict': constant.design.verdict,
        'kernel.lambdaMin': constant.smallest,
        'kernel.lambdaMax': constant.largest,
        'kernelOfScores.lambdaMin': affine.smallest,
        'kernelOfScores.lambdaMax': affine.largest,
        dependency: toRows(affine.design.dependencies),
        dependencyModuloConstants: toRows(constant.design.dependencies),
      },
    });
  }
  const count = setting === 'full' ? 40 : 8;
  const families = contextFamilies.flatMap((family) => cases.map((one) => ({ family, one })));
  const draws = await overExperiments(context, count, 'families of contexts', (index) =>
    families.map(({ family, one }) => compare(family.make(seed, index), one, seed + 1000 * index)),
  );
  const evidence: Record<string, Evidence> = {};
  const disagreements: string[] = [];
  let known = 0;
  families.forEach(({ family, one }, f) => {
    const name = `${family.name}.${one.part}`;
    const all = draws.map((row) => row[f]);
    const expected = one.modulo === 'affine' ? family.moduloAffine : family.moduloConstants;
    known += all.filter((c) => c.design.verdict === expected).length;
    all.forEach(({ agree, design, smallest, largest }, index) => {
      if (agree) return;
      disagreements.push(
        `${name}, draw ${index + 1}: design ${design.verdict} (rank gap ${design.rankGap.toExponential(1)}), λ_min/λ_max ${(smallest / largest).toExponential(1)}`,
      );
    });
    evidence[`${name}.expected`] = expected;
    evidence[`${name}.design.singularValues`] = all.map((c) => Array.from(c.design.singularValues));
    evidence[`${name}.kernel.lambdaMin`] = all.map((c) => c.smallest);
    evidence[`${name}.kernel.lambdaMax`] = all.map((c) => c.largest);
  });
  const comparisons = draws.flat();
  return finding(comparisons, {
    assumptions: [
      { name: 'all inputs have the same token, not 0', holds: true, value: 'one token' },
    ],
    evidence: { ...evidence, 'families.asKnown': known / comparisons.length },
    disagreements,
    allKnown: known === comparisons.length,
  });
}

function finding(
  comparisons: readonly InjectivityComparison[],
  given: Pick<Finding, 'assumptions' | 'evidence'> & {
    readonly allKnown?: boolean;
    readonly disagreements?: readonly string[];
  },
): Finding {
  const agreed = comparisons.filter((one) => one.agree).length;
  const measured = agreed / comparisons.length;
  const interval = binomialInterval(agreed, comparisons.length);
  const expected = { kind: 'value', value: 1 } as const;
  const { assumptions, evidence, allKnown = true, disagreements = [] } = given;
  const verdict = judge(assumptions, measured, interval, expected);
  const dependent = comparisons.filter((one) => one.design.verdict === 'dependent');
  const independent = comparisons.filter((one) => one.design.verdict === 'independent');
  const points = (some: readonly InjectivityComparison[]) => ({
    x: some.map(({ design }) => Math.max(relative(design), 1e-18)),
    y: some.map(({ smallest, largest }) => Math.max(smallest / largest, 1e-18)),
  });
  return {
    assumptions,
    evidence: { agreement: measured, ...evidence },
    measured,
    expected,
    interval,
    verdict: verdict === 'holds' && !allKnown ? 'fails' : verdict,
    summary: `Log-sum-exp design and kernel agree in ${agreed} of ${comparisons.length} cases: scores alone see contexts modulo affine functions, scores and values modulo constants.${disagreements.map((one) => ` Disagreement: ${one}.`).join('')}`,
    figures: [
      {
        id: 'D.ntk',
        title: 'Two tests of injectivity',
        caption:
          'Smallest singular value of the log-sum-exp design over the largest, and smallest eigenvalue of the attention kernel over the largest (values below 1e-18 drawn there). Expected: both clear of rounding for independent contexts, both at rounding for dependent ones.',
        x: { label: 'σ_min/σ_max of the design', scale: 'log' },
        y: { label: 'λ_min/λ_max of the kernel', scale: 'log' },
        marks: [
          { kind: 'dots', series: 'independent', ...points(independent) },
          { kind: 'dots', series: 'dependent', ...points(dependent) },
        ],
      },
    ],
  };
}

function relative({ singularValues }: Injectivity): number {
  const [largest] = singularValues;
  return largest > 0 ? singularValues[singularValues.length - 1] / largest : 0;
}

/** Injectivity of the attention kernel against independence of log-sum-exp functions (arXiv 2605.17660). */
export const attentionKernelInjectivity = legacy<EnsembleInstance>({
  id: 'D.ntk',
  paper: 'D',
  title: 'When the attention kernel is injective',
  statement:
    'For one common token $x \\ne 0$, the kernel $K_{ij} = \\int D_\\theta\\mathrm{Att}[\\mu^i](x)\\, D_\\theta\\mathrm{Att}[\\mu^j](x)^\\top d\\nu(\\theta)$ of trained $Q, K$ is injective if and only if the functions $\\Lambda_{\\mu^i}$ are linearly independent modulo affine functions; with $V$ trained too, modulo constants.',
  trust: 'P; criterion D',
  quantity: 'share of cases where both tests agree',
  instance: ensembleInstance,
  run,
});
