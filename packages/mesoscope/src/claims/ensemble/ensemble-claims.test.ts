import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { convergence } from './convergence.ts';
import { counterexample } from './counterexample.ts';
import { energy } from './energy.ts';
import { forwardLimit } from './forward-limit.ts';
import { ensembleGradient } from './gradient.ts';
import { ensembleClaims } from './index.ts';
import { attentionKernelInjectivity } from './ntk.ts';
import { persistence } from './persistence.ts';

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

async function run<G, M>(claim: Claim<G, M>, instance: object) {
  const { finding } = await runClaim({ claim: claim as unknown as Claim, instance }, { backend });
  expect(finding.summary).not.toMatch(/NaN|undefined/);
  return finding;
}

const gaussian = (a: number, b: number, c: number) => ({
  gaussian: {
    mean: [0, 0],
    covariance: [
      [a, b],
      [b, c],
    ],
  },
});
const one = gaussian(1, 0.2, 0.6);
const two = gaussian(0.4, -0.1, 1.4);
const tripleOffBy = (distance: number) => [one, two, gaussian(0.7 + distance, 0.05, 1)];
const thrice = (token: number[]) => [token, token, token];
const triple = { contexts: tripleOffBy(0), tokens: thrice([1, -0.5]) };
const targets = [
  [1.6, 0],
  [0.2, -1],
  [1.4, 0.3],
];

/** Contexts whose scores are hard: attention of heads of the usual size sees their farthest points only. */
const far = {
  contexts: [
    {
      points: [
        [60, 20],
        [-55, 61],
        [10, -60],
      ],
    },
    {
      points: [
        [-60, 10],
        [5, 58],
      ],
    },
  ],
  tokens: [
    [60, 1],
    [-3, 59],
  ],
};
const atRest = { contexts: [{ points: [[0, 0]] }], tokens: [[0, 0]] };
const onePoint = { contexts: [{ points: [[1, 2]] }], tokens: [[0.5, 0]] };
const line = { contexts: [{ points: [[1], [0.5]] }], tokens: [[0.3]] };
/** Two inputs that are the same, as points. */
const alikePoints = {
  contexts: [line.contexts[0], line.contexts[0]],
  tokens: [[0.3], [0.3]],
};
const alike = {
  contexts: [one, one],
  tokens: [
    [1, 1],
    [1, 1],
  ],
};

it.each(ensembleClaims.map((claim) => [claim.id, claim] as const))(
  '%s holds on experiments of its own, and refuses what means nothing to it',
  async (id, claim) => {
    const own = id === 'D.energy' ? { steps: [8, 16, 32, 64] } : {};
    expect((await run(claim, own)).verdict).toBe('holds');
    for (const stray of [{ seed: 3 }, { nonsense: 1 }]) {
      expect(() => claim.given.parse(stray, 'quick')).toThrow(Object.keys(stray)[0]);
    }
  },
  180_000,
);

it('takes one field of its own experiments alone', () => {
  for (const claim of ensembleClaims) {
    expect(claim.given.parse({ keyDimension: 1 }, 'quick')).toMatchObject({
      keyDimension: 1,
      explicit: false,
    });
  }
  expect(() => forwardLimit.given.parse({ ...line, targets: [[1]] }, 'quick')).toThrow('targets');
  expect(() => ensembleGradient.given.parse({ depths: [8, 16] }, 'quick')).toThrow('depths');
});

describe('D.forward-limit and D.gradient', () => {
  const small = { laws: 2, depths: [4, 8, 16, 32] };
  it.each([
    ['points around 60', { ...far, ...small }, 'undecided'],
    ['a context at 0', { ...atRest, ...small }, 'undecided'],
    ['one point', { ...onePoint, ...small, laws: 4 }, 'holds'],
  ])('%s', async (_, instance, verdict) => {
    const { repetitions, ...shared } = { repetitions: 16, ...instance };
    expect((await run(forwardLimit, { ...shared, repetitions })).verdict).toBe(verdict);
    expect((await run(ensembleGradient, shared)).verdict).toBe(verdict);
  });

  it('compares gradients on Gaussian contexts, with as many heads as asked', async () => {
    const finding = await run(ensembleGradient, {
      ...triple,
      ...small,
      heads: 2,
      contextPoints: 4,
    });
    expect(finding.verdict).toBe('holds');
    const closures = finding.evidence['closure.relativeErrors'] as number[];
    expect(closures.length).toBe(2);
    for (const error of closures) expect(error).toBeLessThan(1e-9);
  });

  it('says what is trivial', async () => {
    expect((await run(forwardLimit, { ...atRest, ...small })).summary).toContain('no head moves');
    expect((await run(ensembleGradient, { ...atRest, ...small })).summary).toContain('vanish');
  });
});

describe('D.energy', () => {
  const small = { starts: 2, steps: [8, 16, 32, 64] };
  it('ends undecided where explicit steps are too long, or the loss rests', async () => {
    expect(await run(energy, { ...far, ...small })).toMatchObject({ verdict: 'undecided' });
    const still = await run(energy, { ...atRest, ...small });
    expect(still).toMatchObject({ verdict: 'undecided' });
    expect(still.summary).toContain('the loss rests');
  });
});

describe('D.ntk', () => {
  it.each([1e-3, 1e-6, 1e-7, 1e-8, 1e-9])('a triple off by %d holds', async (distance) => {
    const instance = { ...triple, contexts: tripleOffBy(distance) };
    const { verdict, evidence } = await run(attentionKernelInjectivity, instance);
    expect(verdict).toBe('holds');
    expect(evidence['design.verdict']).toBe('independent');
  });

  it('finds the dependency of a triple by both tests', async () => {
    const { verdict, evidence } = await run(attentionKernelInjectivity, triple);
    expect(verdict).toBe('holds');
    const [row] = evidence.dependency as number[][];
    expect(row[0] / row[2]).toBeCloseTo(-0.5, 9);
    expect(evidence['gradients.smallest']).toBeLessThan(1e-14);
  });

  it.each([
    [
      'a triple that rounding cannot tell',
      { ...triple, contexts: tripleOffBy(1e-13) },
      'undecided',
    ],
    ['token 0', { ...triple, tokens: thrice([0, 0]) }, 'outside'],
    [
      'different tokens',
      {
        ...triple,
        tokens: [
          [1, 0],
          [0, 1],
          [1, 1],
        ],
      },
      'outside',
    ],
    ['identical contexts', alike, 'holds'],
    ['one point', onePoint, 'holds'],
    ['the line', line, 'holds'],
    [
      'points around 60',
      {
        ...far,
        tokens: [
          [60, 1],
          [60, 1],
        ],
      },
      'holds',
    ],
    ['contexts at 0', { ...atRest, tokens: [[1, 1]] }, 'undecided'],
    ['fewer heads than the kernel has rows', { ...triple, heads: 1, keyDimension: 1 }, 'outside'],
  ])('%s', async (_, instance, verdict) => {
    expect((await run(attentionKernelInjectivity, instance)).verdict).toBe(verdict);
  });
});

describe('D.convergence', () => {
  const contexts = [
    {
      points: [
        [1, 2],
        [0, 1],
      ],
    },
  ];
  it.each([
    ['points around 60', { ...far, starts: 2 }, 'holds'],
    ['the line', { ...line, starts: 2 }, 'holds'],
    ['a far target', { contexts, tokens: [[1, 0]], targets: [[5, 5]], starts: 1 }, 'outside'],
    ['two inputs that are the same', { ...alikePoints, starts: 1 }, 'outside'],
    ['two samples of one law', { ...alike, starts: 1, contextPoints: 4 }, 'holds'],
    ['a context at 0', { ...atRest, starts: 1 }, 'outside'],
    ['too few steps', { starts: 1, steps: 3, displacements: [] }, 'undecided'],
  ])('%s', async (_, instance, verdict) => {
    expect((await run(convergence, instance)).verdict).toBe(verdict);
  });
});

describe('D.counterexample', () => {
  it('reaches the predicted floor with one layer, and nearly zero with two', async () => {
    const { verdict, evidence } = await run(counterexample, { ...triple, targets, depths: [1, 2] });
    expect(verdict).toBe('holds');
    const [floor] = evidence['loss.predictedFloor'] as number[];
    expect(floor).toBeCloseTo(((1.6 + 0.2 - 2.8) ** 2 + (-1 - 0.6) ** 2) / 36, 12);
  });

  it.each([
    ['depths [1]', { ...triple, targets, depths: [1] }, 'undecided'],
    [
      'identical contexts',
      {
        ...alike,
        targets: [
          [1, 0],
          [0, 1],
        ],
      },
      'outside',
    ],
    ['token 0', { ...triple, tokens: thrice([0, 0]), targets }, 'outside'],
    ['independent contexts', { ...triple, contexts: tripleOffBy(0.1), targets }, 'outside'],
    ['nearly dependent contexts', { ...triple, contexts: tripleOffBy(1e-7), targets }, 'outside'],
    ['targets that obey the dependency', { ...triple, targets: triple.tokens }, 'undecided'],
    ['a context at 0', { ...atRest, tokens: [[1, 0]], targets: [[1, 1]] }, 'undecided'],
  ])('%s', async (_, instance, verdict) => {
    expect((await run(counterexample, instance)).verdict).toBe(verdict);
  });
});

describe('D.persistence', () => {
  it('sees injectivity lost where the kernel is exactly singular', async () => {
    const { evidence } = await run(persistence, { starts: 1 });
    for (const kernel of evidence['lost.kernelAtCrossing'] as number[]) {
      expect(kernel).toBeLessThan(1e-12);
    }
  });

  it.each([
    ['the line', { ...line, starts: 2 }, 'holds'],
    ['points around 60', { ...far, starts: 1, steps: 300 }, 'holds'],
    ['points around 60, too few steps', { ...far, starts: 1, steps: 20 }, 'undecided'],
    ['far targets', { ...line, targets: [[9]], starts: 1 }, 'outside'],
    ['two inputs that are the same', { ...alikePoints, starts: 1 }, 'outside'],
    ['two samples of one law', { ...alike, starts: 1, contextPoints: 4 }, 'holds'],
    ['a context at 0', { ...atRest, starts: 1 }, 'outside'],
  ])('%s', async (_, instance, verdict) => {
    expect((await run(persistence, instance)).verdict).toBe(verdict);
  });
});

it.each([
  ['contexts', { contexts: [] }],
  ['contexts[0].points', { contexts: [{ points: [] }], tokens: [[1]] }],
  ['sum to 1', { contexts: [{ points: [[1, 2]], weights: [0.9] }], tokens: [[1, 2]] }],
  ['tokens: received shape', { contexts: [{ points: [[1, 2]] }], tokens: [[1]] }],
  [
    'tokens',
    {
      contexts: [{ points: [[1, 2]] }],
      tokens: [
        [1, 2],
        [0, 1],
      ],
    },
  ],
  ['targets', { contexts: [{ points: [[1, 2]] }], tokens: [[1, 2]], targets: [[1]] }],
  ['contexts', { contextPoints: 4 }],
])('refuses bad input before work starts: %s', (words, instance) => {
  const whole = 'contextPoints' in instance ? instance : { tokens: [[1, 2]], ...instance };
  expect(() => energy.given.parse(whole, 'quick')).toThrow(words);
});
