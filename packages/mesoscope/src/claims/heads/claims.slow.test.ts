import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headCurvature } from '../../heads/curvature.ts';
import { trainSingleHead } from '../../heads/dirac.ts';
import { headOf } from '../../heads/head-law.ts';
import type { Backend } from '../../kernels/backend.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { symmetricEigen } from '../../numeric/decompositions.ts';
import { add } from '../../numeric/matrix.ts';
import { runClaim } from '../run.ts';
import { chaos } from './chaos.ts';
import { dirac } from './dirac.ts';
import { dissipation } from './dissipation.ts';
import { finiteHeads } from './finite-heads.ts';
import { headClaims } from './index.ts';
import { instance } from './instance.fixture.ts';
import { explicitExperiment } from './instance.ts';
import { longTime } from './long-time.ts';
import { monotonicity } from './monotonicity.ts';
import { support } from './support.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ heapMegabytes: 512 });
});
afterAll(() => backend.dispose());

async function find(claim: (typeof headClaims)[number], given: object = instance) {
  return (await runClaim({ claim, instance: given }, { backend })).finding;
}

const single = { ...instance, heads: [{ ...instance.heads[0], weight: undefined }] };

/** The one head of an instance, trained. */
function trained() {
  const { problem, law } = explicitExperiment(backend, single);
  const { head } = trainSingleHead(problem, law.parameters);
  const { Q, K, V } = headOf({ shape: law.shape, parameters: head }, 0);
  return { problem, law, head, heads: [{ Q, K, V }] };
}

describe('explicit instances', () => {
  it('certify the given law', async () => {
    const { evidence, verdict } = await find(support);
    expect(verdict).toBe('holds');
    const { problem, law } = explicitExperiment(backend, instance);
    const at = problem.linearise(law);
    const psi = problem.firstVariation(at, law.parameters);
    expect(evidence.risk).toBeCloseTo(at.risk, 13);
    expect(evidence['firstVariation.support']).toEqual([...psi]);
    const mean = 0.25 * psi[0] + 0.75 * psi[1];
    const gap = evidence.gap as number;
    expect(gap).toBeCloseTo(mean - (evidence['firstVariation.infimum'] as number), 12);
    expect(gap).toBeGreaterThan(0);
  });

  it('with tokens on a line: the gap is enclosed', async () => {
    const onLine = instance.sequences.map((tokens) => tokens.map(([x]) => [x, 2 * x]));
    const { verdict, checks } = await find(support, { ...instance, sequences: onLine });
    expect(verdict).toBe('holds');
    expect(checks[0].name).toContain('enclosed');
    expect(checks[0].measured).toBeGreaterThan(0.9);
  });

  it('have no gap without regularisation', async () => {
    const { verdict, summary } = await find(support, { ...instance, regularisation: 0 });
    expect(verdict).toBe('outside');
    expect(summary).toContain('inf Ψ = −∞');
  });

  it('dissipate', async () => {
    const { verdict, checks } = await find(dissipation);
    expect(verdict).toBe('holds');
    expect(checks[0].measured).toBeCloseTo(1, 3);
  });

  it('decay as the spectrum at the limit says', async () => {
    const { verdict, checks, evidence } = await find(longTime);
    expect(verdict).toBe('holds');
    expect(Math.abs(checks[0].measured - 1)).toBeLessThan(1e-3);
    expect(evidence['degenerate.exponent']).toEqual([]);
    const [exponent] = evidence['lojasiewicz.exponent'] as number[];
    const [linearised] = evidence['lojasiewicz.exponent.linearised'] as number[];
    expect(exponent).toBeCloseTo(linearised, 3);
    expect(linearised).toBeGreaterThanOrEqual(0.5);
  });

  it('of one head: its stability, against eigenvalues computed apart', async () => {
    const { problem, law, head, heads } = trained();
    const { verdict, evidence } = await find(dirac, { ...instance, heads });
    expect(verdict).toBe('holds');
    const at = { ...law, parameters: head };
    const { frozen, interaction } = headCurvature(
      problem,
      problem.linearise(at),
      problem.logits(at),
      head,
    );
    // With k = 1 the only rotation is ±1: no gauge direction.
    const spectrum = evidence['hessian.frozen.spectrum'] as number[];
    [...symmetricEigen(frozen).values].forEach((value, i) => {
      expect(spectrum[i]).toBeCloseTo(value, 10);
    });
    expect(evidence['hessian.single.smallest']).toBeCloseTo(
      symmetricEigen(add(frozen, interaction)).values[0],
      10,
    );
    expect(evidence['growthRate.measured']).toBeCloseTo(-spectrum[0], 4);
    expect(evidence['blockVV.norm']).toBe(0);
  });

  it('of four identical heads: they are one', async () => {
    const { heads } = trained();
    const four = [1, 2, 3, 4].flatMap(() => heads);
    expect((await find(dirac, { ...instance, heads: four })).verdict).toBe('holds');
  });

  it('are outside where a hypothesis fails', async () => {
    expect((await find(dirac)).verdict).toBe('outside');
    expect((await find(dirac, single)).verdict).toBe('outside');
    const free = { ...instance, regularisation: 0 };
    expect((await find(finiteHeads, free)).verdict).toBe('outside');
    expect((await find(monotonicity, free)).verdict).toBe('outside');
    expect((await find(longTime, free)).verdict).toBe('outside');
    expect((await find(dissipation, { ...instance, radius: 10 })).verdict).toBe('outside');
  });

  it('are outside strong monotonicity at λ = 0.04, and κ is never above its upper bound', async () => {
    const { verdict, summary, checks } = await find(monotonicity, {
      ...instance,
      regularisation: 0.04,
    });
    expect(verdict).toBe('outside');
    expect(summary).toContain('least quotient found > 0');
    const bound = checks.find(({ name }) => name.includes('upper bound'));
    expect(bound?.measured).toBeLessThanOrEqual(bound?.expected ?? Number.NaN);
  });

  it('are undecided where the measurement cannot tell', async () => {
    // Without penalty the heads end on the boundary of the ball, where the spectrum inside it says nothing.
    const ball = await find(longTime, { ...instance, regularisation: 0, radius: 3.5 });
    expect(ball.verdict).toBe('undecided');
    expect(ball.summary).toContain('boundary');
  });
});

describe('trivial instances are undecided, with a sentence', () => {
  const none = (rows: number, columns: number) =>
    Array.from({ length: rows }, () => new Array(columns).fill(0));
  const zero = [{ Q: none(1, 2), K: none(1, 2), V: none(3, 2) }];
  const still = {
    ...instance,
    sequences: instance.sequences.map((s) => s.map(() => [0, 0])),
    heads: zero,
  };
  it.each([
    ['one head', finiteHeads, single, 'that head'],
    ['one head', chaos, single, 'that head'],
    ['zero tokens and a zero head', dissipation, still, 'at rest'],
    ['zero tokens and a zero head', longTime, still, 'at rest'],
    ['zero tokens and a zero head', monotonicity, still, 'optimal'],
    ['zero tokens and a zero head', support, still, 'optimal'],
    ['zero tokens, no penalty', dirac, { ...still, regularisation: 0 }, 'flat'],
  ])('%s', async (_, claim, given, sentence) => {
    const { verdict, summary } = await find(claim as (typeof headClaims)[number], given);
    expect(verdict).toBe('undecided');
    expect(summary).toContain(sentence);
    expect(summary).not.toContain('NaN');
  });
});

it('B.finite-heads does not contradict the bound where one head is optimal and the infimum is known up to a gap', async () => {
  const square = (q: number, v: number) => ({
    Q: [
      [q, 0],
      [0, q],
    ],
    K: [
      [1, 0],
      [0, 1],
    ],
    V: [
      [v, 0],
      [0, v],
    ],
  });
  const { verdict, summary } = await find(finiteHeads, {
    sequences: [
      [
        [1, 0],
        [0.5, 1],
      ],
      [
        [-1, 0.3],
        [0.2, -0.5],
      ],
    ],
    ...{
      labels: [
        [0, 1],
        [1, 0],
      ],
      classes: 2,
      heads: [square(1, 1), square(2, -1)],
    },
  });
  expect(verdict, summary).not.toBe('fails');
  expect(summary).not.toContain('NaN');
});

it('B.support does not take the rounding of two risks for a contradiction where the gain is sharp', async () => {
  const { verdict, summary } = await find(support, {
    ...{
      sequences: [
        [
          [0, 0],
          [0, 0],
        ],
      ],
      labels: [[0, 1]],
      classes: 2,
      regularisation: 0.02,
    },
    heads: [1, 2].map((q) => ({
      Q: [[q, 0]],
      K: [[1, 0]],
      V: [
        [1, 0],
        [0, 1],
      ],
    })),
  });
  expect(verdict, summary).not.toBe('fails');
});

it('B.chaos says that no power was measured on zero tokens', async () => {
  const heads = [1, 2].map((q) => ({
    Q: [[q, 0]],
    K: [[1, 0]],
    V: [
      [1, 0],
      [0, 1],
    ],
  }));
  const { verdict, summary } = await find(chaos, {
    ...{
      sequences: [
        [
          [0, 0],
          [0, 0],
        ],
      ],
      labels: [[0, 1]],
      classes: 2,
      heads,
      groups: 2,
      draws: 4,
    },
  });
  expect(verdict).toBe('undecided');
  expect(summary).not.toContain('NaN');
});

describe('bad instances are refused before any work', () => {
  it.each([
    [
      'a label out of range',
      { labels: [[0, 1, 3, 0], ...instance.labels.slice(1)] },
      /labels\[0\]/,
    ],
    ['labels of another length', { labels: [[0], ...instance.labels.slice(1)] }, /labels\[0\]/],
    ['λ < 0', { regularisation: -0.1 }, /regularisation/],
    [
      'weights that do not sum to 1',
      { heads: instance.heads.map((head) => ({ ...head, weight: 0.3 })) },
      /sum to 1/,
    ],
    [
      'a negative weight',
      { heads: instance.heads.map((head, i) => ({ ...head, weight: i === 0 ? -1 : 2 })) },
      /weight/,
    ],
    [
      'weights for some heads',
      { heads: [{ ...instance.heads[0], weight: undefined }, instance.heads[1]] },
      /weight/,
    ],
    [
      'heads of another dimension',
      { heads: [{ Q: [[1]], K: [[1]], V: [[1], [1], [1]] }] },
      /heads/,
    ],
    ['a misspelt key', { lables: [] }, /lables/],
  ])('%s', async (_, change, message) => {
    for (const claim of headClaims) {
      await expect(find(claim, { ...instance, ...change })).rejects.toThrow(message);
    }
  });
});
