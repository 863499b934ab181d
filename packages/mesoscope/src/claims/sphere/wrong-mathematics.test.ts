import { describe, expect, it } from 'vitest';
import { randomStream } from '../../numeric/random.ts';
import { plainAttention, type SphereAttention } from '../../sphere/attention.ts';
import { consensusGenerator, measureGathering } from '../../sphere/consensus.ts';
import { dissipation, measureEnergy, randomGradientFlow } from '../../sphere/energy-identity.ts';
import {
  equiangularRate,
  measureEquiangular,
  randomEquiangular,
} from '../../sphere/equiangular.ts';
import { uniformTokens } from '../../sphere/tokens.ts';
import { drawVerdict, type Grounds } from '../verdict.ts';
import { causalConclusion } from './causal.ts';
import { clusteringConclusion } from './clustering.ts';
import { energyConclusion } from './energy.ts';
import { equiangularConclusion } from './equiangular.ts';
import { backend } from './test-support.ts';

/** Claims about tokens on the sphere must notice wrong mathematics. */

const verdict = (grounds: Grounds) => drawVerdict(grounds).verdict;
const stream = (index: number) => randomStream(1, 'wrong mathematics on the sphere', index);

describe('E.energy', () => {
  const judge = (formula: typeof dissipation) =>
    verdict(
      energyConclusion(
        [0, 1].map((index) =>
          measureEnergy(
            backend,
            { ...randomGradientFlow(stream(index), index), horizon: 1, steps: 64 },
            formula,
          ),
        ),
      ),
    );
  const swapped = { softmax: 'unnormalised', unnormalised: 'softmax' } as const;
  it('holds for the right dissipation', () => expect(judge(dissipation)).toBe('holds'));
  it.each<[string, typeof dissipation]>([
    ['half of the dissipation', (...given) => dissipation(...given) / 2],
    ['the wrong sign', (...given) => -dissipation(...given)],
    [
      'the weights of the other kind',
      (a, ...rest) => dissipation({ ...a, kind: swapped[a.kind] }, ...rest),
    ],
    ['a sum in place of a mean', (a, x, ...rest) => x.length * dissipation(a, x, ...rest)],
    ['one part in a thousand too much', (...given) => 1.001 * dissipation(...given)],
  ])('notices %s', (_, formula) => expect(judge(formula)).toBe('fails'));
  it('notices that the energy falls where the flow goes backwards', () => {
    const flow = randomGradientFlow(stream(0), 0);
    const record = measureEnergy(backend, { ...flow, horizon: 1, steps: 64 });
    const energies = [...record.energies].reverse();
    const falls = energies.filter((one, k) => k > 0 && one < energies[k - 1]).length;
    expect(verdict(energyConclusion([{ ...record, falls }]))).toBe('fails');
  });
});

describe('E.equiangular', () => {
  const judge = (rate: typeof equiangularRate) =>
    verdict(
      equiangularConclusion(
        [0, 1].map((index) =>
          measureEquiangular(backend, randomEquiangular(stream(index), index), rate),
        ),
      ),
    );
  it('holds for the right equation', () => expect(judge(equiangularRate)).toBe('holds'));
  it.each<[string, typeof equiangularRate]>([
    ['a missing factor 2', (one, rho) => equiangularRate(one, rho) / 2],
    ['n in place of n − 1', (one, rho) => equiangularRate({ ...one, n: one.n + 1 }, rho)],
    ['β in place of 2β', (one, rho) => equiangularRate({ ...one, beta: one.beta / 2 }, rho)],
    [
      'the other kind',
      ({ kind, ...one }, rho) =>
        equiangularRate({ ...one, kind: kind === 'softmax' ? 'unnormalised' : 'softmax' }, rho),
    ],
    ['a dropped (1 − ρ)', (one, rho) => equiangularRate(one, rho) / (1.0001 - rho)],
  ])('notices %s', (_, rate) => expect(judge(rate)).not.toBe('holds'));
});

describe.each([
  ['E.clustering', plainAttention(3, 1), clusteringConclusion.bind(null, {})],
  [
    'E.clustering, unnormalised',
    plainAttention(3, 1, 'unnormalised'),
    clusteringConclusion.bind(null, {}),
  ],
  ['E.causal', plainAttention(3, 1, 'softmax', true), causalConclusion],
] as const)('%s', (_, attention: SphereAttention, conclusion) => {
  const tokens = uniformTokens(stream(5), 6, 3);
  const judge = (of: SphereAttention, generator: typeof consensusGenerator) =>
    verdict(
      conclusion([measureGathering(backend, { attention: of, tokens, horizon: 100 }, generator)]),
    );
  it('holds for the right linearisation', () => {
    expect(judge(attention, consensusGenerator)).toBe('holds');
  });
  it.each<[string, typeof consensusGenerator]>([
    [
      'half of the rate',
      (...given) => consensusGenerator(...given).map((row) => row.map((g) => g / 2)),
    ],
    [
      'the mask forgotten, or invented',
      (a, ...rest) => consensusGenerator({ ...a, causal: !a.causal }, ...rest),
    ],
    [
      'the generator transposed and a token forgotten',
      (a, n, s) => {
        const G = consensusGenerator(a, n + 1, s);
        return G.slice(0, n).map((_, i) => G.slice(0, n).map((row) => row[i]));
      },
    ],
    [
      'e^{−β} in place of e^β, or weights without a norm',
      ({ causal }, n, s) => consensusGenerator({ kind: 'unnormalised', causal }, n, -s),
    ],
  ])('notices %s', (_, generator) => {
    expect(judge(attention, generator)).not.toBe('holds');
  });
  it('notices values of the wrong size', () => {
    const heads = attention.heads.map(({ B, V }) => ({
      B,
      V: V.map((row) => row.map((entry) => 1.01 * entry)),
    }));
    expect(judge({ ...attention, heads }, consensusGenerator)).toBe('fails');
  });
});
