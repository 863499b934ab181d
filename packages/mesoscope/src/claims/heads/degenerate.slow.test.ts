import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainSingleHead } from '../../heads/dirac.ts';
import { headOf } from '../../heads/head-law.ts';
import type { Backend } from '../../kernels/backend.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { runClaim } from '../run.ts';
import { chaos } from './chaos.ts';
import { dirac } from './dirac.ts';
import { dissipation } from './dissipation.ts';
import { finiteHeads } from './finite-heads.ts';
import type { headClaims } from './index.ts';
import { instance, normals, withTokens } from './instance.fixture.ts';
import { explicitExperiment } from './instance.ts';
import { longTime } from './long-time.ts';
import { monotonicity } from './monotonicity.ts';
import { support } from './support.ts';

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

const zeros = (rows: number, columns: number) =>
  Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
const first = (matrix: readonly (readonly number[])[]) => matrix.map(([x]) => [x]);
const { sequences, labels, heads } = instance;

const degenerate: readonly [string, object][] = [
  ['zero tokens', withTokens(() => [0, 0])],
  ['equal tokens', withTokens(() => [1, 2])],
  ['tokens of size 1e3', withTokens((x) => x.map((y) => 1e3 * y))],
  ['tokens of size 1e-6', withTokens((x) => x.map((y) => 1e-6 * y))],
  [
    'one token',
    {
      ...instance,
      sequences: sequences.map(([x]) => [x]),
      labels: labels.map(([label]) => [label]),
    },
  ],
  [
    'tokens on a line',
    {
      ...withTokens(([x]) => [x]),
      heads: heads.map(({ Q, K, V, weight }) => ({
        Q: first(Q),
        K: first(K),
        V: first(V),
        weight,
      })),
    },
  ],
  [
    'one class',
    { ...instance, labels: labels.map((row) => row.map((label) => Math.min(label, 0))) },
  ],
  ['V = 0', { ...instance, heads: heads.map((head) => ({ ...head, V: zeros(3, 2) })) }],
  [
    'heads 0',
    { ...instance, heads: heads.map(() => ({ Q: zeros(1, 2), K: zeros(1, 2), V: zeros(3, 2) })) },
  ],
  [
    'equal heads',
    { ...instance, heads: heads.map(() => ({ ...heads[0], weight: 1 / heads.length })) },
  ],
];

/** Fewer draws and rounds: what is asked here is only that nothing breaks or contradicts. */
const claims: readonly [string, object, object][] = [
  ['B.finite-heads', finiteHeads, { groups: 4, draws: 30 }],
  ['B.support', support, { rounds: 4 }],
  ['B.chaos', chaos, { groups: 4, draws: 4 }],
  ['B.dissipation', dissipation, {}],
  ['B.long-time', longTime, { steps: 3000 }],
  ['B.monotonicity', monotonicity, { starts: 1 }],
  ['B.dirac', dirac, {}],
];

describe.each(claims)('%s is not contradicted, and says why it does not hold', (_, claim, few) => {
  it.each(degenerate)('%s', async (_, given) => {
    const { verdict, summary, figures } = await find(claim, { ...given, ...few });
    expect(verdict, summary).not.toBe('fails');
    expect(summary).not.toMatch(/NaN|Infinity/);
    expect(
      JSON.stringify(figures, (_, value) => (Number.isNaN(value) ? 'NaN' : value)),
    ).not.toContain('NaN');
    if (verdict !== 'holds') expect(summary).toMatch(/^(Undecided|Outside)[^:]*: .{10}/);
  });
});
