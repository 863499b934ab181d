import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Claim, Finding } from '../legacy.ts';
import { runClaim } from '../run.ts';
import { blowUp, blowUpFinding } from './blow-up.ts';
import { clustering, clusteringFinding } from './clustering.ts';
import { finiteTokens } from './finite-n.ts';
import { gaussianClaims } from './index.ts';
import { invariance } from './invariance.ts';
import { practice } from './practice.ts';
import { rank, rankFinding } from './rank.ts';
import { reachability, reachabilityFinding } from './reachability.ts';
import { stability, stabilityFinding } from './stability.ts';
import { variants } from './variants.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find(claim: Claim, instance?: unknown): Promise<Finding> {
  const task = instance === undefined ? { claim } : { claim, instance };
  return (await runClaim(task, { backend })).finding;
}

const I = [
  [1, 0],
  [0, 1],
];
const law = { mean: [0, 0], covariance: I };
const scaled = (c: number) => I.map((row) => row.map((entry) => c * entry));

describe.each(gaussianClaims)('$id', (claim) => {
  it('holds on its own experiments', { timeout: 120_000 }, async () => {
    const finding = await find(claim);
    expect(finding.assumptions.filter(({ holds }) => !holds)).toEqual([]);
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.figures.length).toBeGreaterThan(0);
  });
});

describe('explicit instances', () => {
  it('C.blow-up: W = 0 blows up at 1/λ_max, the flow stops there', async () => {
    const instance = { law, heads: [{ V: I, B: scaled(0.5) }], horizon: 50 };
    const { evidence, verdict, summary } = await find(blowUp, instance);
    expect(verdict).toBe('holds');
    expect(evidence['blowUpTime.predicted']).toBe(1);
    expect(Math.abs((evidence['blowUpTime.integrated'] as number) - 1)).toBeLessThan(1e-8);
    expect(evidence['flow.ended']).toBe('event');
    expect(summary).toContain('stops at its blow-up');
  });

  it('C.blow-up: no blow-up predicted, none found', async () => {
    const finding = await find(blowUp, { law, heads: [{ V: I, B: scaled(-1) }], horizon: 5 });
    expect(finding.verdict).toBe('holds');
    expect(finding.evidence['blowUpTime.predicted']).toBe('none');
  });

  it('C.blow-up: values that are no multiple of I lie outside', async () => {
    const V = [
      [1, 0.5],
      [0.5, 2],
    ];
    const finding = await find(blowUp, { law, heads: [{ V, B: I }], horizon: 5 });
    expect(finding.verdict).toBe('outside');
    expect(finding.evidence['blowUpTime.integrated'] as number).toBeLessThanOrEqual(
      finding.evidence['sufficient.latestTime'] as number,
    );
  });

  it('C.stability: Σ* = I for W = I, M = −2I, and its Jacobian', async () => {
    const instance = { law, heads: [{ V: scaled(-1), B: I }], W: I };
    const { evidence, verdict } = await find(stability, instance);
    expect(verdict).toBe('holds');
    const equilibrium = evidence.equilibrium as number[][];
    equilibrium.forEach((row, i) => {
      row.forEach((entry, j) => {
        expect(entry).toBeCloseTo(I[i][j], 12);
      });
    });
    expect(evidence.jacobianSpectrum).toEqual([-2, -2, -2].map((v) => expect.closeTo(v, 10)));
    expect(evidence['mean.stable']).toBe('true');
    const outside = await find(stability, { law, heads: [{ V: I, B: I }], W: scaled(-1) });
    expect(outside.verdict).toBe('outside');
  });

  it('C.rank keeps a rank below d', async () => {
    const singular = {
      mean: [0, 0],
      covariance: [
        [1, 1],
        [1, 1],
      ],
    };
    const { evidence, verdict } = await find(rank, {
      law: singular,
      heads: [{ V: I, B: scaled(-1) }],
      W: [
        [0, 1],
        [-1, 0.3],
      ],
      horizon: 2,
    });
    expect(verdict).toBe('holds');
    expect(evidence.rank).toBe(1);
  });

  it('C.clustering: d − k directions stay', async () => {
    const B = [
      [-1, 0],
      [0, 0],
    ];
    const { evidence, verdict } = await find(clustering, { law, heads: [{ V: I, B }] });
    expect(verdict).toBe('holds');
    expect(evidence.rank).toBe(1);
    expect((await find(clustering, { law, heads: [{ V: I, B: I }] })).verdict).toBe('outside');
  });

  it('C.variants: sinkhorn heads that correlate too strongly are outside', async () => {
    const strong = { law, attention: 'sinkhorn', heads: [{ V: I, B: scaled(1) }], horizon: 1 };
    const { verdict, assumptions } = await find(variants, strong);
    expect(verdict).toBe('outside');
    // l = 1: τ = (√5 − 1)/2, the golden ratio less 1.
    expect(assumptions.filter(({ holds }) => !holds)).toMatchObject([
      { name: expect.stringContaining('1/√3'), value: expect.closeTo(0.618034, 6) },
    ]);
    const weak = { ...strong, heads: [{ V: I, B: scaled(0.5) }] };
    expect((await find(variants, weak)).verdict).toBe('holds');
  });

  it('C.variants: l2 with K not injective is outside, and blows up as predicted', async () => {
    const instance = {
      law: {
        mean: [0, 0],
        covariance: [
          [1, 0.6],
          [0.6, 1.4],
        ],
      },
      attention: 'l2',
      heads: [
        {
          V: [
            [0, 0],
            [0, 1],
          ],
          Q: [[0, 1]],
          K: [[1, 0]],
          scale: 0.8,
        },
      ],
      horizon: 5,
    };
    const { evidence, verdict, assumptions } = await find(variants, instance);
    expect(verdict).toBe('outside');
    expect(assumptions.find(({ holds }) => !holds)?.name).toContain('K injective');
    const predicted = (1 + 1.6) / (1.6 * 0.6);
    const [integrated] = evidence['blowUpTime.integrated'] as number[];
    expect(Math.abs(integrated / predicted - 1)).toBeLessThan(1e-8);
  });

  it('C.finite-n and C.invariance: an instance on the wrong side of the blow-up is outside', async () => {
    expect((await find(finiteTokens, { law, heads: [{ V: I, B: I }], horizon: 0.2 })).verdict).toBe(
      'outside',
    );
    const instance = { law, heads: [{ V: I, B: I }], horizon: 2 };
    expect((await find(invariance, instance)).verdict).toBe('outside');
    expect((await find(finiteTokens, instance)).verdict).toBe('holds');
  });

  it.each(['feed-forward', 'attention', 'constant', 'minimum-energy'])(
    'C.reachability: %s arrives',
    async (realisation) => {
      const to = {
        mean: [1, -1],
        covariance: [
          [2, 0.3],
          [0.3, 0.5],
        ],
      };
      const { evidence, verdict } = await find(reachability, { from: law, to, realisation });
      expect(verdict).toBe('holds');
      expect(evidence['endpointError.mean'] as number).toBeLessThan(1e-8);
      expect(evidence['endpointError.covariance'] as number).toBeLessThan(1e-8);
      expect(evidence.rank).toBe(2);
    },
  );

  it('C.reachability: unequal ranks are refused, or approximated on request', async () => {
    const to = {
      mean: [0, 0],
      covariance: [
        [1, 0],
        [0, 0],
      ],
    };
    await expect(find(reachability, { from: law, to })).rejects.toThrow(/rank 1.*rank 2/s);
    const best = await find(reachability, { from: law, to, bestApproximation: true });
    expect(best.verdict).toBe('outside');
    expect(best.evidence['approximation.distance'] as number).toBeCloseTo(0.01, 10);
  });
});

describe('bad input is refused with the reason', () => {
  const heads = [{ V: I, B: I }];
  it.each([
    [
      'not symmetric',
      {
        mean: [0, 0],
        covariance: [
          [1, 0.5],
          [0, 1],
        ],
      },
      /symmetric/,
    ],
    [
      'not positive semi-definite',
      {
        mean: [0, 0],
        covariance: [
          [1, 2],
          [2, 1],
        ],
      },
      /-0\.9999.*positive semi-definite/,
    ],
    ['zero rank', { mean: [0, 0], covariance: scaled(0) }, /rank/],
    ['dimensions', { mean: [0, 0, 0], covariance: I }, /\[3/],
  ])('%s', async (_, bad, message) => {
    await expect(find(blowUp, { law: bad, heads })).rejects.toThrow(message);
  });

  it('unknown keys and heads of the wrong kind', async () => {
    await expect(find(blowUp, { law, heads, horizons: 1 })).rejects.toThrow(/horizon/);
    await expect(find(variants, { law, heads, attention: 'l2' })).rejects.toThrow(/heads/);
  });
});

describe('a wrong measurement fails', () => {
  const flow = {
    layer: {
      dimension: 1,
      attention: 'softmax',
      heads: [],
      W: { rows: 1, columns: 1, data: new Float64Array(1) },
      b: new Float64Array(1),
    },
    law: {
      mean: new Float64Array(1),
      covariance: { rows: 1, columns: 1, data: Float64Array.of(1) },
    },
    start: { mean: new Float64Array(1), factor: { rows: 1, columns: 1, data: Float64Array.of(1) } },
    horizon: 2,
  } as const;

  it('C.blow-up: times that differ in the seventh digit', () => {
    const found = {
      predicted: 1,
      searchedTo: 1,
      reason: '',
      integrated: 1 + 1e-7,
      reached: 1,
      ended: 'event',
      disagreement: 1e-7,
      times: [0, 1],
      traces: [1, 2],
    };
    expect(blowUpFinding([flow], [found]).verdict).toBe('fails');
  });

  it('C.rank: a direction lost', () => {
    const record = {
      dimension: 2,
      before: 2,
      after: 1,
      unfactored: 2,
      kept: 1,
      leaked: 0,
      completed: true,
      times: [0],
      reached: 1,
      blowUpTime: null,
      spectra: [[1, 1]],
    };
    expect(rankFinding([record]).verdict).toBe('fails');
  });

  it('C.reachability: missed by 1e-6', () => {
    const record = {
      realisation: 'feed-forward',
      rank: 1,
      rankAtEnd: 1,
      mean: 1e-6,
      covariance: 0,
      energy: 1,
      geodesicEnergy: 1,
      squaredBuresDistance: 1,
      hamiltonianDrift: null,
      directEnergy: null,
      times: [0],
      sizes: [1],
    } as const;
    const none = { particles: [], unsupported: 0, refusal: null, approximation: null };
    expect(reachabilityFinding({ records: [record], ...none }).verdict).toBe('fails');
    const exact = { ...record, mean: 0 };
    expect(reachabilityFinding({ records: [exact], ...none }).verdict).toBe('holds');
    // An extremal that is not the cheapest.
    const dear = { ...exact, directEnergy: 0.9, hamiltonianDrift: 0 };
    expect(reachabilityFinding({ records: [dear], ...none }).verdict).toBe('fails');
  });

  it('C.stability: a Jacobian that is off, a sufficient test contradicted', () => {
    const record = {
      scalarValues: true,
      largestOfM: -1,
      smallestOfW: 1,
      fullRank: true,
      regime: 'stable',
      dimension: 1,
      blowUpTime: null,
      equilibrium: null,
      spectrum: null,
      meanStable: true,
      valueNegative: true,
      difference: { equilibrium: 0, spectrum: 1e-5 },
      times: [],
      distances: [],
    };
    expect(stabilityFinding([record], []).verdict).toBe('fails');
    const exact = { ...record, difference: { equilibrium: 0, spectrum: 0 } };
    expect(stabilityFinding([exact], []).verdict).toBe('holds');
    expect(stabilityFinding([{ ...exact, meanStable: false }], []).verdict).toBe('fails');
    const contradiction = { conclusion: 'bounded', regime: 'blow-up', contradicted: true };
    expect(stabilityFinding([exact], [contradiction]).verdict).toBe('fails');
  });

  it('C.clustering: another rank than the closed form', () => {
    const limit = { covariance: { rows: 1, columns: 1, data: new Float64Array(1) }, rank: 1 };
    const draw = { dimension: 2, keyDimension: 1, limit, flowRank: 2, distance: 0 };
    expect(clusteringFinding([draw]).verdict).toBe('fails');
  });

  it('C.practice: clouds that leave the Gaussian', async () => {
    const stream = randomStream(1, 'clouds');
    const row = () => Array.from({ length: 4 }, () => stream.normal());
    const gaussian = Array.from({ length: 200 }, row);
    // Two far clusters along every axis.
    const split = gaussian.map((point) => point.map((x) => x + 6 * Math.sign(x)));
    expect((await find(practice, { clouds: [gaussian, gaussian, gaussian] })).verdict).toBe(
      'holds',
    );
    expect((await find(practice, { clouds: [gaussian, split, split] })).verdict).toBe('fails');
    expect((await find(practice, { clouds: [split, split, split] })).verdict).toBe('outside');
  });
});
