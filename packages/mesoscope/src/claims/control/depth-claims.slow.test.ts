import { afterAll, describe, expect, it } from 'vitest';
import { randomAdjointExperiment } from '../../control/depth/adjoint-experiment.ts';
import { measureCostateErrors } from '../../control/depth/costate-errors.ts';
import { linearExperiment, randomExperiment } from '../../control/depth/depth-experiment.ts';
import { equidistributedTimes } from '../../control/depth/equidistribution.ts';
import { measureEulerErrors } from '../../control/depth/euler-errors.ts';
import { measureProfiles } from '../../control/depth/profile-errors.ts';
import { uniformGrid } from '../../flow/grid.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { type Claim, concludeClaim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { costateOrder, costateOrderConclusion } from './costate-order.ts';
import { depthProfile } from './depth-profile.ts';
import { eulerOrder, eulerOrderConclusion } from './euler-order.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find(claim: unknown, instance: unknown = {}, seed = 1) {
  return (await runClaim({ claim: claim as Claim, instance }, { backend, seed })).finding;
}

const context = { given: {}, seed: 1 };
const depths = [8, 16, 32, 64, 128];
const still = { h0: [[1], [0.5]], heads: [{ Q: [[1]], K: [[1]], V: [[0]] }] };
const stiff = {
  h0: [[1], [0.5]],
  heads: [{ Q: [[1]], K: [[1]], V: [[1]] }],
  feedForward: { W: [[-40]] },
  depths: [8, 16, 32, 64],
};
const wild = { h0: [[1]], heads: [{ Q: [[1]], K: [[1]], V: [[60]] }], depths: [8, 16, 32, 64] };

describe('A.euler-order', () => {
  it.each([1, 2])('is decided, and holds, at horizon %d', async (horizon) => {
    const finding = await find(eulerOrder, { horizon });
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.checks.map(({ outcome }) => outcome)).toEqual(Array(4).fill('holds'));
  });

  it('is undecided where depths are not asymptotic or nothing moves, outside where the flow diverges', async () => {
    for (const instance of [stiff, still, wild]) {
      const finding = await find(eulerOrder, instance);
      expect(finding.verdict, finding.summary).toBe(instance === wild ? 'outside' : 'undecided');
      expect(finding.summary).not.toContain('NaN');
    }
  });

  const conclude = (measured: ReturnType<typeof measureEulerErrors>[], sharp = measured.slice(1)) =>
    concludeClaim(
      { conclude: () => eulerOrderConclusion(depths, measured.slice(0, 1), sharp) },
      [],
      context,
    );
  const random = () => measureEulerErrors(backend, randomExperiment(backend, 1, 0, 1), depths);

  it('notices layers of a wrong length', () => {
    const right = randomExperiment(backend, 1, 0, 1);
    const grid = (layers: number) => uniformGrid(layers < 512 ? 1.05 : 1, layers);
    const wrong = measureEulerErrors(backend, { ...right, grid }, depths);
    expect(conclude([wrong]).verdict).not.toBe('holds');
  });

  it.each([
    ['that see another part of the depth', (t: number) => Math.min(1, t + 0.05), 1],
    ['of the wrong sign', (t: number) => t, -1],
    ['whose controls are a hundredth larger', (t: number) => t, 1.01],
  ])('notices layers %s', (_, place, factor) => {
    const right = randomExperiment(backend, 1, 0, 1);
    const controls = {
      ...right.controls,
      combination(t: number, from: number, to: number) {
        // The reference takes at least 1024 steps.
        if (to - from < 1 / 256) return right.controls.combination(t, from, to);
        return right.controls
          .combination(place(t), from, to)
          .map(({ node, weight }) => ({ node, weight: factor * weight }));
      },
    };
    expect(
      conclude([measureEulerErrors(backend, { ...right, controls }, depths)]).verdict,
    ).not.toBe('holds');
  });

  it.each([
    ['half of it', (bound: number) => bound / 2],
    ['a tenth of it', (bound: number) => bound / 10],
  ])("notices Grönwall's bound times %s", (_, change) => {
    const sharp = measureEulerErrors(
      backend,
      linearExperiment(backend, { growth: 0.2, horizon: 1, forced: false }),
      depths,
    );
    expect(conclude([random(), sharp]).checks[1].outcome).toBe('holds');
    const wrong = { ...sharp, bounds: sharp.bounds.map(change) };
    expect(conclude([random(), wrong]).checks[1].outcome).toBe('fails');
  });

  it("notices Grönwall's bound without its exponential", () => {
    const growth = 3;
    const sharp = measureEulerErrors(
      backend,
      linearExperiment(backend, { growth, horizon: 1, forced: true }),
      depths,
    );
    const factor = growth / Math.expm1(growth);
    const wrong = { ...sharp, bounds: sharp.bounds.map((bound) => factor * bound) };
    expect(conclude([random(), sharp]).checks[1].outcome).toBe('holds');
    expect(conclude([random(), wrong]).checks[1].outcome).toBe('fails');
  });
});

describe('A.depth-profile', () => {
  it.each([1, 4, 104, 105, 116])('holds at seed %d', async (seed) => {
    const finding = await find(depthProfile, {}, seed);
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.checks).toHaveLength(7);
  });

  it('is undecided where nothing moves, and is not certain of stiff layers', async () => {
    const finding = await find(depthProfile, { ...still, depths: [8, 16, 32, 64] });
    expect(finding.verdict).toBe('undecided');
    expect(finding.summary).toContain('coincide');
    expect(finding.summary).not.toContain('NaN');
    expect((await find(depthProfile, stiff)).verdict).not.toBe('holds');
    const short = await find(depthProfile, {
      ...{
        h0: [
          [1, 0],
          [0.5, 1],
        ],
        horizon: 1e-12,
        depths: [8, 16, 32, 64],
      },
      heads: [
        {
          Q: [
            [1, 0],
            [0, 1],
          ],
          K: [
            [1, 0],
            [0, 1],
          ],
          V: [
            [1, 0],
            [0, 1],
          ],
        },
      ],
    });
    expect(short.verdict, short.summary).toBe('undecided');
    expect(Array.from(equidistributedTimes([0, 1, 2], [0, 0], 4))).toEqual([0, 0.5, 1, 1.5, 2]);
  });

  it.each([
    ['that see another part of the depth', (t: number) => Math.min(1, t + 0.05), 1],
    ['in reversed order of depth', (t: number) => 1 - t, 1],
    ['whose controls are a fifth larger', (t: number) => t, 1.2],
    ['of the wrong sign', (t: number) => t, -1],
  ])('notices layers %s', (_, place, factor) => {
    const right = randomExperiment(backend, 1, 0, 1);
    const controls = {
      ...right.controls,
      // Only the layers' own evaluations are wrong: those on a grid's cells, which the references' steps are not.
      combination(t: number, from: number, to: number) {
        if (!isLayer(from, to)) return right.controls.combination(t, from, to);
        return right.controls
          .combination(place(t), from, to)
          .map(({ node, weight }) => ({ node, weight: factor * weight }));
      },
    };
    const measured = measureProfiles(backend, { ...right, controls }, depths);
    const finding = concludeClaim(depthProfile, [measured], {
      given: depthProfile.given.parse({ flows: 1, depths }, 'quick'),
      seed: 1,
    });
    expect(finding.checks[0].outcome).not.toBe('holds');
  });

  function isLayer(from: number, to: number): boolean {
    return depths.some((L) => Math.abs((to - from) * L - 1) < 1e-9);
  }
});

describe('A.costate-order', () => {
  it('holds on its own experiments', async () => {
    const finding = await find(costateOrder);
    expect(finding.verdict, finding.summary).toBe('holds');
  });

  it.each([
    ['U = 0', { ...still, U: [[0], [0]], labels: [0, 0] }, /every costate is 0/],
    ['one class', { ...still, U: [[1]], labels: [0, 0] }, /every costate is 0: one class/],
    ['V = 0', { ...still, U: [[1], [2]], labels: [0, 0] }, /does not change over depth/],
    ['stiff', stiff, /./],
  ])('is undecided with %s', async (_, instance, sentence) => {
    const finding = await find(costateOrder, instance);
    expect(finding.verdict, finding.summary).toBe('undecided');
    expect(finding.summary).toMatch(sentence);
    expect(finding.summary).not.toContain('NaN');
  });

  const options = { horizon: 1, pooling: 'position' } as const;
  const verdict = (measured: ReturnType<typeof measureCostateErrors>) =>
    concludeClaim({ conclude: () => costateOrderConclusion(depths, [measured]) }, [], context)
      .verdict;

  it('notices layers of a wrong length', () => {
    const right = randomAdjointExperiment(backend, 1, 0, options);
    const grid = (layers: number) => uniformGrid(layers < 512 ? 1.05 : 1, layers);
    expect(verdict(measureCostateErrors(backend, { ...right, grid }, depths))).not.toBe('holds');
  });

  it.each([
    ['the wrong sign', (p: number) => -p],
    ['a missing factor', (p: number) => 2 * p],
    ['a relative error of a hundredth', (p: number) => 1.01 * p],
  ])('notices a terminal costate with %s in the layers', (_, change) => {
    const right = randomAdjointExperiment(backend, 1, 0, options);
    let calls = 0;
    const costate: typeof right.loss.costate = (state, into) => {
      right.loss.costate(state, into);
      // The first call is the reference's.
      if (calls++ > 0) for (let i = 0; i < into.length; i++) into[i] = change(into[i]);
    };
    const wrong = { ...right, loss: { ...right.loss, costate } };
    expect(verdict(measureCostateErrors(backend, wrong, depths))).not.toBe('holds');
  });
});
