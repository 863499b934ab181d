import { afterAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../kernels/backend.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim, Finding } from '../legacy.ts';
import { runClaim } from '../run.ts';
import { costateOrder } from './costate-order.ts';
import { eulerOrder } from './euler-order.ts';
import { gradient } from './gradient.ts';
import { terminalCostate } from './terminal-costate.ts';

const backend: Backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find(claim: Claim, instance?: unknown): Promise<Finding> {
  const task = instance === undefined ? { claim } : { claim, instance };
  return (await runClaim(task, { backend })).finding;
}

const layer = {
  h0: [
    [1, 0.2],
    [-0.3, 0.8],
    [0.4, -1],
  ],
  heads: [
    {
      Q: [[0.7, -0.2]],
      K: [[0.3, 0.9]],
      V: [
        [0.2, 0.8],
        [-0.6, 0.1],
      ],
    },
  ],
  feedForward: {
    W1: [
      [1, 0.5],
      [-0.4, 0.8],
      [0.3, -0.9],
    ],
    b1: [0.1, 0, -0.2],
    W2: [
      [0.4, -0.3, 0.2],
      [0.1, 0.5, -0.7],
    ],
  },
  causal: true,
  horizon: 2,
};

const sequences = {
  h0: [
    [
      [1, 0],
      [0.5, -1],
    ],
    [
      [-1, 0.3],
      [0.2, 0.9],
    ],
  ],
  labels: [0, 1],
  U: [
    [2, 0.5],
    [-1, 1.5],
  ],
  regularisation: 1,
};

describe.each([eulerOrder, costateOrder, terminalCostate, gradient] as Claim[])('$id', (claim) => {
  it('holds on its own experiments', async () => {
    const finding = await find(claim);
    expect(finding.assumptions.filter(({ holds }) => !holds)).toEqual([]);
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.figures.length).toBeGreaterThan(0);
  });
});

describe('A.euler-order on an explicit layer', () => {
  it('gives the error of every depth', async () => {
    const depths = [8, 16, 32, 64];
    const finding = await find(eulerOrder, { ...layer, depths });
    expect(finding.verdict).toBe('holds');
    expect(finding.evidence.depths).toEqual(depths);
    expect(finding.evidence.errors).toHaveLength(4);
  });

  it('has the errors of the linear flow in closed form', async () => {
    // One token attends to itself: ḣ = V h with V = −1, so h_k = (1 − T/L)^k and h(t) = e^{−t}.
    const depths = [8, 16, 32, 64];
    const heads = [{ Q: [[1]], K: [[1]], V: [[-1]] }];
    const { evidence } = await find(eulerOrder, { h0: [[1]], heads, feedForward: null, depths });
    const expected = depths.map((L) =>
      Math.max(
        ...Array.from({ length: L + 1 }, (_, k) => Math.abs((1 - 1 / L) ** k - Math.exp(-k / L))),
      ),
    );
    (evidence.errors as number[]).forEach((error, i) => {
      expect(Math.abs(error - expected[i])).toBeLessThan(1e-12);
    });
  });

  it('is outside where nothing moves and where the recursion diverges', async () => {
    const still = [{ Q: [[1]], K: [[1]], V: [[0]] }];
    expect((await find(eulerOrder, { h0: [[1]], heads: still })).verdict).toBe('outside');
    const wild = [{ Q: [[1]], K: [[1]], V: [[60]] }];
    const finding = await find(eulerOrder, { h0: [[1]], heads: wild });
    expect(finding.verdict).toBe('outside');
    expect(finding.measured).toBeNaN();
  });

  it.each([
    ['no token', { h0: [] }, /h0/],
    ['ragged tokens', { h0: [[1, 2], [3]] }, /\[1\]/],
    ['tokens that are not finite', { h0: [[1, Number.NaN]] }, /h0/],
    ['tokens of another dimension', { h0: [[1, 2, 3]] }, /^h0: received shape/],
    ['no head', { heads: [] }, /heads/],
    ['too few depths', { depths: [8, 16, 32] }, /depths/],
    ['depths that fall', { depths: [8, 16, 16, 32] }, /depths/],
    ['a zero depth', { depths: [0, 1, 2, 3] }, /depths/],
    ['a negative horizon', { horizon: -1 }, /horizon/],
    ['a misspelt key', { horizn: 1 }, /horizon/],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(find(eulerOrder, { ...layer, ...wrong })).rejects.toThrow(message);
  });
});

describe('A.costate-order on an explicit layer', () => {
  it('takes readout and labels', async () => {
    const U = sequences.U;
    const finding = await find(costateOrder, { ...layer, U, labels: [0, 1, 1] });
    expect(finding.verdict, finding.summary).toBe('holds');
    const last = { ...layer, U, labels: [1], pooling: 'last' };
    expect((await find(costateOrder, last)).verdict).toBe('holds');
    expect((await find(costateOrder, layer)).verdict).toBe('holds');
  });

  it('has the costates of the linear flow in closed form', async () => {
    // ḣ = −h, two classes with logits ±h: p(t) = p_T e^{−(T−t)}, p_T = −2/(1 + e^{2h_T}).
    const heads = [{ Q: [[1]], K: [[1]], V: [[-1]] }];
    const depths = [8, 16, 32, 64];
    const own = { h0: [[1]], heads, U: [[1], [-1]], labels: [0], depths };
    const { evidence } = await find(costateOrder, own);
    const terminal = (h: number) => -2 / (1 + Math.exp(2 * h));
    const expected = depths.map((L) =>
      Math.max(
        ...Array.from({ length: L + 1 }, (_, k) => {
          const discrete = terminal((1 - 1 / L) ** L) * (1 - 1 / L) ** (L - k);
          return Math.abs(discrete - terminal(Math.exp(-1)) * Math.exp(k / L - 1));
        }),
      ),
    );
    (evidence.errors as number[]).forEach((error, i) => {
      expect(Math.abs(error - expected[i])).toBeLessThan(1e-10);
    });
  });

  it.each([
    ['a readout of another width', { U: [[1], [2]] }, /^U: received shape/],
    ['one class', { U: [[1, 2]] }, /U/],
    ['a label outside the classes', { U: sequences.U, labels: [0, 1, 2] }, /labels\[2\]/],
    ['a negative label', { U: sequences.U, labels: [0, -1, 1] }, /labels/],
    ['too few labels', { U: sequences.U, labels: [0] }, /labels/],
    ['too many labels', { U: sequences.U, labels: [0, 1], pooling: 'last' }, /labels/],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(find(costateOrder, { ...layer, ...wrong })).rejects.toThrow(message);
  });
});

describe('A.terminal-costate on explicit states', () => {
  const U = [
    [1, 0.5],
    [-1, 2],
    [0.3, 0.1],
  ];
  const hT = [
    [0.4, -0.2],
    [1, 2],
  ];

  it('gives the costate of the mean loss, its sum, and the residual', async () => {
    const { verdict, evidence } = await find(terminalCostate, { hT, U, labels: [2, 0] });
    expect(verdict).toBe('holds');
    const residual = hT.map((h, j) => {
      const z = U.map((row) => row[0] * h[0] + row[1] * h[1]);
      const total = z.reduce((sum, x) => sum + Math.exp(x), 0);
      return z.map((x, c) => Math.exp(x) / total - (c === [2, 0][j] ? 1 : 0));
    });
    const costate = evidence.costate as number[][];
    const ofSum = evidence.costateOfSum as number[][];
    const softmaxResidual = evidence.softmaxResidual as number[][];
    residual.forEach((r, j) => {
      r.forEach((entry, c) => {
        expect(softmaxResidual[j][c]).toBeCloseTo(entry, 14);
      });
      for (const i of [0, 1]) {
        const pulled = r.reduce((sum, x, c) => sum + U[c][i] * x, 0);
        expect(costate[j][i]).toBeCloseTo(pulled / 2, 14);
        expect(ofSum[j][i]).toBeCloseTo(pulled, 14);
      }
    });
  });

  it.each([
    ['last', [2]],
    ['mean', [1]],
  ])('pools by %s', async (pooling, labels) => {
    const finding = await find(terminalCostate, { hT, U, labels, pooling });
    expect(finding.verdict).toBe('holds');
    const costate = finding.evidence.costate as number[][];
    if (pooling === 'last') expect(costate[0]).toEqual([0, 0]);
    else expect(costate[0]).toEqual(costate[1]);
  });

  it.each([1, 1e3, 1e6])('stays exact with logits of %d', async (size) => {
    const large = U.map((row) => row.map((x) => size * x));
    for (const label of [0, 1, 2]) {
      const finding = await find(terminalCostate, { hT, U: large, labels: [label, label] });
      expect(finding.verdict, finding.summary).toBe('holds');
    }
  });

  it('stays exact where large logits are nearly equal', async () => {
    const close = {
      U: [
        [1000, 1],
        [1000, 1.001],
        [999.9995, 1],
      ],
      hT: [[1, 0.3]],
    }; // prettier-ignore
    const finding = await find(terminalCostate, { ...close, labels: [1] });
    expect(finding.verdict, finding.summary).toBe('holds');
  });

  it.each([
    ['a readout of another width', { U: [[1], [2]] }, /^U: received shape/],
    ['a label outside the classes', { labels: [0, 3] }, /labels\[1\]/],
    ['a label that is no class', { labels: [0, 1.5] }, /labels/],
    ['too few labels', { labels: [0] }, /labels/],
    ['no states', { hT: [] }, /hT/],
    ['ragged states', { hT: [[1, 2], [3]] }, /hT/],
    ['entries that are not finite', { hT: [[1, Number.POSITIVE_INFINITY]] }, /hT/],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(find(terminalCostate, { hT, U, labels: [0, 1], ...wrong })).rejects.toThrow(
      message,
    );
  });
});

describe('A.gradient on explicit data', () => {
  it('compares with a readout at every position and an H¹ penalty', async () => {
    const labels = [
      [0, 1],
      [1, 1],
    ];
    const own = { ...sequences, labels, pooling: 'position', smoothness: 0.3 };
    const finding = await find(gradient, own);
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.evidence['differences.readout']).toHaveLength(1);
    expect(finding.evidence['differences.embedding']).toBeUndefined();
  });

  it.each([
    ['a label list of the wrong length', { labels: [[0, 1], 1] }, /labels\[0\]/],
    ['fewer labels than sequences', { labels: [0] }, /labels/],
    [
      'sequences of different lengths',
      {
        h0: [
          [[1, 2]],
          [
            [1, 2],
            [3, 4],
          ],
        ],
      },
      /h0\[1\]/,
    ],
    ['a negative λ', { regularisation: -1 }, /regularisation/],
    [
      'a readout of another width',
      {
        U: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      },
      /^U: received shape/,
    ],
    ['a label outside the classes', { labels: [0, 2] }, /labels\[1\]/],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(find(gradient, { ...sequences, ...wrong })).rejects.toThrow(message);
  });
});
