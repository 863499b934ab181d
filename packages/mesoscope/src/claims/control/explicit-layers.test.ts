import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { costateOrder } from './costate-order.ts';
import { eulerOrder } from './euler-order.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find(claim: unknown, instance: unknown = {}) {
  return (await runClaim({ claim: claim as Claim, instance }, { backend })).finding;
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

const U = [
  [2, 0.5],
  [-1, 1.5],
];

describe('A.euler-order on an explicit layer', () => {
  it('gives the error of every depth', async () => {
    const depths = [8, 16, 32, 64];
    const finding = await find(eulerOrder, { ...layer, depths });
    expect(finding.verdict).toBe('holds');
    expect(finding.evidence.depths).toEqual(depths);
    expect((finding.evidence.errors as number[][])[0]).toHaveLength(4);
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
    (evidence.errors as number[][])[0].forEach((error, i) => {
      expect(Math.abs(error - expected[i])).toBeLessThan(1e-12);
    });
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
    (evidence.errors as number[][])[0].forEach((error, i) => {
      expect(Math.abs(error - expected[i])).toBeLessThan(1e-10);
    });
  });

  it.each([
    ['a readout of another width', { U: [[1], [2]] }, /^U: received shape/],
    ['a label outside the classes', { U: U, labels: [0, 1, 2] }, /labels\[2\]/],
    ['a negative label', { U: U, labels: [0, -1, 1] }, /labels/],
    ['too few labels', { U: U, labels: [0] }, /labels/],
    ['too many labels', { U: U, labels: [0, 1], pooling: 'last' }, /labels/],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(find(costateOrder, { ...layer, ...wrong })).rejects.toThrow(message);
  });
});
