import { afterAll, describe, expect, it } from 'vitest';
import { measureSampling, measureTwoPoint } from '../../control/risk/sampling-deviations.ts';
import { missProbability, twoPointPopulation } from '../../control/risk/two-point.ts';
import { measureSharpClasses } from '../../control/risk/uniform-deviations.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { populationOf } from './populations.ts';
import { residualMixing } from './residual-mixing.ts';
import { sampling, samplingConclusion } from './sampling.ts';
import { uniform } from './uniform.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find(claim: unknown, instance: unknown = {}, seed = 1) {
  return (await runClaim({ claim: claim as Claim, instance }, { backend, seed })).finding;
}

const silent = {
  h0: [[[1, 2]]],
  labels: [0],
  U: [
    [0, 0],
    [0, 0],
  ],
};

describe.each([sampling, uniform, residualMixing] as unknown as Claim[])('$id', (claim) => {
  it('holds on its own experiments', async () => {
    const finding = await find(claim);
    expect(finding.verdict, finding.summary).toBe('holds');
    expect(finding.checks.every(({ outcome }) => outcome === 'holds')).toBe(true);
  });
});

describe.each([sampling, uniform] as unknown as Claim[])('$id', (claim) => {
  it('is undecided with one sequence and U = 0', async () => {
    const finding = await find(claim, silent);
    expect(finding.verdict).toBe('undecided');
    expect(finding.summary).toContain('the same loss');
  });
});

describe('missProbability', () => {
  it('sums binomial probabilities', () => {
    const own = { values: [0, 1], samples: 4, target: 0.5 } as const;
    expect(missProbability({ ...own, distance: 0.3 })).toBeCloseTo(2 / 16, 12);
    expect(missProbability({ ...own, distance: 0.2 })).toBeCloseTo(10 / 16, 12);
  });
});

describe('wrong mathematics of A.sampling', () => {
  const given = sampling.given.parse({ populations: 2, resamples: 200 }, 'quick');
  const records = [0, 1].map((index) =>
    measureSampling(populationOf(backend, given, { seed: 1, index, layers: 16 }), {
      ...given,
      seed: 1,
      index,
    }),
  );
  const model = twoPointPopulation(backend, { growth: 0.2, layers: 16 });
  const right = measureTwoPoint(model, given.sampleSizes);
  const checkOf = (sharp: typeof right, name: RegExp) =>
    samplingConclusion(given, records, [sharp]).checks.find((check) => name.test(check.name))
      ?.outcome;
  const scaled = (factor: number) => ({
    ...right,
    misses: right.misses.map(({ samples, failure }) => ({
      samples,
      failure,
      probability: missProbability({
        values: [0, 20 * 1.22],
        samples,
        target: 10 * 1.22,
        distance: factor * right.range * Math.sqrt(Math.log(2 / failure) / (2 * samples)),
      }),
    })),
  });

  it.each([0.5, 0.1])("notices Hoeffding's bound times %d", (factor) => {
    expect(checkOf(scaled(1), /exact/)).toBe('holds');
    expect(checkOf(scaled(factor), /exact/)).toBe('fails');
  });

  it.each([0.5, 0.1])('notices C₁ε times %d', (factor) => {
    expect(checkOf(right, /C₁ε/)).toBe('holds');
    expect(checkOf({ ...right, floor: factor * right.floor }, /C₁ε/)).toBe('fails');
  });

  it.each([
    ['a rate other than N^{-1/2}', (N: number) => N / 100],
    ['a variance that is off by a factor of two', () => 2],
  ])('notices %s', (_, factor) => {
    const wrong = records.map((record) => ({
      ...record,
      quotients: record.quotients.map((q, i) => q * factor(given.sampleSizes[i])),
    }));
    const [flat] = samplingConclusion(given, wrong, [right]).checks.slice(-1);
    expect(flat.outcome).not.toBe('holds');
  });
});

describe('wrong mathematics of A.uniform', () => {
  it('leaves a finite class less than half of its union bound, and small classes less than half of their entropy bounds', () => {
    const options = { sampleSizes: [128, 512], resamples: 1000, failure: 0.05, seed: 1 };
    const { covered, misses } = measureSharpClasses(backend, options);
    expect(Math.min(...covered)).toBe(1000);
    expect(Math.max(...misses.map(({ ball, failure }) => ball / failure))).toBeLessThan(1);
    // Half of Hoeffding's bound with the loss's own range, union over 8 losses: missed by an eighth of the resamples.
    const half = measureSharpClasses(backend, { ...options, failure: halvedFailure(0.05, 8) });
    expect(Math.max(...half.covered)).toBeLessThan(950);
  });

  /** The δ' at which the bound of m functions is half of that at δ. */
  function halvedFailure(failure: number, functions: number): number {
    return 2 * functions * Math.exp(-Math.log((2 * functions) / failure) / 4);
  }
});

describe('A.residual-mixing', () => {
  it('is undecided where Sinkhorn’s iterations have not converged', async () => {
    const finding = await find(residualMixing, { streams: 4, deviation: 50, sequences: 2 });
    expect(finding.verdict).toBe('undecided');
  });

  it.each([
    ['maps that are not quite stochastic', (log: number, L: number) => log + 1e-6 * L],
    ['maps that lose a signal', (log: number, L: number) => log - 1e-6 * L],
    ['a factor', (log: number) => log + Math.log(2)],
  ])('notices %s', (_, change) => {
    const given = residualMixing.given.parse({ sequences: 2, iterations: [20] }, 'quick');
    const logs = given.depths.map(() => 0);
    const rows = [0.08, 0.1].map((rate) => ({
      free: given.depths.map((L) => rate * L),
      constrained: [{ logs, error: 1e-13 }],
    }));
    const verdict = (measured: typeof rows) =>
      residualMixing.conclude(measured, { given, seed: 1 }).checks[0].outcome;
    expect(verdict(rows)).toBe('holds');
    const wrong = rows.map((row) => ({
      ...row,
      constrained: [{ error: 1e-13, logs: given.depths.map((L) => change(0, L)) }],
    }));
    expect(verdict(wrong)).toBe('fails');
  });
});
