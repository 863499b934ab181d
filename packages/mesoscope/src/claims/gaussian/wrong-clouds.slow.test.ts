import { afterAll, describe, expect, it } from 'vitest';
import { flowOfInstance, type GaussianFlow, gaussianFlow } from '../../gaussian/gaussian-flow.ts';
import { type GaussianLayer, gaussianLayer } from '../../gaussian/layer.ts';
import {
  endClouds,
  endLaw,
  momentErrors,
  slicedErrors,
} from '../../gaussian/measure/cloud-errors.ts';
import { compareWithHull, hullSpeed } from '../../gaussian/measure/hull.ts';
import { measureCloudRate } from '../../gaussian/measure/invariance.ts';
import { growthRate, measureVariant } from '../../gaussian/measure/variants.ts';
import {
  alternativeCloud,
  asPredicted,
  gaussianInput,
  measurePrescribed,
} from '../../gaussian/practice/measure-source.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { fromRows, identity, scale, toRows, transpose, zeros } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { runClaim } from '../run.ts';
import { drawVerdict, type Grounds } from '../verdict.ts';
import { finiteTokensConclusion } from './finite-n.ts';
import { invarianceConclusion } from './invariance.ts';
import { practice } from './practice.ts';
import { variantsConclusion } from './variants.ts';

/** Claims about clouds of tokens must notice wrong mathematics. */

const backend = await createWasmBackend();
afterAll(() => backend.dispose());
const verdict = (grounds: Grounds) => drawVerdict(grounds).verdict;
const rows = (a: number, b: number, c: number, d: number) => [
  [a, b],
  [c, d],
];
const law = { mean: [0.5, 0], covariance: rows(1, 0.3, 0.3, 0.8) };
const layerOf = (
  change: (parts: { V: number[][]; B: number[][]; W: number[][] }) => object,
): GaussianFlow => {
  const parts = {
    V: rows(0.9, 0.5, -0.6, 0.7),
    B: rows(0.2, 0.25, -0.2, 0.05),
    W: rows(0, 0.4, -0.2, 0.1),
  };
  const { V, B, W } = { ...parts, ...change(parts) };
  return flowOfInstance({ law, attention: 'softmax', heads: [{ V, B }], W }, 0.7);
};
const flipped = (A: number[][]) => A.map((row) => row.map((entry) => -entry));
const turned = (A: number[][]) => toRows(transpose(fromRows(A)));
const tokens = [64, 128, 256, 512];

describe('C.invariance', () => {
  const right = layerOf(() => ({}));
  const measured = (moved: GaussianFlow) =>
    Array.from({ length: 6 }, (_, seed) => {
      const one = measureCloudRate(backend, right, { tokens, samples: 6, seed });
      const clouds = endClouds(backend, moved, { counts: tokens, samples: 6, steps: 12, seed });
      const end = endLaw(right);
      return { ...one, moments: momentErrors(clouds, end), sliced: slicedErrors(clouds, end) };
    });
  it('holds for the right layer', () => {
    expect(verdict(invarianceConclusion({ tokens }, measured(right)))).toBe('holds');
  });
  it.each([
    ['values of the wrong sign', layerOf(({ V }) => ({ V: flipped(V) }))],
    ['transposed scores', layerOf(({ B }) => ({ B: turned(B) }))],
    ['no feed-forward map', layerOf(() => ({ W: rows(0, 0, 0, 0) }))],
  ])('notices tokens moved by %s', (_, moved) => {
    expect(verdict(invarianceConclusion({ tokens }, measured(moved)))).not.toBe('holds');
  });
});

describe('C.variants', () => {
  const flow = (change: (layer: GaussianLayer) => GaussianLayer) => {
    const layer = gaussianLayer({
      attention: 'l2',
      heads: [
        {
          V: fromRows(rows(0.9, 0.5, -0.6, 0.7)),
          B: fromRows(rows(0.8, 0.9, -0.7, 0.3)),
          keyMetric: fromRows(rows(1, 0.2, 0.2, 0.7)),
        },
      ],
    });
    const start = { mean: Float64Array.of(0.5, 0), covariance: fromRows(law.covariance) };
    return gaussianFlow(change(layer), start, 0.8);
  };
  const right = flow((layer) => layer);
  const given = { tokens, explicit: true };
  const head = (of: (head: GaussianLayer['heads'][0]) => object) =>
    flow((layer) => ({ ...layer, heads: layer.heads.map((one) => ({ ...one, ...of(one) })) }));
  const measured = (moved: GaussianFlow) =>
    Array.from({ length: 6 }, (_, seed) => {
      const one = measureVariant(backend, right, { tokens, samples: 6, seed });
      const clouds = endClouds(backend, moved, { counts: tokens, samples: 6, steps: 12, seed });
      return { ...one, errors: momentErrors(clouds, endLaw(right)) };
    });
  it('holds for the right layer', () => {
    expect(verdict(variantsConclusion(given, measured(right)))).toBe('holds');
  });
  it.each([
    [
      'keys without their factor 2',
      head(({ keyMetric }) => ({ keyMetric: scale(0.5, keyMetric ?? zeros(2, 2)) })),
    ],
    ['transposed scores', head(({ B }) => ({ B: transpose(B) }))],
    ['values of the wrong sign', head(({ V }) => ({ V: scale(-1, V) }))],
  ])('notices tokens moved by %s', (_, moved) => {
    expect(verdict(variantsConclusion(given, measured(moved)))).not.toBe('holds');
  });

  /** Under which tr Σ nearly attains its bound: a wide law, one head that pulls as W does. */
  const sharp = gaussianFlow(
    gaussianLayer({
      attention: 'l2',
      heads: [
        {
          V: identity(2),
          B: identity(2),
          keyMetric: fromRows(rows(1, 0, 0, 4)),
        },
      ],
      W: scale(0.5, identity(2)),
    }),
    { mean: Float64Array.of(0, 0), covariance: fromRows(rows(100, 0, 0, 1e-3)) },
    1,
  );
  const bounded = (rateOf: (layer: GaussianLayer) => number) => {
    const [one] = measured(right);
    const { traces, bounds } = measureVariant(
      backend,
      sharp,
      { tokens, samples: 2, seed: 1 },
      rateOf,
    );
    return verdict(variantsConclusion(given, [...measured(right), { ...one, traces, bounds }]));
  };
  it('holds for the right exponential bound', () => expect(bounded(growthRate)).toBe('holds'));
  it.each<[string, (layer: GaussianLayer) => number]>([
    ['without |W|', ({ heads }) => growthRate(gaussianLayer({ attention: 'l2', heads }))],
    ['by the largest eigenvalue of the keys', () => 0.5 + 1 / 4],
    ['of half the rate', (layer) => growthRate(layer) / 2],
  ])('notices an exponential bound %s', (_, rateOf) => expect(bounded(rateOf)).toBe('fails'));
});

describe('C.finite-n', () => {
  /** Two heads that attract and a feed-forward map that expands: the farthest token is nearly as fast as the bound. */
  const flow = gaussianFlow(
    gaussianLayer({
      heads: [0.5, 0.5].map((v) => ({ V: scale(v, identity(2)), B: identity(2) })),
      W: scale(0.3, identity(2)),
    }),
    { mean: Float64Array.of(0, 0), covariance: identity(2) },
    10,
  );
  const judge = (speed: (layer: GaussianLayer) => number) =>
    verdict(
      finiteTokensConclusion({ horizon: 10 }, [
        compareWithHull(backend, flow, { tokens: 64, seed: 1 }, speed),
      ]),
    );
  it('holds for the right speed', () => expect(judge(hullSpeed)).toBe('holds'));
  it.each<[string, (layer: GaussianLayer) => number]>([
    ['without |W|', ({ heads }) => hullSpeed(gaussianLayer({ heads }))],
    [
      'of the largest head alone',
      ({ W, heads: [head] }) => hullSpeed(gaussianLayer({ W, heads: [head] })),
    ],
    ['of W alone', ({ W }) => spectralNorm(W)],
    ['half as large', (layer) => hullSpeed(layer) / 2],
  ])('notices a speed %s', (_, speed) => expect(judge(speed)).toBe('fails'));
});

describe('C.practice', () => {
  const [n, d] = [128, 16];
  const gaussian = toRows(gaussianInput(1, n, d));
  const judge = async (cloud: number[][]) => {
    const instance = { clouds: [gaussian, cloud, cloud] };
    return (await runClaim({ claim: practice, instance }, { backend })).finding.verdict;
  };
  const other = (law: 'two-sided exponential' | 'uniform') =>
    toRows(alternativeCloud(law, { rows: n, columns: d }, randomStream(1, 'other clouds')));
  it('holds for Gaussian clouds', async () => expect(await judge(gaussian)).toBe('holds'));
  it.each([
    ['two-sided exponential coordinates', other('two-sided exponential')],
    ['uniform coordinates', other('uniform')],
    [
      'two clusters along every axis',
      gaussian.map((point) => point.map((x) => x + 4 * Math.sign(x))),
    ],
  ])('notices %s', async (_, cloud) => expect(await judge(cloud)).toBe('fails'));
  it('notices blocks whose values have the wrong sign', async () => {
    const shape = { name: '', layers: 4, dimension: 16, heads: 2, hidden: 16 };
    const run = { normalised: false, tokens: 64, options: {} };
    const claimed = { key: 1, value: -1, feedForward: 0.1 } as const;
    const answer = async (
      prescription: typeof claimed | { key: 1; value: 1; feedForward: 0.1 },
    ) => {
      const { measures } = await measurePrescribed(backend, shape, { ...run, prescription });
      return asPredicted({ ...claimed, name: '', normalised: false, measures });
    };
    expect(await answer(claimed)).toBe(true);
    expect(await answer({ ...claimed, value: 1 })).toBe(false);
  });
});
