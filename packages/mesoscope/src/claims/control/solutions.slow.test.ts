import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim, Finding } from '../claim.ts';
import { runClaim } from '../run.ts';
import { hamiltonian } from './hamiltonian.ts';
import { initialisation } from './initialisation.ts';
import { range } from './range.ts';
import { recovery } from './recovery.ts';
import { regularity } from './regularity.ts';
import { largestRise, smallestDescent, solvers } from './solver-descent.ts';
import { stability } from './stability.ts';
import { richardsonLimit, valueGap } from './value-gap.ts';

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

/** Every claim about solutions, with an explicit instance's own fields. */
const all = [
  valueGap,
  regularity,
  hamiltonian,
  recovery,
  range,
  initialisation,
  stability,
  solvers,
] as Claim[];

async function find(claim: Claim, instance: unknown): Promise<Finding> {
  return (await runClaim({ claim, instance }, { backend })).finding;
}

const h0 = [
  [
    [1, 0.2],
    [-0.5, 0.8],
    [0.3, -1.1],
  ],
  [
    [-0.7, 0.4],
    [1.2, -0.3],
    [0.1, 0.9],
  ],
  [
    [0.6, -0.9],
    [-1.3, 0.5],
    [0.8, 0.7],
  ],
  [
    [0.2, 1.4],
    [0.9, -0.6],
    [-1, -0.2],
  ],
];
const data = {
  h0,
  labels: [0, 1, 2, 0],
  U: [
    [1, -0.5],
    [-0.8, 0.9],
    [0.3, 0.7],
  ],
};

describe('on their own experiments', () => {
  it.each(all.map((claim) => [claim.id, claim] as const))('%s holds', async (id, claim) => {
    const finding = await find(claim, { problems: id === 'A.initialisation' ? 8 : 2 });
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.figures[0].id).toBe(id);
    expect(JSON.stringify(finding.evidence)).not.toMatch(/null/);
    // Extremal problems come after the random ones.
    const shares = finding.evidence['activity.attention'] as number[];
    expect(Math.min(...shares.slice(0, 2))).toBeGreaterThan(0.01);
  });
});

describe.each(all.map((claim) => [claim.id, claim] as const))('%s on explicit data', (_, claim) => {
  const verdict = async (change: object) => {
    const few = claim.id === 'A.initialisation' ? { starts: 4 } : {};
    const finding = await find(claim, { ...data, ...few, ...change });
    expect(finding.summary).not.toMatch(/NaN|undefined|Infinity/);
    expect(JSON.stringify(finding.evidence)).not.toMatch(/null/);
    return finding;
  };

  it('holds, for tokens of one number and for repeated samples too', async () => {
    expect((await verdict({})).verdict).toBe('holds');
    const single = h0.map((tokens) => tokens.map(([x]) => [x]));
    expect((await verdict({ h0: single, U: [[1], [-0.8], [0.3]] })).verdict).toBe('holds');
    const [a, b] = h0;
    expect((await verdict({ h0: [a, a, b, b], labels: [0, 0, 1, 1] })).verdict).toBe('holds');
  });

  it.each([
    ['U = 0', { U: data.U.map(() => [0, 0]) }, /does not move the controls/],
    ['one class', { U: [[1, -0.5]], labels: [0, 0, 0, 0] }, /does not move the controls/],
    ['one token', { h0: h0.map(([token]) => [token]) }, /attention and activation/],
    ['equal tokens', { h0: h0.map(([x]) => [x, x, x]) }, /attention and activation/],
    ['states 0', { h0: h0.map((tokens) => tokens.map(() => [0, 0])) }, /attention and activation/],
    ['one sample', { h0: [h0[0]], labels: [0] }, /attention and activation/],
    ['θ_ref = 0', { reference: 0 }, /attention and activation/],
  ])('is undecided for %s, and says why', async (_name, change, why) => {
    const finding = await verdict(change);
    expect(finding.verdict, finding.summary).toBe('undecided');
    expect(finding.summary).toMatch(why);
  });

  it('refuses what does not fit together', async () => {
    await expect(find(claim, { ...data, U: undefined })).rejects.toThrow(/U/);
    await expect(
      find(claim, {
        ...data,
        U: [
          [1, 2, 3],
          [1, 2],
        ],
      }),
    ).rejects.toThrow(/U\[0\]/);
    await expect(find(claim, { ...data, labels: [0, 1, 2, 3] })).rejects.toThrow(/labels\[3\]/);
    await expect(find(claim, { ...data, problems: 3 })).rejects.toThrow(/problems/);
    await expect(find(claim, { regularisation: -1 })).rejects.toThrow(/regularisation/);
  });
});

it('is outside where λ is small, since the problem is not coercive', async () => {
  const weak = { ...data, depths: [1, 2, 4, 8, 16], regularisation: 0.05 };
  const finding = await find(valueGap, weak);
  expect(finding.verdict, finding.summary).toBe('outside');
  expect(finding.summary).toMatch(/coercive/);
});

it('A.regularity at λ = 0.02 contradicts nothing, of one sample and of duplicates', async () => {
  const weak = { regularisation: 0.02, U: data.U };
  for (const instance of [
    { ...weak, h0: [h0[0]], labels: [0] },
    { ...weak, h0: [h0[0], h0[1], h0[0], h0[1]], labels: [0, 1, 0, 1] },
  ]) {
    const finding = await find(regularity, instance);
    expect(['outside', 'undecided'], finding.summary).toContain(finding.verdict);
  }
});

describe('the power of orders', () => {
  it('A.hamiltonian at θ_ref = 0 is no evidence: any multiple of g passes there', async () => {
    const finding = await find(hamiltonian, { reference: 0, problems: 1 });
    expect(finding.verdict).toBe('undecided');
  });

  it('explicit data give no interval over starts that reach the same optimum', async () => {
    const [order] = (await find(valueGap, data)).checks;
    expect(order.intervalFrom).toBe('numerics');
    expect(await find(initialisation, { ...data, starts: 1 })).toMatchObject({
      verdict: 'undecided',
      summary: expect.stringMatching(/two random starts/),
    });
  });

  it('a solver that finds no optimum leaves the claim undecided', async () => {
    // Kinks at the optimum: no gradient is 0.
    const finding = await find(valueGap, { ...data, activation: 'relu', depths: [1, 2, 4, 8, 16] });
    expect(finding.verdict).not.toBe('fails');
    if (finding.verdict === 'undecided') expect(finding.summary).toMatch(/an optimum was found/);
  });
});

describe('parts', () => {
  it('extrapolate a series in 1/L to its limit', () => {
    const values = [2, 4, 8, 16, 32].map((L) => 3 + 0.7 / L - 0.2 / L ** 2);
    const { limit, first } = richardsonLimit(values);
    expect(limit).toBeCloseTo(3, 13);
    // 2(c₂/4L²) − c₂/L² = −c₂/2L².
    expect(first[0]).toBeCloseTo(3 + 0.1 / 4, 13);
  });

  it('see a rise of the objective, and a flow that left its limits', () => {
    expect(largestRise([4, 3, 2])).toBeLessThan(0);
    expect(largestRise([4, 3, 6])).toBeCloseTo(1, 14);
    expect(largestRise([4, 3, Number.NaN])).toBe(Number.POSITIVE_INFINITY);
  });

  it('climb to the smallest ρ that descends', () => {
    const run = (rho: number) => ({
      status: 'sweeps-done' as const,
      objectives: rho < 10 ? [1, 2] : [1, 0.5],
      residual: rho,
    });
    const found = smallestDescent(1, run);
    expect(found.rho).toBe(16);
    expect(found.run.residual).toBe(16);
    expect(smallestDescent(1, () => run(1)).rho).toBeNaN();
  });
});
