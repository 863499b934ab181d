import { binomialInterval } from '../../numeric/fit.ts';
import { rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { ownInstance } from './optimum-instance.ts';
import { orderFigure } from './order-figure.ts';
import { overExperiments } from './over-experiments.ts';
import {
  measureUniform,
  type UniformInstance,
  type UniformRecord,
  uniformInstance,
} from '../../control/risk/uniform-deviations.ts';

function findingOf(given: UniformInstance, records: readonly UniformRecord[]): Finding {
  const { sampleSizes, resamples, failure } = given;
  const trials = resamples * sampleSizes.length * records.length;
  const covered = records.flatMap((record) => record.covered).reduce((a, b) => a + b, 0);
  const interval = binomialInterval(covered, trials);
  const expected = { kind: 'at-least', value: 1 - failure } as const;
  const assumptions = [
    {
      name: 'no H¹ penalty, which the loss’s slopes would contain',
      holds: given.smoothness === 0,
      value: given.smoothness,
    },
  ];
  const verdict = judge(assumptions, covered / trials, interval, expected);
  const largestOf = (read: (record: UniformRecord, i: number) => number) =>
    Math.max(...records.flatMap((record) => sampleSizes.map((_, i) => read(record, i))));
  const smallestOf = (read: (record: UniformRecord, i: number) => number) =>
    -largestOf((record, i) => -read(record, i));
  const largestRatio = largestOf((record, i) =>
    Math.max(
      record.optimised[i] / record.ballBounds[i],
      record.lipschitzMeans[i] / record.lipschitzBounds[i],
    ),
  );
  const loose = smallestOf((record, i) => record.ballBounds[i] / record.optimised[i]);
  const finiteLoose = smallestOf((record, i) => record.finiteBounds[i] / record.means[i]);
  const lipschitzRatio = largestOf(
    (record, i) => record.lipschitzMeans[i] / record.lipschitzBounds[i],
  );
  const rows = (read: (record: UniformRecord) => readonly number[]) => rowsOrRow(records.map(read));
  return {
    assumptions,
    evidence: {
      sampleSizes,
      'finite.size': given.controls,
      'finite.suprema': rows((record) => record.means),
      'finite.bounds': rows((record) => record.finiteBounds),
      'finite.looseness': finiteLoose,
      'ball.optimised': rows((record) => record.optimised),
      'ball.bounds': rows((record) => record.ballBounds),
      'ball.logCovering': rows((record) => record.entropies),
      'ball.looseness': loose,
      'ball.radius': given.radius,
      'lipschitzInDepth.suprema': rows((record) => record.lipschitzMeans),
      'lipschitzInDepth.bounds': rows((record) => record.lipschitzBounds),
      'constants.range': records.map((record) => record.range),
      'constants.slopeInSupremum': records.map((record) => record.lipschitzSup),
      'constants.slopeInEuclidean': records.map((record) => record.lipschitzEuclidean),
      'constants.source':
        'B_ℓ and Lip measured over sampled and optimised controls, so from below; covering numbers a priori',
    },
    measured: covered / trials,
    expected,
    interval,
    verdict: verdict === 'holds' && largestRatio > 1 ? 'fails' : verdict,
    summary: `Over ${given.controls} controls the bound covers ${((100 * covered) / trials).toFixed(2)} % of resamples, at least ${finiteLoose.toPrecision(2)} times too wide; the entropy bound of the ball is at least ${loose.toPrecision(2)} times the largest deviation that ascent finds; controls that are Lipschitz in depth deviate by at most ${lipschitzRatio.toPrecision(2)} of their bound.`,
    figures: [
      {
        ...orderFigure({
          id: 'A.uniform',
          title: 'Uniform deviations and their bounds',
          caption:
            'Largest distance between empirical and population risk over a finite class and at controls optimised for it, beside the bounds. Band: range over populations.',
          quantity: 'sup_θ |R̂_N − R|',
          curves: [
            {
              series: 'bound, ball',
              layers: sampleSizes,
              errors: records.map((r) => r.ballBounds),
            },
            {
              series: 'bound, Lipschitz in depth',
              layers: sampleSizes,
              errors: records.map((r) => r.lipschitzBounds),
            },
            {
              series: 'bound, finite class',
              layers: sampleSizes,
              errors: records.map((r) => r.finiteBounds),
            },
            {
              series: 'optimised controls',
              layers: sampleSizes,
              errors: records.map((r) => r.optimised),
            },
            {
              series: 'Lipschitz in depth',
              layers: sampleSizes,
              errors: records.map((r) => r.lipschitzMeans),
            },
            { series: 'finite class', layers: sampleSizes, errors: records.map((r) => r.means) },
          ],
          expected: [{ slope: -0.5, curve: 5 }],
        }),
        x: { label: 'samples N', scale: 'log' },
      },
    ],
  };
}

async function run(context: ClaimContext<UniformInstance>): Promise<Finding> {
  const full = context.setting === 'full';
  const given: UniformInstance = context.instance ?? {
    ...uniformInstance.parse({}),
    ...ownInstance(context),
    problems: full ? 12 : 3,
    resamples: full ? 1000 : 200,
  };
  const records = await overExperiments(context, given.problems, 'populations', (index) =>
    measureUniform(context, given, index),
  );
  return findingOf(given, records);
}

/** Uniform deviations over classes of controls (arXiv 2606.23235). */
export const uniform = legacy<UniformInstance>({
  id: 'A.uniform',
  paper: 'A',
  title: 'Risk uniformly over controls',
  statement:
    'With probability at least $1-\\delta$, $\\sup_\\theta|\\hat R_N - R| \\le B_\\ell\\sqrt{\\log(2|\\Theta|/\\delta)/2N}$ over a finite class, and $\\le \\inf_\\eta\\{2\\,\\mathrm{Lip}\\,\\eta + B_\\ell\\sqrt{(\\log 2\\mathcal N(\\eta) + \\log 1/\\delta)/2N}\\}$ over a class with covering numbers $\\mathcal N$.',
  trust: 'P, form S',
  quantity: 'coverage of the finite-class bound',
  instance: uniformInstance,
  run,
});
