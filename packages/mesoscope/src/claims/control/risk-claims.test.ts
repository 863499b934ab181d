import { afterAll, describe, expect, it } from 'vitest';
import { logMixingGrowth, sinkhornMatrix } from '../../control/residual-mixing.ts';
import { drawFrequencies } from '../../control/risk/finite-population.ts';
import { entropyBound, finiteClassBound } from '../../control/risk/risk-bounds.ts';
import { measureSampling, measureTwoPoint } from '../../control/risk/sampling-deviations.ts';
import { missProbability, twoPointPopulation } from '../../control/risk/two-point.ts';
import { measureSharpClasses, measureUniform } from '../../control/risk/uniform-deviations.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { identity, type Matrix } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Claim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { populationOf } from './populations.ts';
import { residualMixing } from './residual-mixing.ts';
import { sampling, samplingConclusion } from './sampling.ts';
import { uniform, uniformConclusion } from './uniform.ts';

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
  const populations = [0, 1].map((index) =>
    populationOf(backend, given, { seed: 1, index, layers: 16 }),
  );
  const recordsOf = (draw = drawFrequencies) =>
    populations.map((one, index) => measureSampling(one, { ...given, seed: 1, index }, draw));
  const records = recordsOf();
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
    ['every sample drawn twice', (N: number) => N / 2],
    ['samples of which √N are independent', (N: number) => Math.sqrt(N)],
    ['twice as many samples as it says', (N: number) => 2 * N],
  ])('notices %s', (_, independent) => {
    const wrong = recordsOf((p, N, random) => drawFrequencies(p, independent(N), random));
    const [flat] = samplingConclusion(given, wrong, [right]).checks.slice(-1);
    // Of √N independent ones the quotients are 4 to 32: too scattered to contradict, and no *holds*.
    expect(flat.outcome).not.toBe('holds');
  });
});

describe('wrong mathematics of A.uniform', () => {
  const given = uniform.given.parse({ populations: 1, resamples: 1000, controls: 4 }, 'quick');
  const population = populationOf(backend, given, { seed: 1, index: 0, layers: 4 });
  const record = measureUniform(population, { ...given, seed: 1, index: 0 });
  const right = { finiteClassBound, entropyBound };
  const outcomes = (bounds: typeof right) =>
    uniformConclusion(
      given,
      [record],
      [measureSharpClasses(backend, { ...given, seed: 1 }, bounds)],
    ).checks.map(({ outcome }) => outcome);

  it('holds for the right bounds', () =>
    expect(outcomes(right)).toEqual(['holds', 'holds', 'holds', 'holds']));

  it.each([
    ['half of it', (bound: typeof finiteClassBound) => (o) => bound(o) / 2],
    ['half of the range', (bound) => (o) => bound({ ...o, range: o.range / 2 })],
    ['N for √N', (bound) => (o) => bound({ ...o, samples: o.samples ** 2 })],
    ['no logarithm', (bound) => (o) => bound(o) / Math.sqrt(Math.log(16 / o.failure))],
  ] as [string, (bound: typeof finiteClassBound) => typeof finiteClassBound][])(
    'notices the bound of a finite class with %s',
    (_, wrong) => {
      const bounds = { ...right, finiteClassBound: wrong(finiteClassBound) };
      expect(outcomes(bounds)[1]).toBe('fails');
    },
  );

  it.each([
    ['half of it', (o) => ({ ...entropyBound(o), value: entropyBound(o).value / 2 })],
    ['N for √N', (o) => entropyBound({ ...o, samples: o.samples ** 2 })],
    ['no log 1/δ', (o) => entropyBound({ ...o, failure: 1 })],
    ['log C + ‖U‖ sup|h| for B', (o) => entropyBound({ ...o, range: o.range / 2 })],
  ] as [string, typeof entropyBound][])('notices an entropy bound with %s', (_, wrong) =>
    expect(outcomes({ ...right, entropyBound: wrong })[3]).toBe('fails'),
  );
});

describe('A.residual-mixing', () => {
  it('is undecided where Sinkhorn’s iterations have not converged', async () => {
    const finding = await find(residualMixing, { streams: 4, deviation: 50, sequences: 2 });
    expect(finding.verdict).toBe('undecided');
  });

  const given = residualMixing.given.parse({ sequences: 2, iterations: [20] }, 'quick');
  const { streams, depths, deviation } = given;
  /** Six sequences of maps, of which the constrained ones are made by `constrain` and believed to be stochastic. */
  const measured = (constrain: (map: Matrix) => Matrix, free = (map: Matrix) => map) =>
    [0, 1, 2, 3, 4, 5].map((index) => {
      const random = randomStream(1, 'maps', index);
      const maps = Array.from({ length: depths[depths.length - 1] }, () => ({
        ...identity(streams),
        data: identity(streams).data.map((x) => x + deviation * random.normal()),
      }));
      const growth = (change: (map: Matrix) => Matrix) =>
        logMixingGrowth((layer) => change(maps[layer - 1]), streams, depths);
      return { free: growth(free), constrained: [{ logs: growth(constrain), error: 1e-13 }] };
    });
  const scaled = (map: Matrix, factor: number) => ({
    ...map,
    data: map.data.map((x) => factor * x),
  });
  const sinkhorn = (map: Matrix) => sinkhornMatrix(map, 60).matrix;
  const outcomes = (records: ReturnType<typeof measured>) =>
    residualMixing.conclude(records, { given, seed: 1 }).checks.map(({ outcome }) => outcome);

  it('holds for doubly stochastic maps', () =>
    expect(outcomes(measured(sinkhorn))).toEqual(['holds', 'holds', 'holds']));

  it.each([
    ['of which only the rows are scaled', (map: Matrix) => sinkhornMatrix(map, 1).matrix],
    ['that amplify by a millionth', (map: Matrix) => scaled(sinkhorn(map), 1 + 1e-6)],
    ['that lose a millionth', (map: Matrix) => scaled(sinkhorn(map), 1 - 1e-6)],
    ['without their exponential', (map: Matrix) => map],
  ])('notices maps %s', (_, constrain) => expect(outcomes(measured(constrain))[0]).toBe('fails'));

  it('notices maps whose rows sum to 1.01', () =>
    expect(outcomes(measured((map) => scaled(sinkhorn(map), 1.01)))[1]).toBe('fails'));

  it('notices unconstrained maps without the identity', () =>
    expect(
      outcomes(
        measured(sinkhorn, (map) => ({
          ...map,
          data: map.data.map((x, i) => x - identity(streams).data[i]),
        })),
      )[2],
    ).toBe('fails'));
});
