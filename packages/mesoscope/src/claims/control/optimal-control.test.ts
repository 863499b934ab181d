import { afterAll, describe, expect, it } from 'vitest';
import { equidistributedTimes } from '../../control/depth/equidistribution.ts';
import { logMixingGrowth, sinkhornMatrix } from '../../control/residual-mixing.ts';
import {
  entropyBound,
  finiteClassBound,
  logCoveringOfBall,
} from '../../control/risk/risk-bounds.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Claim } from '../legacy.ts';
import { runClaim } from '../run.ts';
import { initialisation } from './initialisation.ts';
import { range } from './range.ts';
import { recovery } from './recovery.ts';
import { regularity } from './regularity.ts';
import { largestRise, solvers } from './solver-descent.ts';
import { stability } from './stability.ts';
import { richardsonLimit, valueGap } from './value-gap.ts';

const backend = await createWasmBackend({ precision: 'f64', threads: 1 });
afterAll(() => backend.dispose());

async function find(claim: Claim, instance: unknown) {
  return (await runClaim({ claim, instance }, { backend })).finding;
}

describe('parts', () => {
  it('extrapolates a series in 1/L to its limit', () => {
    const values = [2, 4, 8, 16, 32].map((L) => 3 + 0.7 / L - 0.2 / L ** 2);
    const { limit, first } = richardsonLimit(values);
    expect(limit).toBeCloseTo(3, 13);
    // 2(c₂/4L²) − c₂/L² = −c₂/2L².
    expect(first[0]).toBeCloseTo(3 + 0.1 / 4, 13);
  });

  it('equidistributes √w: steps are as w^{−1/2}: depths that ∫√w divides evenly', () => {
    const cells = 4000;
    const times = Float64Array.from({ length: cells + 1 }, (_, k) => k / cells);
    const w = (t: number) => (1 + 9 * t) ** 2;
    const weights = Array.from({ length: cells }, (_, k) => w((k + 0.5) / cells));
    const grid = equidistributedTimes(times, weights, 10);
    // ∫√w = t + 4.5 t²: the depths solve t + 4.5 t² = 5.5 i/10.
    grid.forEach((t, i) => {
      expect(t + 4.5 * t * t).toBeCloseTo(0.55 * i, 6);
    });
  });

  it('finds the best radius of an entropy bound', () => {
    const common = { range: 4, failure: 0.05, samples: 200 };
    const logCovering = logCoveringOfBall(3, 2);
    const found = entropyBound({ ...common, lipschitz: 5, logCovering, largest: 2 });
    const at = (eta: number) =>
      10 * eta + 4 * Math.sqrt((Math.log(2) + logCovering(eta) + Math.log(20)) / 400);
    expect(found.value).toBeCloseTo(at(found.radius), 12);
    for (const eta of [0.01, 0.05, 0.2, 1]) expect(found.value).toBeLessThanOrEqual(at(eta) + 1e-3);
    // One function: Hoeffding's bound.
    expect(finiteClassBound(common)).toBeCloseTo(4 * Math.sqrt(Math.log(40) / 400), 12);
  });

  it('makes matrices doubly stochastic, with the product’s norm 1', () => {
    const random = randomStream(4, 'logits');
    const logits = {
      rows: 4,
      columns: 4,
      data: Float64Array.from({ length: 16 }, () => 2 * random.normal()),
    };
    const { matrix, error } = sinkhornMatrix(logits, 500);
    expect(error).toBeLessThan(1e-12);
    expect(spectralNorm(matrix)).toBeCloseTo(1, 10);
    expect(sinkhornMatrix(logits, 1).error).toBeGreaterThan(1e-3);
    // A diagonal map grows like its largest entry, beyond the largest number.
    const map = { rows: 2, columns: 2, data: Float64Array.of(3, 0, 0, 0.1) };
    expect(logMixingGrowth(() => map, 2, [1, 1000])).toEqual([
      expect.closeTo(Math.log(3), 12),
      expect.closeTo(1000 * Math.log(3), 8),
    ]);
    expect(() => sinkhornMatrix(logits, 0)).toThrow(/iterations/);
  });

  it('sees a rise of the objective', () => {
    expect(largestRise([4, 3, 2])).toBeLessThan(0);
    expect(largestRise([4, 3, 6, Number.NaN])).toBeCloseTo(1, 14);
  });
});

describe('claims on coercive problems', () => {
  it.each([
    [valueGap, { problems: 3 }],
    [regularity, { problems: 2 }],
    [recovery, { problems: 3 }],
    [initialisation, { problems: 8 }],
    [range, { problems: 2, layers: 4 }],
    [stability, { problems: 2, layers: 4 }],
    [solvers, { problems: 1 }],
  ] as [Claim, unknown][])('hold: $id', async (claim, instance) => {
    const finding = await find(claim, instance);
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.figures[0].id).toBe(claim.id);
    expect(JSON.stringify(finding.evidence)).not.toMatch(/null/);
  });

  it('are about problems that a person hands over', async () => {
    const instance = {
      h0: [
        [
          [1, 0],
          [0.5, -1],
        ],
        [
          [-1, 0.3],
          [0.2, 0.9],
        ],
        [
          [0.1, 1],
          [-0.6, -0.4],
        ],
      ],
      labels: [0, 1, 1],
      U: [
        [2, 0],
        [-1, 1],
      ],
      regularisation: 1,
      depths: [2, 4, 8, 16, 32],
      problems: 1,
    };
    const finding = await find(valueGap, instance);
    expect(finding.evidence['limit.value']).toHaveLength(1);
    expect(finding.evidence.values).toHaveLength(5);
    await expect(find(valueGap, { ...instance, U: undefined })).rejects.toThrow(/all three/);
    await expect(find(valueGap, { depths: [2, 3, 4, 5, 6] })).rejects.toThrow(/twice/);
    await expect(find(range, { regularisation: -1 })).rejects.toThrow(/regularisation/);
  });
});

describe('outside its assumptions', () => {
  it('recovery says by how much the controls jump under weak regularisation', async () => {
    const instance = { regularisation: 0.03, problems: 2, depths: [1, 2, 4, 8, 16, 32] };
    const finding = await find(recovery, instance);
    expect(finding.verdict).toBe('outside');
    const named = finding.assumptions.find(({ name, holds }) => /Lipschitz/.test(name) && !holds);
    expect(named?.value).toMatch(/jump by/);
    expect(finding.summary).toMatch(/jump/);
    expect(finding.evidence['controls.growth']).toBeGreaterThan(0.5);
    // The same depths where λ is large: a single layer, which cannot jump, is no jump.
    const coercive = await find(recovery, { ...instance, regularisation: 1 });
    expect(coercive.verdict, coercive.summary).toBe('holds');
  });
});
