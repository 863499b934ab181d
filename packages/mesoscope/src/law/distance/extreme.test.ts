import { afterAll, describe, expect, it, test } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { box, dirac, gaussian, mixture, particles, standardGaussian } from '../law.ts';
import { momentMatchedGaussian } from '../moments.ts';
import { sampleLaw } from '../sample.ts';
import { logSumExp, tiltedCovariance, tiltedMean } from '../tilt.ts';
import { buresWasserstein } from './bures.ts';
import type { Distance } from './distance.ts';
import { energyDistance, maximumMeanDiscrepancy } from './energy.ts';
import { lineWasserstein } from './line.ts';
import { mardiaTest } from './mardia.ts';
import { sinkhornDivergence } from './sinkhorn.ts';
import { slicedWasserstein } from './sliced.ts';
import { wassersteinDistance } from './transport.ts';

const backend = await createWasmBackend({ build: 'strict' });
afterAll(() => backend.dispose());

function cloud(n: number, d: number, unit: number, shift = 0): Matrix {
  const normals = randomStream(n, 'extreme').normals(new Float64Array(n * d));
  return { rows: n, columns: d, data: normals.map((x) => unit * (x + shift)) };
}

/** A certificate as numbers that scale like the distance. */
function error({ certificate }: Distance): number {
  switch (certificate.kind) {
    case 'rounding':
      return certificate.error;
    case 'duality':
      return certificate.marginalError;
    case 'sampling':
      return certificate.interval[1] - certificate.interval[0];
  }
}

/** Distances with the power of the unit of length that they scale by. */
const distances: Record<string, [(unit: number) => Distance, number]> = {
  'W2, exact': [
    (u) => wassersteinDistance(particles(cloud(20, 2, u)), particles(cloud(25, 2, u, 1))),
    1,
  ],
  'W1, exact': [
    (u) =>
      wassersteinDistance(particles(cloud(20, 2, u)), particles(cloud(25, 2, u, 1)), { order: 1 }),
    1,
  ],
  'W2 on the line': [
    (u) => lineWasserstein(particles(cloud(20, 1, u)), particles(cloud(25, 1, u, 1))),
    1,
  ],
  'W2 of boxes': [(u) => lineWasserstein(box([0], [u]), box([u], [4 * u])), 1],
  sliced: [(u) => slicedWasserstein(particles(cloud(20, 2, u)), particles(cloud(25, 2, u, 1))), 1],
  energy: [(u) => energyDistance(particles(cloud(20, 2, u)), particles(cloud(25, 2, u, 1))), 0.5],
  discrepancy: [
    (u) => maximumMeanDiscrepancy(particles(cloud(20, 2, u)), particles(cloud(25, 2, u, 1))),
    0,
  ],
};

describe.each(Object.entries(distances))('%s', (_, [distance, power]) => {
  const usual = distance(1);
  it.each([2 ** 490, 2 ** -490, 2 ** -700])('in a unit of length of %g', (unit) => {
    const found = distance(unit);
    expect(found.value / unit ** power / usual.value).toBeCloseTo(1, 12);
    expect(Number.isFinite(error(found))).toBe(true);
    if (found.certificate.kind === 'sampling') {
      expect(error(found) / unit / error(usual)).toBeCloseTo(1, 12);
    }
    if (found.certificate.kind === 'duality') expect(error(found)).toBeLessThan(1e-14);
  });
});

test('moments, Bures and Sinkhorn where squares are representable', () => {
  for (const unit of [2 ** 490, 2 ** -490]) {
    const [mu, nu] = [particles(cloud(20, 2, unit)), particles(cloud(25, 2, unit, 1))];
    const [one, other] = [particles(cloud(20, 2, 1)), particles(cloud(25, 2, 1, 1))];
    const bures = (a: typeof mu, b: typeof mu) =>
      buresWasserstein(momentMatchedGaussian(a), momentMatchedGaussian(b)).value;
    expect(bures(mu, nu) / unit / bures(one, other)).toBeCloseTo(1, 12);
    const sinkhorn = sinkhornDivergence(backend, mu, nu);
    const usual = sinkhornDivergence(backend, one, other);
    expect(sinkhorn.status.kind).toBe('converged');
    expect(sinkhorn.value / unit ** 2 / usual.value).toBeCloseTo(1, 6);
  }
});

test('Mardia tests do not depend on the unit', () => {
  const usual = mardiaTest(cloud(60, 3, 1));
  for (const unit of [2 ** 490, 2 ** -700]) {
    const found = mardiaTest(cloud(60, 3, unit));
    expect(found.rank).toBe(3);
    expect(found.skewness.pValue).toBeCloseTo(usual.skewness.pValue, 10);
    expect(found.kurtosis.pValue).toBeCloseTo(usual.kurtosis.pValue, 10);
  }
});

describe('refused, with what was received', () => {
  const two = particles([
    [0, 0],
    [1, 1],
  ]);
  test.each<[string, () => unknown, RegExp]>([
    ['coordinates whose squares overflow', () => particles([[1e160]]), /2\^500.*larger unit/],
    ['such means', () => gaussian([1e200], [[1]]), /law\.mean, entry 0: received 1e\+200/],
    ['such boxes', () => box([-1e308], [1e308]), /law\.low, entry 0/],
    ['one direction off the line', () => slicedWasserstein(two, two, { directions: 1 }), /least 2/],
    ['a bandwidth of 0', () => maximumMeanDiscrepancy(two, two, { bandwidth: 0 }), /bandwidth/],
    ['a negative bandwidth', () => maximumMeanDiscrepancy(two, two, { bandwidth: -1 }), /> 0/],
    ['order 3', () => wassersteinDistance(two, two, { order: 3 as 2 }), /received 3/],
    [
      'order 3 on the line',
      () => lineWasserstein(dirac([0]), dirac([1]), { order: 3 as 2 }),
      /received 3/,
    ],
    ['half a sample', () => sampleLaw(two, 2.5, randomStream(1, 'half')), /n: received 2\.5/],
    ['an infinite tilt', () => tiltedMean(two, [Number.POSITIVE_INFINITY, 0]), /ξ: entry 0/],
    ['a tilt that overflows', () => logSumExp(particles([[1e150]]), [1e200]), /Λ\(ξ\)/],
    [
      'a tilted mean that overflows',
      () => tiltedMean(gaussian([0], [[1e200]]), [1e200]),
      /tilted mean/,
    ],
  ])('%s', (_, compute, sentence) => {
    expect(compute).toThrow(sentence);
  });
});

test('points and components without weight do not count, wherever they are', () => {
  const pair = particles([[0], [1e140]], [1, 0]);
  const parts = mixture([
    { weight: 1, law: standardGaussian(1) },
    { weight: 0, law: dirac([1e150]) },
  ]);
  expect(logSumExp(pair, [1e200])).toBe(0);
  expect(tiltedMean(pair, [1e200])[0]).toBe(0);
  expect(logSumExp(parts, [1e100])).toBe(0.5e200);
  expect(tiltedMean(parts, [1e100])[0]).toBe(1e100);
  expect(tiltedCovariance(parts, [1e100]).data[0]).toBe(1);
});

test('duplicates weigh what their sum weighs', () => {
  const twice = particles([
    [0, 0],
    [0, 0],
    [1, 0],
    [1, 0],
  ]);
  const once = particles(
    [
      [0, 0],
      [1, 0],
      [5, 5],
    ],
    [0.5, 0.5, 0],
  );
  expect(wassersteinDistance(twice, once).value).toBe(0);
  expect(slicedWasserstein(twice, once).value).toBe(0);
  expect(energyDistance(twice, once).value).toBe(0);
  expect(Math.abs(sinkhornDivergence(backend, twice, once).value)).toBeLessThan(1e-15);
  expect(energyDistance(dirac([3]), dirac([3])).certificate).toEqual({
    kind: 'rounding',
    error: 0,
  });
});
