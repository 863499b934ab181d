import { afterAll, expect, it } from 'vitest';
import { randomExperiment } from '../../control/depth/depth-experiment.ts';
import { measureProfiles, type ProfileErrors } from '../../control/depth/profile-errors.ts';
import { measureSampling } from '../../control/risk/sampling-deviations.ts';
import {
  particleCounts,
  particleErrors,
  referenceLaw,
} from '../../control/transport/transport-errors.ts';
import { randomTransport, velocityOf } from '../../control/transport/transport-instance.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { type Interval, meanInterval } from '../../numeric/fit.ts';
import { randomStream } from '../../numeric/random.ts';
import { dataSource } from '../data-source.ts';
import { sampledOrder } from '../order.ts';
import { depthProfile } from './depth-profile.ts';
import { populationOf } from './populations.ts';
import { residualMixing } from './residual-mixing.ts';
import { sampling } from './sampling.ts';

/**
 * 95 % intervals over random experiments, in 200 groups: how many contain what they estimate. The coverages of A.sampling and
 * A.uniform need no such count: their Clopper–Pearson intervals invert the exact binomial law of the resamples within a bound,
 * which are independent, and contain the true coverage with probability 95 % or more at every sample size. The intervals of
 * A.euler-order, A.costate-order, A.terminal-costate, A.gradient, A.range, A.stability and A.solvers are no samples'.
 */

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

const groups = 200;

function report(claim: string, truth: number, intervals: readonly (Interval | null)[]): void {
  const contained = intervals.filter(
    (interval) => interval !== null && interval[0] <= truth && truth <= interval[1],
  ).length;
  console.log(`${claim}: ${contained} of ${intervals.length} intervals contain ${truth}`);
  expect(contained).toBeGreaterThanOrEqual(0.9 * groups);
  expect(contained).toBeLessThanOrEqual(0.995 * groups);
}

/** Consecutive groups of `size`. */
function groupsOf<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: groups }, (_, g) => all.slice(g * size, (g + 1) * size));
}

it('A.residual-mixing: growth of unconstrained maps', () => {
  const given = residualMixing.given.parse({ iterations: [1], depths: [8, 16, 32, 64] }, 'quick');
  const sequences = 16;
  const pieces = Array.from({ length: groups * sequences }, (_, index) =>
    residualMixing.measure({
      backend,
      data: dataSource({}),
      given,
      seed: 1,
      index,
      progress: () => undefined,
    }),
  ) as Parameters<typeof residualMixing.conclude>[0];
  const growthOf = (some: typeof pieces) =>
    residualMixing.conclude(some, { given, seed: 1 }).checks[2];
  report(
    'A.residual-mixing',
    growthOf(pieces).measured,
    groupsOf(pieces, sequences).map((some) => growthOf(some).interval),
  );
});

it('A.sampling: N E(R̂_N − R^ε)² over the variance of the loss', () => {
  const given = sampling.given.parse({ populations: 3, resamples: 100 }, 'quick');
  const intervals = Array.from({ length: groups }, (_, seed) => {
    const quotients = Array.from({ length: 3 }, (_, index) =>
      backend.scoped(() => {
        const population = populationOf(backend, given, { seed, index, layers: 4 });
        return measureSampling(population, { ...given, seed, index }).quotients;
      }),
    );
    return meanInterval(quotients.flat()).interval;
  });
  report('A.sampling', 1, intervals);
});

it('A.transport: the order of N random particles', () => {
  const size = 2;
  const rows = Array.from({ length: groups * size }, (_, index) => {
    const random = randomStream(1, 'one-token layers', index);
    const grid = { horizon: 1, halfWidth: 7, cells: [32] };
    const layer = randomTransport(random, 1, grid);
    const velocity = velocityOf(layer);
    return particleErrors(layer, velocity, referenceLaw(layer, velocity), random);
  });
  const orderOf = (some: readonly number[][]) =>
    sampledOrder({
      ...{ name: 'order', failsIf: 'it is another', scales: particleCounts, rows: some },
      ...{ order: -0.5, side: 'exactly', rivals: [-1, 0] },
    });
  const of = groupsOf(rows, size).map(orderOf);
  report(
    'A.transport, Student t alone',
    orderOf(rows).measured,
    of.map(({ interval }) => interval),
  );
  const told = of.filter(({ outcome }) => outcome === 'fails').length;
  console.log(`A.transport: ${told} of ${groups} groups contradict −1/2`);
  expect(told).toBeLessThanOrEqual(1);
});

it('A.depth-profile: the gain of equidistributed grids', () => {
  const size = 2;
  const given = depthProfile.given.parse({ depths: [8, 16, 32, 64] }, 'quick');
  const pieces: ProfileErrors[] = Array.from({ length: groups * size }, (_, index) =>
    backend.scoped(() =>
      measureProfiles(backend, randomExperiment(backend, 1, index, 1), given.depths),
    ),
  );
  const gainOf = (some: readonly ProfileErrors[]) => {
    const { checks } = depthProfile.conclude(some, { given, seed: 1 });
    return checks[checks.length - 1];
  };
  report(
    'A.depth-profile',
    gainOf(pieces).measured,
    groupsOf(pieces, size).map((some) => gainOf(some).interval),
  );
});
