import { describe, expect, it } from 'vitest';
import { assignCovariance, randomTarget } from '../../gaussian/assignment.ts';
import type { GaussianLayer } from '../../gaussian/layer.ts';
import { measureAssignment } from '../../gaussian/measure/assignment.ts';
import { scale, transpose } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { drawVerdict } from '../verdict.ts';
import { assignment, assignmentConclusion } from './assignment.ts';
import { backend, find, I, scaled, unmet } from './test-support.ts';

describe('C.assignment', () => {
  const tokens = [32, 64, 128, 256];
  const judge = (assign: typeof assignCovariance) =>
    drawVerdict(
      assignmentConclusion(
        { tokens },
        [1, 2, 3, 4, 5].map((index) => {
          const target = randomTarget(randomStream(3, 'wrong assignment', index), index);
          return measureAssignment(backend, target, { tokens, samples: 6, seed: index }, assign);
        }),
      ),
    ).verdict;
  const changed =
    (change: (layer: GaussianLayer) => GaussianLayer): typeof assignCovariance =>
    (given) =>
      change(assignCovariance(given));

  it('holds on its own experiments', async () => {
    expect((await find(assignment)).verdict).toBe('holds');
  });
  it('holds for the right layer', () => expect(judge(assignCovariance)).toBe('holds'));
  it.each<[string, typeof assignCovariance]>([
    [
      'a missing factor 1/2',
      changed((layer) => ({
        ...layer,
        heads: layer.heads.map(({ V, B }) => ({ V, B: scale(2, B) })),
      })),
    ],
    [
      'W transposed',
      (given) => ({
        ...assignCovariance(given),
        W: transpose(given.W),
      }),
    ],
    [
      'Σ* in place of its inverse',
      (given) => changed((layer) => layer)({ ...given, target: scale(1.1, given.target) }),
    ],
    [
      'a score a millionth too strong',
      changed((layer) => ({
        ...layer,
        heads: layer.heads.map(({ V, B }) => ({ V, B: scale(1 + 1e-6, B) })),
      })),
    ],
  ])('notices %s', (_, assign) => expect(judge(assign)).toBe('fails'));

  it('says nothing where M is not negative definite', async () => {
    const W = [
      [1, 4],
      [0, 1],
    ];
    expect((await find(assignment, { target: I, W, tokens, groups: 2 })).verdict).toBe('outside');
  });
  it('takes a target of one’s own', async () => {
    const instance = { target: scaled(0.3), W: I, value: -8, tokens, samples: 4 };
    const finding = await find(assignment, instance);
    expect(`${finding.verdict} ${unmet(finding)}`).toBe('holds ');
  });
  it('refuses what cannot be held', async () => {
    const singular = [
      [1, 1],
      [1, 1],
    ];
    await expect(find(assignment, { target: singular, W: I })).rejects.toThrow(/positive definite/);
    await expect(find(assignment, { target: I, W: scaled(-1) })).rejects.toThrow(/real part/);
    await expect(find(assignment, { target: I, W: I, value: 0 })).rejects.toThrow(/has to act/);
  });
});
