import { refuse, requireFinite } from '../../numeric/checks.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Law } from '../law.ts';
import { sampleLaw } from '../sample.ts';

export interface NullOptions {
  /** Number of points of each sample: that of the cloud which is judged. */
  readonly size: number;
  /** The law under which the statistic is to be expected; usually the moment-matched Gaussian of the cloud. */
  readonly law: Law;
  /** Default 200, at least 2. */
  readonly repetitions?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** What a statistic looks like when there is nothing to see. */
export interface NullDistribution {
  /** The statistic of each sample, in increasing order. */
  readonly values: Float64Array;
  readonly mean: number;
  readonly deviation: number;
  /** The value below which a fraction p of the samples lies (linear interpolation), 0 ≤ p ≤ 1. */
  quantile(p: number): number;
  /** `(1 + #{values ≥ observed}) / (1 + repetitions)`: a valid p-value for large observed values. */
  pValue(observed: number): number;
}

/**
 * The distribution of any statistic under independent samples of one size from a law.
 *
 * ```ts
 * const cloud = particles(points);
 * const matched = momentMatchedGaussian(cloud);
 * const nothing = nullDistribution((sample) => slicedWasserstein(particles(sample), matched).value, {
 *   size: points.rows,
 *   law: matched,
 * });
 * nothing.pValue(slicedWasserstein(cloud, matched).value);
 * ```
 *
 * @param statistic - of an n × d sample
 * @throws MesoscopeError `invalid-value` for fewer than 2 repetitions, `not-finite` if the statistic is not
 */
export function nullDistribution(
  statistic: (points: Matrix) => number,
  { size, law, repetitions = 200, seed = 0 }: NullOptions,
): NullDistribution {
  if (!Number.isInteger(repetitions) || repetitions < 2) {
    refuse('repetitions', repetitions, 'a whole number, at least 2');
  }
  const values = Float64Array.from({ length: repetitions }, (_, index) =>
    statistic(sampleLaw(law, size, randomStream(seed, 'null distribution', index))),
  ).sort();
  requireFinite('statistic', values);
  const mean = values.reduce((sum, value) => sum + value, 0) / repetitions;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    values,
    mean,
    deviation: Math.sqrt(squares / (repetitions - 1)),
    quantile(p) {
      const position = Math.min(Math.max(p, 0), 1) * (repetitions - 1);
      const below = Math.floor(position);
      const above = Math.min(below + 1, repetitions - 1);
      return values[below] + (position - below) * (values[above] - values[below]);
    },
    pValue(observed) {
      const above = values.filter((value) => value >= observed).length;
      return (1 + above) / (1 + repetitions);
    },
  };
}
