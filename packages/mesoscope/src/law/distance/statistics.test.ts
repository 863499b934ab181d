import { describe, expect, it } from 'vitest';
import { binomialInterval } from '../../numeric/fit.ts';
import { fromRows, type Matrix, multiply } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { box, dirac, gaussian, type ParticleLaw, particles, standardGaussian } from '../law.ts';
import { momentMatchedGaussian } from '../moments.ts';
import { sampleLaw } from '../sample.ts';
import { distanceStatusSentence } from './distance.ts';
import { energyDistance, maximumMeanDiscrepancy } from './energy.ts';
import { lineWasserstein } from './line.ts';
import { mardiaTest } from './mardia.ts';
import { nullDistribution } from './null-distribution.ts';
import { slicedWasserstein } from './sliced.ts';

function sample(n: number, d: number, index: number): Matrix {
  return sampleLaw(standardGaussian(d), n, randomStream(51, 'samples', index));
}

function shifted(points: Matrix, v: readonly number[]): ParticleLaw {
  return particles({ ...points, data: points.data.map((x, i) => x + v[i % points.columns]) });
}

describe('slicedWasserstein', () => {
  it('a translation by v: W_2² along ω is ⟨ω,v⟩², |v|²/d on average', () => {
    const points = sample(200, 4, 1);
    const result = slicedWasserstein(particles(points), shifted(points, [1, 2, -2, 0]), {
      directions: 2000,
    });
    if (result.certificate.kind !== 'sampling') throw new Error('expected an interval');
    const [low, high] = result.certificate.interval;
    expect(low).toBeLessThan(1.5);
    expect(high).toBeGreaterThan(1.5);
    expect(high - low).toBeLessThan(0.15);
    expect(result.status.kind).toBe('estimated');
  });

  it('a permutation is at distance 0, one dimension is exact, weights are repetitions', () => {
    const points = sample(50, 3, 2);
    const reversed = fromRows(
      Array.from({ length: 50 }, (_, i) => points.data.slice(3 * (49 - i), 3 * (50 - i))),
    );
    expect(slicedWasserstein(particles(points), particles(reversed)).value).toBe(0);
    const [a, b] = [particles(sample(30, 1, 3)), particles(sample(40, 1, 4))];
    expect(slicedWasserstein(a, b).value).toBeCloseTo(lineWasserstein(a, b).value, 14);
    expect(slicedWasserstein(a, b).status.kind).toBe('exact');
    const weighted = particles(
      [
        [0, 0],
        [1, 2],
      ],
      [0.25, 0.75],
    );
    const repeated = particles([
      [0, 0],
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    const target = particles(sample(10, 2, 5));
    expect(slicedWasserstein(weighted, target).value).toBeCloseTo(
      slicedWasserstein(repeated, target).value,
      13,
    );
    const normal = gaussian(
      [0.5, 1],
      [
        [1, 0.3],
        [0.3, 2],
      ],
    );
    expect(slicedWasserstein(weighted, normal).value).toBeCloseTo(
      slicedWasserstein(repeated, normal).value,
      13,
    );
  });

  it('to a Gaussian: what a large sample of it gives', () => {
    const law = gaussian(
      [0.5, 1],
      [
        [1, 0.3],
        [0.3, 2],
      ],
    );
    const cloud = particles(sample(300, 2, 6));
    const large = particles(sampleLaw(law, 100_000, randomStream(1, 'large')));
    expect(slicedWasserstein(cloud, law, { directions: 20 }).value).toBeCloseTo(
      slicedWasserstein(cloud, large, { directions: 20 }).value,
      2,
    );
  });
});

describe('energy distance and maximum mean discrepancy', () => {
  it('Dirac laws', () => {
    expect(energyDistance(dirac([0, 0]), dirac([3, 4])).value).toBeCloseTo(Math.sqrt(10), 14);
    expect(maximumMeanDiscrepancy(dirac([0]), dirac([2]), { bandwidth: 1 }).value).toBeCloseTo(
      Math.sqrt(2 - 2 * Math.exp(-2)),
      14,
    );
    expect(maximumMeanDiscrepancy(dirac([1]), dirac([1])).value).toBe(0);
  });

  it('on the line the energy distance is √(2∫(F − G)²)', () => {
    const [a, b] = [
      [-3, 0, 0, 7],
      [1, 2, 2, 2, 8],
    ];
    let integral = 0;
    for (let t = -5; t < 10; t++) {
      const [f, g] = [a, b].map((values) => values.filter((x) => x <= t).length / values.length);
      integral += (f - g) ** 2;
    }
    const value = energyDistance(particles(a.map((x) => [x])), particles(b.map((x) => [x]))).value;
    expect(value).toBeCloseTo(Math.sqrt(2 * integral), 13);
  });

  it('equal laws are at distance 0 within the certificate, different ones are not', () => {
    const points = sample(100, 3, 7);
    for (const distance of [energyDistance, maximumMeanDiscrepancy]) {
      const same = distance(particles(points), shifted(points, [0, 0, 0]));
      if (same.certificate.kind !== 'rounding') throw new Error('expected a rounding error');
      expect(same.value).toBeLessThanOrEqual(same.certificate.error);
      const apart = distance(particles(points), shifted(points, [1, 0, 0]));
      expect(apart.value).toBeGreaterThan(0.1);
    }
  });
});

describe('mardiaTest', () => {
  it('agrees with its definition, and is affine invariant', () => {
    const points = sample(40, 3, 8);
    const map = fromRows([
      [2, 1, 0],
      [0, 1, -1],
      [1, 0, 3],
    ]);
    const test = mardiaTest(points);
    const moved = mardiaTest(shifted(multiply(points, map), [5, -7, 1]).points);
    expect(moved.skewness.value).toBeCloseTo(test.skewness.value, 10);
    expect(moved.kurtosis.value).toBeCloseTo(test.kurtosis.value, 10);
    const line = mardiaTest(sample(40, 1, 9));
    const x = sample(40, 1, 9).data;
    const mean = x.reduce((s, v) => s + v, 0) / 40;
    const moment = (k: number) => x.reduce((s, v) => s + (v - mean) ** k, 0) / 40;
    expect(line.skewness.value).toBeCloseTo((moment(3) / moment(2) ** 1.5) ** 2, 12);
    expect(line.kurtosis.value).toBeCloseTo(moment(4) / moment(2) ** 2, 12);
  });

  it('counts pairs and moments to the same skewness', () => {
    // 30 points in 12 dimensions take the pairs, the same points twice as often in 12 dimensions the moments.
    const points = sample(30, 12, 10);
    const copies = fromRows(
      Array.from({ length: 90 }, (_, i) => points.data.slice(12 * (i % 30), 12 * ((i % 30) + 1))),
    );
    expect(mardiaTest(copies).skewness.value).toBeCloseTo(mardiaTest(points).skewness.value, 9);
  });

  it.each([
    [60, 2],
    [200, 4],
  ])(
    'rejects Gaussian samples of %s points in dimension %s at the stated level, and expects their means',
    (n, d) => {
      const repetitions = 1500;
      let [skewed, heavy, skewness, kurtosis] = [0, 0, 0, 0];
      let expected = mardiaTest(sample(n, d, 0));
      for (let r = 0; r < repetitions; r++) {
        expected = mardiaTest(sample(n, d, 1000 + r));
        if (expected.skewness.pValue < 0.05) skewed++;
        if (expected.kurtosis.pValue < 0.05) heavy++;
        skewness += expected.skewness.value / repetitions;
        kurtosis += expected.kurtosis.value / repetitions;
      }
      // Both laws are asymptotic: the level is right within a factor of about 1.5 at these sizes.
      for (const count of [skewed, heavy]) {
        const [low, high] = binomialInterval(count, repetitions, { confidence: 0.999 });
        expect(low).toBeLessThan(0.075);
        expect(high).toBeGreaterThan(0.033);
      }
      expect(skewness / expected.skewness.expected).toBeCloseTo(1, 1);
      expect(kurtosis / expected.kurtosis.expected).toBeCloseTo(1, 2);
    },
  );

  it('sees a uniform and a skewed law', () => {
    const uniform = sampleLaw(box([0, 0], [1, 1]), 500, randomStream(1, 'uniform'));
    expect(mardiaTest(uniform).kurtosis.pValue).toBeLessThan(1e-6);
    const skewed = { ...uniform, data: uniform.data.map((u) => -Math.log(1 - u)) };
    expect(mardiaTest(skewed).skewness.pValue).toBeLessThan(1e-12);
  });

  it('works in the subspace in which the points vary, and refuses too few points', () => {
    const plane = sample(50, 2, 11);
    const embedded = multiply(
      plane,
      fromRows([
        [1, 2, 3],
        [0, 1, 1],
      ]),
    );
    expect(mardiaTest(embedded).rank).toBe(2);
    expect(mardiaTest(embedded).kurtosis.value).toBeCloseTo(mardiaTest(plane).kurtosis.value, 9);
    expect(() => mardiaTest(sample(4, 3, 12))).toThrow(/more than/);
    expect(() =>
      mardiaTest(
        fromRows([
          [1, 1],
          [1, 1],
        ]),
      ),
    ).toThrow(/coincide/);
  });
});

describe('nullDistribution', () => {
  it('gives p-values at the stated level under the null, and small ones away from it', () => {
    const statistic = (points: Matrix) =>
      slicedWasserstein(particles(points), standardGaussian(2), { directions: 16 }).value;
    const nothing = nullDistribution(statistic, {
      size: 40,
      law: standardGaussian(2),
      repetitions: 199,
    });
    let rejected = 0;
    for (let r = 0; r < 200; r++)
      if (nothing.pValue(statistic(sample(40, 2, 5000 + r))) <= 0.1) rejected++;
    const [low, high] = binomialInterval(rejected, 200, { confidence: 0.999 });
    expect(low).toBeLessThan(0.1);
    expect(high).toBeGreaterThan(0.1);
    expect(nothing.pValue(statistic(shifted(sample(40, 2, 13), [2, 0]).points))).toBe(1 / 200);
    expect(nothing.quantile(0)).toBe(nothing.values[0]);
    expect(nothing.quantile(0.5)).toBe(nothing.values[99]);
    expect(nothing.mean).toBeCloseTo(nothing.quantile(0.5), 1);
  });

  it('does not depend on what else is drawn, and refuses a single repetition', () => {
    const options = {
      size: 10,
      law: momentMatchedGaussian(particles(sample(10, 2, 14))),
      repetitions: 5,
      seed: 3,
    };
    const first = nullDistribution((points) => points.data[0], options);
    randomStream(3, 'null distribution', 0).normal();
    expect(nullDistribution((points) => points.data[0], options).values).toEqual(first.values);
    expect(() => nullDistribution(() => 0, { ...options, repetitions: 1 })).toThrow(/at least 2/);
    expect(() => nullDistribution(() => Number.NaN, options)).toThrow(/statistic/);
  });
});

it('every status has a sentence', () => {
  expect(distanceStatusSentence({ kind: 'exact' })).toMatch(/Exact/);
  expect(distanceStatusSentence({ kind: 'estimated' })).toMatch(/interval/);
  expect(distanceStatusSentence({ kind: 'converged', iterations: 3 })).toMatch(/3 iterations/);
  const stopped = { kind: 'not-converged', iterations: 5, error: 0.2, tolerance: 1e-4 } as const;
  expect(distanceStatusSentence(stopped)).toMatch(/2\.0e-1, above the tolerance 1\.0e-4/);
});
