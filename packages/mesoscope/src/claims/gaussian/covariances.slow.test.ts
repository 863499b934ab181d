import { afterAll, describe, expect, it } from 'vitest';
import { blowUp } from './blow-up.ts';
import { clustering } from './clustering.ts';
import { rank } from './rank.ts';
import { reachability } from './reachability.ts';
import { stability } from './stability.ts';
import { backend, find, I, law, scaled, unmet, wide } from './test-support.ts';

afterAll(() => backend.dispose());

const repelling = [{ V: scaled(-1), B: I }];

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
    // Σ* has rank 2 however far apart its two spreads lie.
    const [[a, b], [c, e]] = finding.evidence.equilibrium as number[][];
    expect(a * e - b * c).toBeGreaterThan(0);
    if (finding.verdict === 'undecided') expect(unmet(finding)).toContain('stopped early');
  });

  it.each([
    ['every rate', scaled(1e-320), 'Σ* is a number'],
    ['one rate', [[1e-320, 0], I[1]], 'sign of Re λ(W)'],
  ])('is undecided where %s of W vanishes', async (_, W, reason) => {
    const finding = await find(stability, { law, heads: repelling, W });
    expect(finding.verdict).toBe('undecided');
    expect(unmet(finding)).toContain(reason);
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

describe.each([
  ['without heads', { law }],
  ['with values 0', { law, heads: [{ V: scaled(0), B: I }] }],
  ['with scores 0', { law, heads: [{ V: I, B: scaled(0) }] }],
])('layers %s', (_, instance) => {
  it.each([
    [blowUp, 'undecided', 'nothing can blow up'],
    [rank, 'undecided', 'leaves the shape'],
    [clustering, 'undecided', 'attention is zero on the support'],
    [stability, 'outside', 'M negative definite'],
  ] as const)('are trivial to $id', async (claim, verdict, sentence) => {
    const finding = await find<unknown, unknown>(claim as never, instance);
    expect(finding.verdict).toBe(verdict);
    expect(finding.summary).toContain(sentence);
  });
});

it('one coordinate is enough', async () => {
  const line = { mean: [0.2], covariance: [[1]] };
  const stable = { law: line, heads: [{ V: [[-0.5]], B: [[0.3]] }], W: [[0.5]] };
  for (const claim of [blowUp, rank, stability]) {
    expect((await find<unknown, unknown>(claim as never, stable)).verdict).toBe('holds');
  }
  const attracted = await find(blowUp, { law: line, heads: [{ V: [[0.3]], B: [[0.3]] }] });
  expect(attracted.evidence['blowUpTime.predicted']).toBeCloseTo(1 / 0.18, 12);
});
