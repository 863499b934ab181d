import { describe, expect, it } from 'vitest';
import { randomStream } from '../../numeric/random.ts';
import { circleTokens, equiangularTokens } from '../../sphere/tokens.ts';
import { causal } from './causal.ts';
import { sphereClustering } from './clustering.ts';
import { energy } from './energy.ts';
import { equiangular } from './equiangular.ts';
import { sphereClaims } from './index.ts';
import { find, I, scaled, unmet } from './test-support.ts';

it.each(sphereClaims)('$id holds on its own experiments', async (claim) => {
  expect((await find(claim)).verdict).toBe('holds');
});

const three = [
  [1, 0, 0],
  [0.2, 1, 0.1],
  [0.3, -0.5, 1],
];
const I3 = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];
const onePoint = [
  [3, 4],
  [6, 8],
];

describe('E.energy', () => {
  it('holds for repelling values, and queries and keys', async () => {
    const heads = [{ B: I3, V: I3.map((row) => row.map((entry) => -entry)) }];
    expect((await find(energy, { tokens: three, heads })).verdict).toBe('holds');
    const queries = [{ Q: I3, K: I3, V: I3, scale: 2 }];
    expect((await find(energy, { tokens: three, heads: queries })).verdict).toBe('holds');
  });
  it('says nothing about values without a potential', async () => {
    const turned = [
      {
        B: I,
        V: [
          [0, -1],
          [1, 0],
        ],
      },
    ];
    const finding = await find(energy, { tokens: circleTokens([0, 1, 2]), heads: turned });
    expect(finding.verdict).toBe('outside');
    const masked = { tokens: three, heads: [{ B: I3, V: I3 }], causal: true };
    expect((await find(energy, masked)).verdict).toBe('outside');
  });
  it.each([
    ['tokens in one point', { tokens: onePoint, heads: [{ B: I, V: I }] }],
    ['V = 0', { tokens: circleTokens([0, 1]), heads: [{ B: I, V: scaled(0) }] }],
  ])('has nothing to measure for %s', async (_, instance) => {
    const finding = await find(energy, instance);
    expect(finding.verdict).toBe('undecided');
    expect(unmet(finding)).toContain('no token moves');
  });
  it('refuses tokens and heads that do not fit', async () => {
    const instance = { tokens: three, heads: [{ B: I, V: I }] };
    await expect(find(energy, instance)).rejects.toThrow(/d = /);
    await expect(find(energy, { tokens: [[0, 0]], heads: [{ B: I, V: I }] })).rejects.toThrow(
      /two or more/,
    );
  });
});

describe('E.clustering', () => {
  it('says nothing about a circle with β > 1', async () => {
    const finding = await find(sphereClustering, { tokens: circleTokens([0, 1, 2.5]), beta: 2 });
    expect(finding.verdict).toBe('outside');
  });
  it('holds on a circle with β ≤ 1', async () => {
    const finding = await find(sphereClustering, { tokens: circleTokens([0, 1, 2.5]), beta: 0.5 });
    expect(finding.verdict).toBe('holds');
  });
  it('is undecided where the time is up', async () => {
    const finding = await find(sphereClustering, { tokens: three, beta: 1, horizon: 0.5 });
    expect(unmet(finding)).toContain('1 of 1 still move');
  });
  it('has nothing to measure in one point', async () => {
    const finding = await find(sphereClustering, { tokens: onePoint, beta: 1 });
    expect(unmet(finding)).toContain('no token moves');
  });
  it('refuses β that is no number ≥ 0', async () => {
    await expect(find(sphereClustering, { tokens: three, beta: -1 })).rejects.toThrow(/beta/);
  });
});

describe('E.equiangular', () => {
  it('holds for two tokens, which are always equiangular', async () => {
    const tokens = circleTokens([0, 2]);
    expect((await find(equiangular, { tokens, beta: 3 })).verdict).toBe('holds');
  });
  it('says nothing about other tokens', async () => {
    expect((await find(equiangular, { tokens: three, beta: 1 })).verdict).toBe('outside');
  });
  it.each([-0.5, 1])('has nothing to measure at the equilibrium ρ = %s', async (rho) => {
    const tokens = equiangularTokens(randomStream(1, 'test'), 3, rho);
    const finding = await find(equiangular, { tokens, beta: 1 });
    expect(unmet(finding)).toContain('equilibrium');
  });
});

describe('E.causal', () => {
  it('holds for scores that are zero or repel', async () => {
    for (const B of [scaled(0), scaled(-2)]) {
      const finding = await find(causal, { tokens: circleTokens([0, 1, 2.5]), B });
      expect(finding.verdict).toBe('holds');
    }
  });
  it('has nothing to measure for opposite tokens', async () => {
    const finding = await find(causal, {
      tokens: [
        [1, 0],
        [-1, 0],
      ],
      B: I,
    });
    expect(unmet(finding)).toContain('no token moves');
  });
});
