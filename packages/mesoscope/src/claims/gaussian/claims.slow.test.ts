import { afterAll, describe, expect, it } from 'vitest';
import { weightGrowth } from '../../gaussian/measure/weight-growth.ts';
import { alternativeCloud, gaussianInput } from '../../gaussian/practice/measure-source.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { toRows } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Claim, Finding } from '../claim.ts';
import { runClaim } from '../run.ts';
import { blowUp } from './blow-up.ts';
import { clustering } from './clustering.ts';
import { finiteTokens } from './finite-n.ts';
import { gaussianClaims } from './index.ts';
import { invariance } from './invariance.ts';
import { practice } from './practice.ts';
import { rank } from './rank.ts';
import { reachability } from './reachability.ts';
import { stability } from './stability.ts';
import { variants } from './variants.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find<G, M>(claim: Claim<G, M>, instance: unknown = {}): Promise<Finding> {
  return (await runClaim({ claim: claim as Claim, instance }, { backend })).finding;
}

/** Names of the hypotheses and resolutions that are not met. */
function unmet({ assumptions, resolution }: Finding): string {
  return [...assumptions, ...resolution]
    .filter(({ holds }) => !holds)
    .map(({ name, value }) => `${name}: ${value}`)
    .join('; ');
}

const I = [
  [1, 0],
  [0, 1],
];
const law = { mean: [0, 0], covariance: I };
const scaled = (c: number) => I.map((row) => row.map((entry) => c * entry));
const wide = (c: number) => ({ mean: [0, 0], covariance: scaled(c) });
const repelling = [{ V: scaled(-1), B: I }];

describe.each(gaussianClaims)('$id', (claim) => {
  it('holds on its own experiments', { timeout: 120_000 }, async () => {
    const finding = await find(claim);
    expect(unmet(finding)).toBe('');
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.figures.length).toBeGreaterThan(0);
    for (const { failsIf, measured } of finding.checks) {
      expect(failsIf.length).toBeGreaterThan(10);
      expect(Number.isFinite(measured)).toBe(true);
    }
  });
});

describe('C.blow-up', () => {
  it('W = 0 blows up at 1/λ_max, the flow stops there', async () => {
    const instance = { law, heads: [{ V: I, B: scaled(0.5) }], horizon: 50 };
    const { evidence, verdict, summary } = await find(blowUp, instance);
    expect(verdict).toBe('holds');
    expect(evidence['blowUpTime.predicted']).toBe(1);
    expect(Math.abs((evidence['blowUpTime.integrated'] as number) - 1)).toBeLessThan(1e-8);
    expect(evidence['flow.ended']).toBe('event');
    expect(summary).toContain('stops at its blow-up');
  });

  it('none is predicted, none found', async () => {
    const finding = await find(blowUp, { law, heads: [{ V: I, B: scaled(-1) }], horizon: 5 });
    expect(finding.verdict).toBe('holds');
    expect(finding.evidence['blowUpTime.predicted']).toBe('none');
  });

  it('is undecided at 1 + 1e-12 of criticality, and without attention', async () => {
    const critical = scaled(0.5 * (1 + 1e-12));
    const instance = { law, heads: [{ V: I, B: critical }], W: scaled(-0.5), horizon: 100 };
    const finding = await find(blowUp, instance);
    expect(finding.verdict).toBe('undecided');
    expect(unmet(finding)).toContain('rounding');
    const none = await find(blowUp, { law, W: I, horizon: 1 });
    expect(none.verdict).toBe('undecided');
    expect(none.summary).toContain('there is no attention');
  });

  it.each([1e-320, -1e-320, 1e-310, 1e-17])(
    'a feed-forward map of size %d moves neither depth',
    async (w) => {
      for (const W of [scaled(w), [scaled(w)[0], [0, 1]]]) {
        const { verdict, evidence } = await find(blowUp, {
          ...{ law, heads: [{ V: I, B: [I[0], [0, -1]] }], W },
        });
        expect(verdict).toBe('holds');
        expect(evidence['blowUpTime.predicted']).toBeCloseTo(0.5, 10);
      }
    },
  );

  it('values that are no multiple of I lie outside', async () => {
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
});

describe('C.stability', () => {
  it('Σ* = I for W = I, M = −2I, and its Jacobian', async () => {
    const { evidence, verdict } = await find(stability, { law: wide(2), heads: repelling, W: I });
    expect(verdict).toBe('holds');
    (evidence.equilibrium as number[][]).forEach((row, i) => {
      row.forEach((entry, j) => {
        expect(entry).toBeCloseTo(I[i][j], 12);
      });
    });
    expect(evidence.jacobianSpectrum).toEqual([-2, -2, -2].map((v) => expect.closeTo(v, 10)));
    expect(evidence['mean.stable']).toBe(1);
    const outside = await find(stability, { law, heads: [{ V: I, B: I }], W: scaled(-1) });
    expect(outside.verdict).toBe('outside');
  });

  it('a law at rest says nothing about where laws tend', async () => {
    const finding = await find(stability, { law, heads: repelling, W: I });
    expect(finding.verdict).toBe('undecided');
    expect(finding.summary).toContain('at rest');
  });

  it.each([
    ['a covariance of 1e-200', { law: wide(1e-200), W: I }],
    ['a covariance of 5e7', { law: wide(5e7), W: I }],
    ['scores of 1e-200', { heads: [{ V: scaled(-1), B: scaled(1e-200) }], W: I }],
    ['rates of 5e7', { law: wide(3), heads: [{ V: scaled(-1), B: scaled(5e7) }], W: scaled(5e7) }],
  ])('holds for %s', async (_, instance) => {
    expect((await find(stability, { law, heads: repelling, ...instance })).verdict).toBe('holds');
  });

  it('holds for a Jordan block, whose eigenvalues are known to ε^(1/5) only', async () => {
    const E = [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? 1 : 0)));
    const W = [
      [1, 1, 0],
      [0, 1, 2],
      [0, 0, 1],
    ];
    const heads = [{ V: E, B: E.map((row) => row.map((entry) => -entry)) }];
    const instance = { law: { mean: [0, 0, 0], covariance: E }, heads, W };
    expect((await find(stability, instance)).verdict).toBe('holds');
  });

  it.each([
    [
      'stiff',
      [
        [1e4, 0],
        [0, 0.1],
      ],
    ],
    [
      'nearly imaginary',
      [
        [1e-9, 1],
        [-1, 1e-9],
      ],
    ],
    [
      'of two scales',
      [
        [50, 0],
        [0, 0.01],
      ],
    ],
  ])('never fails for W that is %s: it holds, or the integration stopped early', async (_, W) => {
    const finding = await find(stability, { law, heads: repelling, W });
    expect(['holds', 'undecided']).toContain(finding.verdict);
    expect(finding.evidence.regime).toBe('stable');
    if (finding.verdict === 'undecided') expect(unmet(finding)).toContain('stopped early');
  });

  it('is undecided where M is negative by rounding only', async () => {
    const B = [
      [1, 0],
      [0, 1e-14],
    ];
    const instance = { law, heads: [{ V: scaled(-1), B }], W: I };
    const finding = await find(stability, instance);
    expect(finding.verdict).toBe('undecided');
    expect(unmet(finding)).toContain('sign of λ_max(M)');
  });
});

describe('C.rank', () => {
  const singular = {
    mean: [0, 0],
    covariance: [
      [1, 1],
      [1, 1],
    ],
  };

  it.each(['softmax', 'sinkhorn'])('keeps a rank below d under %s attention', async (attention) => {
    const W = [
      [0, 1],
      [-1, 0.3],
    ];
    const instance = { law: singular, heads: [{ V: I, B: scaled(-1) }], W, horizon: 2, attention };
    const { evidence, verdict, checks } = await find(rank, instance);
    expect(verdict).toBe('holds');
    expect(evidence.rank).toEqual([1]);
    expect(checks.map(({ name }) => name).join()).toContain('should stay 0');
  });

  it('keeps it under l2 attention, by both integrations', async () => {
    const heads = [{ V: I, Q: I, K: I, scale: 0.5 }];
    const instance = { law: singular, attention: 'l2', heads };
    const { verdict, evidence } = await find(rank, instance);
    expect(verdict).toBe('holds');
    expect(evidence['unfactored.leak'] as number).toBeLessThan(1e-9);
  });

  it('is undecided where a direction shrinks below rounding, and over a depth of 1e6 where Σ overflows', async () => {
    const heads = [{ V: I, B: scaled(-1) }];
    const W = [
      [-50, 0],
      [0, 1],
    ];
    const lost = await find(rank, { law, heads, W, horizon: 20 });
    expect(lost.verdict).toBe('undecided');
    expect(lost.summary).toContain('stands a thousand times above');
    expect((await find(rank, { law, heads, horizon: 1e6 })).verdict).toBe('holds');
    const far = await find(rank, { law, W: I, horizon: 1e6 });
    expect(far.verdict).toBe('undecided');
    expect(unmet(far)).toContain('diverged');
  });

  it('a layer that does nothing proves nothing', async () => {
    const { verdict, summary } = await find(rank, { law });
    expect(verdict).toBe('undecided');
    expect(summary).toContain('leaves the shape');
  });
});

describe('C.clustering', () => {
  const B = [
    [-1, 0],
    [0, 0],
  ];
  it('d − k directions stay', async () => {
    const { evidence, verdict } = await find(clustering, { law, heads: [{ V: I, B }] });
    expect(verdict).toBe('holds');
    expect(evidence.rank).toEqual([1]);
    expect((await find(clustering, { law, heads: [{ V: I, B: I }] })).verdict).toBe('outside');
  });

  it('is undecided where attention is zero, on the support or everywhere', async () => {
    const flat = {
      mean: [0, 0],
      covariance: [
        [0, 0],
        [0, 1],
      ],
    };
    for (const instance of [{ law: flat, heads: [{ V: I, B }] }, { law }]) {
      const { verdict, summary } = await find(clustering, instance);
      expect(verdict).toBe('undecided');
      expect(summary).toContain('attention is zero on the support');
    }
  });
});

describe('C.invariance', () => {
  it('is outside where the rate ends, where the weights have no variance, and past a blow-up', async () => {
    const tilted = await find(invariance, {
      law,
      heads: [{ V: scaled(-0.3), B: I }],
      horizon: 0.1,
    });
    expect(tilted.verdict).toBe('outside');
    expect(unmet(tilted)).toContain('finite variance');
    expect(unmet(tilted)).not.toContain('for the limit');
    const past = await find(invariance, { law, heads: [{ V: I, B: I }], horizon: 2 });
    expect(unmet(past)).toContain('blow up');
  });

  it('holds for a singular covariance with weights of finite variance', async () => {
    const covariance = [
      [1, 1],
      [1, 1],
    ];
    const instance = {
      law: { mean: [0.5, 0], covariance },
      heads: [{ V: scaled(0.3), B: scaled(0.15) }],
    };
    expect((await find(invariance, instance)).verdict).toBe('holds');
  });

  it.each([
    ['no head', { W: scaled(0.3) }],
    ['values 0 under hard scores', { heads: [{ V: scaled(0), B: scaled(40) }], W: scaled(0.3) }],
    ['scores 0', { heads: [{ V: scaled(0.3), B: scaled(0) }] }],
  ])('affine layers cannot contradict it: %s', async (_, layer) => {
    const finding = await find(invariance, { law, ...layer, groups: 2, samples: 2 });
    expect(finding.assumptions.every(({ holds }) => holds)).toBe(true);
    expect(finding.verdict).toBe('undecided');
    expect(finding.summary).toContain('affine');
  });

  it('a head of value 0 takes no part in its hypotheses', async () => {
    const heads = [
      { V: scaled(0), B: scaled(40) },
      { V: scaled(0.3), B: scaled(0.15) },
    ];
    expect((await find(invariance, { law, heads })).verdict).toBe('holds');
  });

  it('the weights’ variance ∝ e^{|LᵀBLz|²} has a finite mean up to |Σ^½BΣ^½| = 1/√2', () => {
    const one = { rows: 1, columns: 1, data: Float64Array.of(1) };
    const at = (b: number, more = {}) => {
      const head = { V: one, B: { ...one, data: Float64Array.of(b) }, ...more };
      const layer = { dimension: 1, heads: [head], W: one, b: new Float64Array(1) };
      const attention = 'keyMetric' in more ? ('l2' as const) : ('softmax' as const);
      return weightGrowth({ ...layer, attention }, one);
    };
    expect(at(Math.SQRT1_2)).toBeCloseTo(0.5, 14);
    // l2 in d = 1: q = s b²/((1 + 2sa)(1 + sa)).
    const keyMetric = { ...one, data: Float64Array.of(0.7) };
    expect(at(0.9, { keyMetric })).toBeCloseTo(0.81 / (2.4 * 1.7), 14);
  });
});

describe('C.variants', () => {
  it('sinkhorn heads of strong correlation still follow at the rate', async () => {
    const strong = { law, attention: 'sinkhorn', heads: [{ V: I, B: I }], horizon: 1 };
    const { verdict, evidence } = await find(variants, strong);
    // l = 1: τ = (√5 − 1)/2, the golden ratio less 1.
    expect((evidence['sinkhorn.correlation'] as number[])[0]).toBeCloseTo(0.618034, 6);
    expect(verdict).toBe('holds');
  });

  it('l2 with K not injective is outside, and blows up as predicted', async () => {
    const V = [
      [0, 0],
      [0, 1],
    ];
    const covariance = [
      [1, 0.6],
      [0.6, 1.4],
    ];
    const heads = [{ V, Q: [[0, 1]], K: [[1, 0]], scale: 0.8 }];
    const instance = { law: { mean: [0, 0], covariance }, attention: 'l2', heads, horizon: 5 };
    const finding = await find(variants, instance);
    expect(finding.verdict).toBe('outside');
    expect(unmet(finding)).toContain('K injective');
    const predicted = (1 + 1.6) / (1.6 * 0.6);
    const [integrated] = finding.evidence['blowUpTime.integrated'] as number[];
    expect(Math.abs(integrated / predicted - 1)).toBeLessThan(1e-8);
  });

  it('softmax is outside, no attention is nothing to see', async () => {
    const softmax = { law, heads: [{ V: scaled(0.1), B: scaled(0.1) }], groups: 2 };
    const outside = await find(variants, softmax);
    expect(outside.verdict).toBe('outside');
    expect(outside.summary).not.toContain('NaN');
    const none = { law, attention: 'sinkhorn', groups: 2, samples: 2, tokens: [8, 16, 32, 64] };
    expect((await find(variants, none)).verdict).toBe('undecided');
  });
});

describe('C.finite-n', () => {
  it('a closure that lives is outside', async () => {
    const instance = { law, heads: [{ V: I, B: I }] };
    expect((await find(finiteTokens, { ...instance, horizon: 0.2 })).verdict).toBe('outside');
    expect((await find(finiteTokens, { ...instance, horizon: 2 })).verdict).toBe('holds');
    expect((await find(finiteTokens, { ...instance, attention: 'sinkhorn' })).verdict).toBe(
      'outside',
    );
  });

  it('a single token is refused', async () => {
    await expect(find(finiteTokens, { tokens: [1] })).rejects.toThrow(/tokens/);
  });
});

describe('C.reachability', () => {
  const to = {
    mean: [1, -1],
    covariance: [
      [2, 0.3],
      [0.3, 0.5],
    ],
  };
  it.each(['feed-forward', 'attention', 'constant', 'minimum-energy'])(
    '%s arrives',
    async (realisation) => {
      const { evidence, verdict } = await find(reachability, { from: law, to, realisation });
      expect(verdict).toBe('holds');
      expect((evidence['endpointError.covariance'] as number[])[0]).toBeLessThan(1e-8);
      expect(evidence.rank).toEqual([2]);
    },
  );

  it('a large target is judged in its own unit; start and target alike say nothing', async () => {
    const large = { mean: [1e5, 0], covariance: scaled(1e8) };
    expect((await find(reachability, { from: law, to: large })).verdict).toBe('holds');
    const { verdict, summary } = await find(reachability, { from: law, to: law });
    expect(verdict).toBe('undecided');
    expect(summary).toContain('same law');
  });

  it('unequal ranks are refused, or approximated on request', async () => {
    const flat = {
      mean: [0, 0],
      covariance: [
        [1, 0],
        [0, 0],
      ],
    };
    await expect(find(reachability, { from: law, to: flat })).rejects.toThrow(/rank 1.*rank 2/s);
    const best = await find(reachability, { from: law, to: flat, bestApproximation: true });
    expect(best.verdict).toBe('outside');
    expect(best.evidence['approximation.distance'] as number).toBeCloseTo(0.01, 10);
  });
});

describe('C.practice', () => {
  const clouds = (of: 'two-sided exponential' | 'uniform', n: number, d: number) =>
    [1, 2, 3].map((k) =>
      toRows(alternativeCloud(of, { rows: n, columns: d }, randomStream(k, 'clouds'))),
    );

  it.each([
    [
      '128 tokens in R⁶⁴ of two-sided exponential coordinates',
      clouds('two-sided exponential', 128, 64),
    ],
    ['128 tokens in R⁴ of uniform coordinates', clouds('uniform', 128, 4)],
  ])('%s are no Gaussian input', async (_, given) => {
    const finding = await find(practice, { clouds: given });
    expect(finding.verdict).toBe('outside');
    expect(unmet(finding)).toContain('the input is near Gaussian');
    expect(finding.summary).toMatch(/\d+ % of clouds of uniform coordinates/);
  });

  it.each([64, 48, 40])(
    'names clouds of %i tokens that coincide, and measures the others',
    async (n) => {
      const spread = [1, 2, 3, 4, 5].map((k) => toRows(gaussianInput(k, n, 8)));
      const point = Array.from({ length: n }, () => [0.1, 0.2, 0.3, -1.7, 5.1, 1 / 3, 2.2, 0.7]);
      const { verdict, evidence, summary } = await find(practice, {
        clouds: [...spread, point, point],
      });
      expect(['holds', 'undecided']).toContain(verdict);
      expect(evidence['clouds.onePoint']).toEqual([6, 7]);
      expect(evidence['mardia.kurtosis.pValue']).toHaveLength(5);
      expect(summary).toContain('6, 7');
    },
  );

  it('is undecided where all tokens are one point from the start', async () => {
    const point = Array.from({ length: 40 }, () => [0.1, 0.2]);
    const { verdict, summary } = await find(practice, { clouds: [point, point] });
    expect(verdict).toBe('undecided');
    expect(summary).toContain('one point');
  });
});

describe('bad input is refused with the reason', () => {
  const heads = [{ V: I, B: I }];
  const covariances: [string, number[][], RegExp][] = [
    [
      'not symmetric',
      [
        [1, 0.5],
        [0, 1],
      ],
      /symmetric/,
    ],
    [
      'not positive semi-definite',
      [
        [1, 2],
        [2, 1],
      ],
      /-0\.9999.*positive semi-definite/,
    ],
    ['zero rank', scaled(0), /rank/],
  ];
  it.each(covariances)('%s', async (_, covariance, message) => {
    const bad = { mean: [0, 0], covariance };
    await expect(find(blowUp, { law: bad, heads })).rejects.toThrow(message);
  });

  it('dimensions, unknown keys, heads of the wrong kind, fields that mean nothing here', async () => {
    const bad = { mean: [0, 0, 0], covariance: I };
    await expect(find(blowUp, { law: bad, heads })).rejects.toThrow(/\[3/);
    await expect(find(blowUp, { law, heads, horizons: 1 })).rejects.toThrow(/horizon/);
    await expect(find(variants, { law, heads, attention: 'l2' })).rejects.toThrow(/heads/);
    await expect(find(blowUp, { law, heads, layers: 3 })).rejects.toThrow(/layers/);
  });

  it('every own field can be changed alone', async () => {
    expect((await find(rank, { controls: 7, horizon: 0.3 })).verdict).toBe('holds');
    expect((await find(clustering, { draws: 5 })).verdict).toBe('holds');
  });
});
