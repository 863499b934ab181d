import * as z from 'zod';
import {
  measureSharpClasses,
  measureUniform,
  type SharpClasses,
  type UniformRecord,
} from '../../control/risk/uniform-deviations.ts';
import { bound, coverage } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { increasing } from '../fields.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { finitePopulations, populationOf } from './populations.ts';

const given = finitePopulations({
  shared: {
    layers: z.int().min(1).max(64).default(4).describe('L'),
    radius: z.number().positive().default(2).describe('r of the ball of each layer’s parameters'),
    controls: z.int().min(2).max(512).default(48).describe('sampled controls: the finite class'),
    sampleSizes: increasing([32, 128, 512], 1, 'sample sizes N'),
    resamples: z.int().min(100).default(200).describe('draws of N samples, for each N'),
    ascents: z.int().min(0).max(100).default(8).describe('gradient steps that raise |R̂_N − R|'),
    failure: z.number().gt(0).lt(1).default(0.05).describe('δ'),
  },
  populations: 3,
  full: { populations: 12, resamples: 1000 },
  more: 1,
});

type Given = ReturnType<typeof given.parse>;

/** What deviations over classes of controls say, and those of classes on which the bounds are nearly sharp. */
export function uniformConclusion(
  { sampleSizes, resamples, failure, controls, radius }: Given,
  records: readonly UniformRecord[],
  sharp: readonly SharpClasses[],
): Conclusion {
  const within = (what: string, rows: readonly { readonly covered: readonly number[] }[]) =>
    coverage({
      name: `resamples within the bound of ${what}`,
      failsIf: 'the bound is missed more often than with probability δ',
      covered: rows.flatMap(({ covered }) => covered).reduce((a, b) => a + b, 0),
      trials: resamples * sampleSizes.length * rows.length,
      level: 1 - failure,
    });
  const finite = within('a finite class', records);
  const entropy = bound({
    name: 'largest deviations found over their entropy bounds',
    failsIf: 'controls of a ball, or Lipschitz in depth, deviate by more than their class may',
    pairs: records.flatMap((record) =>
      sampleSizes.flatMap((_, i) => [
        { value: record.optimised[i], bound: record.ballBounds[i] },
        { value: record.lipschitzMeans[i], bound: record.lipschitzBounds[i] },
      ]),
    ),
    rounding: 1e-13 * Math.max(...records.map(({ range }) => range)),
  });
  const exact = bound({
    name: 'exact probability that a small class misses its entropy bound, over δ',
    failsIf: 'an entropy bound, or a constant in it, is too small by a factor of 2 or more',
    pairs: sharp.flatMap(({ misses }) =>
      misses.flatMap(({ failure: δ, ball, lipschitz }) => [
        { value: ball, bound: δ },
        { value: lipschitz, bound: δ },
      ]),
    ),
  });
  const still = records.every(({ means, range }) => Math.max(...means) <= 1e-13 * range);
  const ratios = (read: (record: UniformRecord, i: number) => number) =>
    records.flatMap((record) => sampleSizes.map((_, i) => read(record, i))).filter(Number.isFinite);
  const finiteLoose = ratios(({ finiteBounds, means }, i) => finiteBounds[i] / means[i]);
  const ballLoose = ratios(({ ballBounds, optimised }, i) => ballBounds[i] / optimised[i]);
  const rows = (read: (record: UniformRecord) => readonly number[]) => records.map(read);
  return {
    hypotheses: [],
    resolution: [
      notTrivial(
        still ? 'all sequences have the same loss, so that every sample has the risk' : undefined,
      ),
    ],
    checks:
      sharp.length > 0
        ? [finite, within('a finite class of independent losses', sharp), entropy, exact]
        : [finite, entropy],
    evidence: {
      sampleSizes,
      'finite.size': controls,
      'finite.suprema': rows((record) => record.means),
      'finite.bounds': rows((record) => record.finiteBounds),
      'finite.looseness': finiteLoose,
      'ball.optimised': rows((record) => record.optimised),
      'ball.bounds': rows((record) => record.ballBounds),
      'ball.logCovering': rows((record) => record.entropies),
      'ball.looseness': ballLoose,
      'ball.radius': radius,
      'lipschitzInDepth.suprema': rows((record) => record.lipschitzMeans),
      'lipschitzInDepth.bounds': rows((record) => record.lipschitzBounds),
      'constants.range': records.map((record) => record.range),
      'constants.slopeInSupremum': records.map((record) => record.lipschitzSup),
      'constants.slopeInEuclidean': records.map((record) => record.lipschitzEuclidean),
      'constants.source':
        'B_ℓ and Lip measured over sampled and optimised controls, so from below; covering numbers a priori',
    },
    summary: still
      ? nothing
      : `Over ${controls} controls the bound covers ${(100 * finite.measured).toFixed(2)} % of resamples, at least ${Math.min(...finiteLoose).toPrecision(2)} times too wide; the entropy bound of the ball is at least ${Math.min(...ballLoose).toPrecision(2)} times the largest deviation that ascent finds${sharp.length > 0 ? `; on a small class it is missed with ${exact.measured.toPrecision(2)} of the allowed probability at most` : ''}.`,
    figures: [
      convergenceFigure({
        id: 'A.uniform',
        title: 'Uniform deviations and their bounds',
        caption:
          'Largest distance between empirical and population risk over a finite class and at controls optimised for it, beside the bounds. Band: range over populations.',
        scale: 'samples N',
        quantity: 'sup_θ |R̂_N − R|',
        curves: [
          { series: 'bound, ball', scales: sampleSizes, rows: rows((r) => r.ballBounds) },
          {
            series: 'bound, Lipschitz in depth',
            scales: sampleSizes,
            rows: rows((r) => r.lipschitzBounds),
          },
          { series: 'bound, finite class', scales: sampleSizes, rows: rows((r) => r.finiteBounds) },
          { series: 'optimised controls', scales: sampleSizes, rows: rows((r) => r.optimised) },
          {
            series: 'Lipschitz in depth',
            scales: sampleSizes,
            rows: rows((r) => r.lipschitzMeans),
          },
          { series: 'finite class', scales: sampleSizes, rows: rows((r) => r.means), slope: -0.5 },
        ],
      }),
    ],
  };
}

/** Uniform deviations over classes of controls (arXiv 2606.23235). */
export const uniform = claim<Given, UniformRecord | SharpClasses>({
  id: 'A.uniform',
  title: 'Risk uniformly over controls',
  statement:
    'With probability at least $1-\\delta$, $\\sup_\\theta|\\hat R_N - R| \\le B_\\ell\\sqrt{\\log(2|\\Theta|/\\delta)/2N}$ over a finite class, and $\\le \\inf_\\eta\\{2\\,\\mathrm{Lip}\\,\\eta + B_\\ell\\sqrt{(\\log 2\\mathcal N(\\eta) + \\log 1/\\delta)/2N}\\}$ over a class with covering numbers $\\mathcal N$.',
  trust: { statement: 'P', form: 'S' },
  given,
  measure({ backend, given, seed, index }) {
    const { layers } = given;
    return !given.explicit && index === given.populations
      ? measureSharpClasses(backend, { ...given, seed })
      : measureUniform(populationOf(backend, given, { seed, index, layers }), {
          ...given,
          seed,
          index,
        });
  },
  conclude: (measured, { given }) =>
    uniformConclusion(
      given,
      measured.filter((one) => 'means' in one),
      measured.filter((one) => 'misses' in one),
    ),
});
