import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meanInterval } from '../numeric/fit.ts';
import { largestEntry, type Matrix, subtract, toRows, zeros } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import {
  box,
  dirac,
  gaussian,
  gridLaw,
  type Law,
  mixture,
  particles,
  standardGaussian,
} from './law.ts';
import { lawCovariance, lawMean, momentMatchedGaussian } from './moments.ts';
import { sampleLaw } from './sample.ts';
import { createLaw, type LawDescription, lawSchema } from './schema.ts';
import { logSumExp, tiltedCovariance, tiltedMean } from './tilt.ts';

const anisotropic = gaussian(
  [1, -2],
  [
    [2, 0.6],
    [0.6, 0.5],
  ],
);
const laws: readonly (readonly [name: string, law: Law])[] = [
  [
    'weighted particles',
    particles(
      [
        [0, 1],
        [2, -1],
        [0.5, 3],
      ],
      [0.2, 0.5, 0.3],
    ),
  ],
  [
    'particles with a weight 0',
    particles(
      [
        [0, 1],
        [500, 500],
      ],
      [1, 0],
    ),
  ],
  ['a Dirac law', dirac([3, -4])],
  ['a Gaussian', anisotropic],
  [
    'a degenerate Gaussian',
    gaussian(
      [0, 1],
      [
        [1, 2],
        [2, 4],
      ],
    ),
  ],
  ['a box', box([-1, 0], [2, 0.5])],
  ['a box with a side of length 0', box([-1, 2], [1, 2])],
  [
    'a grid in two dimensions',
    gridLaw(
      [
        { low: -1, high: 1, cells: 2 },
        { low: 0, high: 3, cells: 3 },
      ],
      [0.1, 0.2, 0, 0.3, 0.25, 0.15],
    ),
  ],
  [
    'a mixture',
    mixture([
      { weight: 0.3, law: anisotropic },
      { weight: 0.7, law: box([-3, -3], [-1, 4]) },
    ]),
  ],
];

describe.each(laws)('%s', (_, law) => {
  const tilts = [
    [0, 0],
    [0.3, -0.2],
    [-4, 2.5],
    [0, 60],
  ];

  it.each(tilts)(
    'has the tilted mean ∇Λ(%s, %s) and tilted covariance ∇²Λ by finite differences',
    (...xi) => {
      const h = 1e-5;
      const step = (a: number, s: number) => xi.map((value, b) => value + (a === b ? s * h : 0));
      const mean = tiltedMean(law, xi);
      const covariance = tiltedCovariance(law, xi);
      for (let a = 0; a < 2; a++) {
        const slope = (logSumExp(law, step(a, 1)) - logSumExp(law, step(a, -1))) / (2 * h);
        const size = 1 + Math.abs(logSumExp(law, xi));
        // Rounding of Λ over h, and third derivatives times h².
        expect(Math.abs(slope - mean[a])).toBeLessThan(1e-10 * size + 1e-8);
        const up = tiltedMean(law, step(a, 1));
        const down = tiltedMean(law, step(a, -1));
        for (let b = 0; b < 2; b++) {
          const entry = covariance.data[a * 2 + b];
          expect(Math.abs((up[b] - down[b]) / (2 * h) - entry)).toBeLessThan(
            1e-7 * (1 + Math.abs(entry)),
          );
        }
      }
    },
  );

  it('has samples with its mean, covariance and log-sum-exp function', () => {
    const n = 20_000;
    const points = sampleLaw(law, n, randomStream(1, 'samples'));
    const mean = lawMean(law);
    const covariance = lawCovariance(law);
    const column = (a: number) =>
      Float64Array.from({ length: n }, (_, i) => points.data[2 * i + a] - mean[a]);
    const [x, y] = [column(0), column(1)];
    expectMean(x, 0);
    expectMean(y, 0);
    expectMean(
      x.map((v) => v * v),
      covariance.data[0],
    );
    expectMean(
      x.map((v, i) => v * y[i]),
      covariance.data[1],
    );
    expectMean(
      y.map((v) => v * v),
      covariance.data[3],
    );
    const xi = [0.4, -0.3];
    expectMean(
      x.map((v, i) => Math.exp(xi[0] * (v + mean[0]) + xi[1] * (y[i] + mean[1]))),
      Math.exp(logSumExp(law, xi)),
    );
  });

  it('stays finite under extreme tilts, and Λ(0) = 0', () => {
    expect(logSumExp(law, [0, 0])).toBeCloseTo(0, 14);
    for (const xi of [
      [1e6, -1e6],
      [1e-200, 1e-200],
    ]) {
      expect(Number.isFinite(logSumExp(law, xi))).toBe(true);
      expect(tiltedMean(law, xi).every(Number.isFinite)).toBe(true);
      expect(tiltedCovariance(law, xi).data.every(Number.isFinite)).toBe(true);
    }
  });
});

/** The sample mean lies within 5 standard errors. */
function expectMean(values: Float64Array, expected: number): void {
  const { mean, deviation } = meanInterval(values);
  const error = (5 * deviation) / Math.sqrt(values.length);
  expect(Math.abs(mean - expected)).toBeLessThanOrEqual(error + 1e-12 * Math.abs(expected));
}

describe('known values', () => {
  it('moments of a box, a mixture of translates, a grid', () => {
    expect(Array.from(lawCovariance(box([0, -1], [6, 1])).data)).toEqual([
      3,
      0,
      0,
      expect.closeTo(1 / 3, 15),
    ]);
    const pair = mixture([
      { weight: 0.5, law: gaussian([-2], [[1]]) },
      { weight: 0.5, law: gaussian([2], [[1]]) },
    ]);
    expect(lawCovariance(pair).data[0]).toBeCloseTo(5, 14);
    const uniform = gridLaw([{ low: 0, high: 6, cells: 3 }], [1 / 3, 1 / 3, 1 / 3]);
    expect(lawCovariance(uniform).data[0]).toBeCloseTo(3, 14);
    for (const xi of [-7, 0.1, 2]) {
      expect(logSumExp(uniform, [xi])).toBeCloseTo(logSumExp(box([0], [6]), [xi]), 12);
    }
  });

  it('moment matching keeps both moments', () => {
    for (const [, law] of laws) {
      const matched = momentMatchedGaussian(law);
      expect(matched.mean).toEqual(lawMean(law));
      expect(largestEntry(subtract(matched.covariance, lawCovariance(law)))).toBe(0);
    }
  });

  it('a repeated point is a weight', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.double({ min: -5, max: 5, noNaN: true }), fc.integer({ min: 1, max: 4 })),
          { minLength: 1, maxLength: 6 },
        ),
        fc.double({ min: -30, max: 30, noNaN: true }),
        (pairs, xi) => {
          const total = pairs.reduce((sum, [, count]) => sum + count, 0);
          const weighted = particles(
            pairs.map(([x]) => [x]),
            pairs.map(([, count]) => count / total),
          );
          const repeated = particles(
            pairs.flatMap(([x, count]) => Array(count).fill([x]) as number[][]),
          );
          expect(logSumExp(weighted, [xi])).toBeCloseTo(logSumExp(repeated, [xi]), 11);
          expect(tiltedMean(weighted, [xi])[0]).toBeCloseTo(tiltedMean(repeated, [xi])[0], 11);
        },
      ),
    );
  });
});

describe('bad laws are refused', () => {
  it.each<readonly [string, () => unknown, RegExp]>([
    ['weights below 0', () => particles([[0], [1]], [-0.5, 1.5]), /weights\[0\]: received -0.5/],
    ['weights that do not sum to 1', () => particles([[0], [1]], [0.4, 0.4]), /received 0.8/],
    ['too few weights', () => particles([[0], [1]], [1]), /shape/],
    [
      'what describes no law',
      () => createLaw({ point: [[1]] } as unknown as LawDescription),
      /point: unknown key. Did you mean "points"/,
    ],
    ['no points', () => particles(zeros(0, 2)), /at least 1 point/],
    ['points of different dimension', () => particles([[0], [1, 2]]), /points\[1\]/],
    [
      'an asymmetric covariance',
      () =>
        gaussian(
          [0, 0],
          [
            [1, 1],
            [0, 1],
          ],
        ),
      /symmetric/,
    ],
    [
      'an indefinite covariance',
      () =>
        gaussian(
          [0, 0],
          [
            [1, 2],
            [2, 1],
          ],
        ),
      /covariance: received -(1|0\.99)/,
    ],
    [
      'a covariance of another dimension',
      () =>
        gaussian(
          [0],
          [
            [1, 0],
            [0, 1],
          ],
        ),
      /expected \[1 × 1\]/,
    ],
    ['a mean that is not finite', () => gaussian([Number.NaN], [[1]]), /entry 0 is NaN/],
    [
      'a mixture of different dimensions',
      () =>
        mixture([
          { weight: 0.5, law: dirac([0]) },
          { weight: 0.5, law: dirac([0, 0]) },
        ]),
      /mixture\[1\]/,
    ],
    ['an inverted box', () => box([1], [0]), /at most law.high\[0\] = 0/],
    [
      'a grid in three dimensions',
      () => gridLaw(Array(3).fill({ low: 0, high: 1, cells: 1 }), [1]),
      /1 or 2/,
    ],
    [
      'a grid without cells',
      () => gridLaw([{ low: 0, high: 1, cells: 0 }], []),
      /whole number of cells/,
    ],
    ['a tilt of another dimension', () => logSumExp(dirac([0, 0]), [1]), /ξ/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe('descriptions', () => {
  it.each([
    [{ points: [[1, 2]] }, 'particles'],
    [{ points: [[1], [2]], weights: [0.25, 0.75] }, 'particles'],
    [{ mean: [0], covariance: [[1]] }, 'gaussian'],
    [{ gaussian: { mean: [0], covariance: [[1]] } }, 'gaussian'],
    [
      {
        mixture: [{ mean: [0], covariance: [[1]] }, { gaussian: { mean: [1], covariance: [[1]] } }],
      },
      'mixture',
    ],
    [
      {
        mixture: [
          { weight: 0.2, law: { points: [[1]] } },
          { weight: 0.8, law: { box: { low: [0], high: [1] } } },
        ],
      },
      'mixture',
    ],
    [{ box: { low: [0], high: [1] } }, 'box'],
    [{ grid: { axes: [{ low: 0, high: 1, cells: 2 }], masses: [0.5, 0.5] } }, 'grid'],
  ])('%j is a law', (description, kind) => {
    expect(createLaw(lawSchema.parse(description)).kind).toBe(kind);
  });

  it('errors name the place', () => {
    const bad = lawSchema.parse({ mixture: [{ weight: 1, law: { points: [[1]], weights: [2] } }] });
    expect(() => createLaw(bad, 'contexts[4]')).toThrow(
      /contexts\[4\]\.mixture\[0\]\.law\.weights/,
    );
    expect(lawSchema.safeParse({ points: [[1]], colour: 'red' }).success).toBe(false);
    expect(lawSchema.safeParse({ points: [['a']] }).success).toBe(false);
  });
});

it('the standard Gaussian is one', () => {
  const law = standardGaussian(3);
  const made: Matrix = gaussian([0, 0, 0], toRows(law.covariance)).root;
  expect(toRows(law.root)).toEqual(toRows(made));
});
