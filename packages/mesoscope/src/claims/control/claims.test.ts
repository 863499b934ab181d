import { afterAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../kernels/backend.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim, Finding } from '../legacy.ts';
import { runClaim } from '../run.ts';
import { hamiltonian } from './hamiltonian.ts';

const backend: Backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find(claim: Claim, instance?: unknown): Promise<Finding> {
  const task = instance === undefined ? { claim } : { claim, instance };
  return (await runClaim(task, { backend })).finding;
}

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

describe.each([hamiltonian] as Claim[])('$id', (claim) => {
  it('holds on its own experiments', async () => {
    const finding = await find(claim);
    expect(finding.assumptions.filter(({ holds }) => !holds)).toEqual([]);
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.figures.length).toBeGreaterThan(0);
  });
});

describe('A.hamiltonian on explicit data', () => {
  it('holds where λ is large', async () => {
    const finding = await find(hamiltonian, sequences);
    expect(finding.verdict, finding.summary).toBe('holds');
  });

  it('is outside where λ is small, and says which assumption fails', async () => {
    const weak = { ...sequences, regularisation: 0.01, depths: [4, 8, 16, 32] };
    const finding = await find(hamiltonian, weak);
    expect(finding.verdict).toBe('outside');
    const unmet = finding.assumptions.filter(({ holds }) => !holds).map(({ name }) => name);
    expect(unmet.join()).toMatch(/coercive|Lipschitz/);
  });

  it('is constant with an H¹ penalty only together with the part of θ̇', async () => {
    const { evidence } = await find(hamiltonian);
    const [low, high] = evidence['smooth.interval'] as number[];
    expect(low).toBeLessThan(-1);
    expect(high).toBeGreaterThan(-1);
    const own = { ...sequences, regularisation: 0.03, smoothness: 0.03, depths: [8, 16, 32, 64] };
    const finding = await find(hamiltonian, own);
    expect(finding.verdict, finding.summary).toBe('holds');
  });

  it('refuses depths without a layer to compare with', async () => {
    const wrong = { ...sequences, depths: [1, 2, 4, 8] };
    await expect(find(hamiltonian, wrong)).rejects.toThrow('depths');
  });
});
