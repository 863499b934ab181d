import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainSingleHead } from '../../heads/dirac.ts';
import { headOf } from '../../heads/head-law.ts';
import type { Backend } from '../../kernels/backend.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { runClaim } from '../run.ts';
import { dirac } from './dirac.ts';
import { dissipation } from './dissipation.ts';
import { finiteHeads } from './finite-heads.ts';
import type { headClaims } from './index.ts';
import { instance, normals, withTokens } from './instance.fixture.ts';
import { explicitExperiment } from './instance.ts';
import { longTime } from './long-time.ts';
import { monotonicity } from './monotonicity.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ heapMegabytes: 512 });
});
afterAll(() => backend.dispose());

async function find(claim: object, given: object) {
  const of = claim as (typeof headClaims)[number];
  return (await runClaim({ claim: of, instance: given }, { backend })).finding;
}

describe('a head of weight 0 is not in the law', () => {
  const empty = { Q: normals(1, 2), K: normals(1, 2), V: normals(3, 2), weight: 0 };
  it.each([
    ['B.long-time', longTime],
    ['B.dissipation', dissipation],
    ['B.monotonicity', monotonicity],
  ])('%s concludes the same without it', async (_, claim) => {
    const beside = await find(claim, { ...instance, heads: [empty, ...instance.heads] });
    const without = await find(claim, instance);
    expect(beside.checks).toEqual(without.checks);
    expect(beside.verdict).toBe(without.verdict);
    expect(beside.summary).not.toContain('NaN');
  });

  it('B.dirac looks at the other one', async () => {
    const { problem, law } = explicitExperiment(backend, {
      ...instance,
      heads: instance.heads.slice(0, 1).map((head) => ({ ...head, weight: 1 })),
    });
    const { head } = trainSingleHead(problem, law.parameters);
    const { Q, K, V } = headOf({ shape: law.shape, parameters: head }, 0);
    const heads = [empty, { Q, K, V, weight: 1 }];
    expect((await find(dirac, { ...instance, heads })).verdict).toBe('holds');
  });
});

describe('tokens of any size', () => {
  it.each([3, 10, 100, 1e3, 1e5])(
    'B.dissipation does not take unresolved steps for a contradiction: %s',
    async (size) => {
      const { verdict, summary } = await find(
        dissipation,
        withTokens((x) => x.map((y) => size * y)),
      );
      expect(verdict, summary).not.toBe('fails');
      if (size >= 1e3) expect(summary).toContain('the steps resolve the flow');
    },
  );

  it.each([10, 1e3])(
    'B.finite-heads does not contradict where draws move logits by hundreds: %s',
    async (size) => {
      const { verdict, summary } = await find(
        finiteHeads,
        withTokens((x) => x.map((y) => size * y)),
      );
      expect(verdict).toBe('undecided');
      expect(summary).toContain('curvature of the cross-entropy');
    },
  );
});
