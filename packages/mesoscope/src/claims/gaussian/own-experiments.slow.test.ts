import { afterAll, describe, expect, it } from 'vitest';
import { blowUp } from './blow-up.ts';
import { clustering } from './clustering.ts';
import { gaussianClaims } from './index.ts';
import { practice } from './practice.ts';
import { rank } from './rank.ts';
import { backend, find, I, law, scaled, unmet } from './test-support.ts';
import { variants } from './variants.ts';

afterAll(() => backend.dispose());

describe.each(gaussianClaims)('$id', (claim) => {
  it('holds on its own experiments', { timeout: 120_000 }, async () => {
    const finding = await find(claim);
    expect(unmet(finding)).toBe('');
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.figures.length).toBeGreaterThan(0);
    for (const { failsIf, measured } of finding.checks) {
      expect(failsIf.length).toBeGreaterThan(10);
      expect(Number.isFinite(measured)).toBe(true);
    }
  });
});

describe('bad input is refused with the reason', () => {
  const heads = [{ V: I, B: I }];
  const covariances: [string, number[][], RegExp][] = [
    [
      'not symmetric',
      [
        [1, 0.5],
        [0, 1],
      ],
      /symmetric/,
    ],
    [
      'not positive semi-definite',
      [
        [1, 2],
        [2, 1],
      ],
      /-0\.9999.*positive semi-definite/,
    ],
    ['zero rank', scaled(0), /rank/],
  ];
  it.each(covariances)('%s', async (_, covariance, message) => {
    const bad = { mean: [0, 0], covariance };
    await expect(find(blowUp, { law: bad, heads })).rejects.toThrow(message);
  });

  it('dimensions, unknown keys, heads of the wrong kind, fields that mean nothing here', async () => {
    const bad = { mean: [0, 0, 0], covariance: I };
    await expect(find(blowUp, { law: bad, heads })).rejects.toThrow(/\[3/);
    await expect(find(blowUp, { law, heads, horizons: 1 })).rejects.toThrow(/horizon/);
    await expect(find(variants, { law, heads, attention: 'l2' })).rejects.toThrow(/heads/);
    await expect(find(blowUp, { law, heads, layers: 3 })).rejects.toThrow(/layers/);
  });

  it('the full setting has the 198 tokens of distilled Tiny-DeiT: class, distillation, 196 patches', () => {
    expect(practice.given.parse({}, 'full')).toMatchObject({ tokens: 198 });
  });

  it('every own field can be changed alone', async () => {
    expect((await find(rank, { controls: 7, horizon: 0.3 })).verdict).toBe('holds');
    expect((await find(clustering, { draws: 5 })).verdict).toBe('holds');
  });
});
