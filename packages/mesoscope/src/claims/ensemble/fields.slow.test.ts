import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { runClaim } from '../run.ts';
import { ensembleClaims } from './index.ts';

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

const token = [1, -0.5];
const points = {
  contexts: [
    {
      points: [
        [1, 0.3],
        [-0.9, 1],
        [0.2, -1],
      ],
    },
    {
      points: [
        [-1, 0.2],
        [0.1, 0.9],
      ],
    },
  ],
  tokens: [token, token],
};
const gaussian = (a: number, b: number, c: number) => ({
  gaussian: {
    mean: [0, 0],
    covariance: [
      [a, b],
      [b, c],
    ],
  },
});
const triple = {
  contexts: [gaussian(1, 0.2, 0.6), gaussian(0.4, -0.1, 1.4), gaussian(0.7, 0.05, 1)],
  tokens: [token, token, token],
};

describe('no field is ignored on explicit data', () => {
  const measured = async (claim: (typeof ensembleClaims)[number], instance: object, seed = 1) => {
    const { finding } = await runClaim({ claim, instance }, { backend, seed });
    return JSON.stringify(finding.evidence);
  };
  const few: Readonly<Record<string, object>> = {
    'D.forward-limit': { laws: 2, depths: [2, 4, 8, 16], heads: [1, 2, 4, 8], repetitions: 2 },
    'D.gradient': { laws: 1, depths: [4, 8, 16, 32] },
    'D.energy': { starts: 2, steps: [4, 8, 16, 32] },
    'D.convergence': { starts: 1, steps: 20 },
    'D.persistence': { starts: 1, steps: 20 },
    'D.counterexample': {
      targets: [
        [1.6, 0],
        [0.2, -1],
        [1.4, 0.3],
      ],
      depths: [2],
    },
  };

  it.each(ensembleClaims.map((claim) => [claim.id, claim] as const))(
    'neither the seed nor the heads, by %s',
    async (id, claim) => {
      const base = { ...(id === 'D.counterexample' ? triple : points), ...few[id] };
      const first = await measured(claim, base);
      expect(await measured(claim, base, 2)).not.toBe(first);
      const heads = id === 'D.forward-limit' ? { atoms: 5 } : { heads: 5 };
      expect(await measured(claim, { ...base, ...heads })).not.toBe(first);
      expect(await measured(claim, { ...base, keyDimension: 3 })).not.toBe(first);
    },
    120_000,
  );
});
