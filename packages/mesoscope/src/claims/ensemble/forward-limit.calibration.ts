import { afterAll, expect, it } from 'vitest';
import { randomHeadPath } from '../../ensemble/head-path.ts';
import { measureLimitErrors } from '../../ensemble/limit-errors.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { sampledOrder } from '../order.ts';
import { experimentOf } from './instance.ts';

/**
 * The intervals of the orders of D.forward-limit and D.energy are Student-t over independent laws of heads (or starts). A cheap
 * version of the first: 4 laws, 8 draws of heads, 4 sizes.
 */
const seeds = 200;
const headCounts = [4, 8, 16, 32];
const layers = 8;

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

it('the 95 % interval of the order in LH contains −½ in 90 to 99 % of the seeds', () => {
  const covered = Array.from({ length: seeds }, (_, seed) => {
    const rows = [0, 1, 2, 3].map((index) => {
      const {
        discrete: inputs,
        keyDimension,
        seed: own,
      } = experimentOf({ explicit: false }, seed, index);
      const path = randomHeadPath({ dimension: 2, keyDimension, atoms: 8 }, own);
      const experiment = { inputs, path, keyDimension, seed: own };
      const sizes = { depths: [layers], headCounts, layers, repetitions: 8 };
      return measureLimitErrors(backend, experiment, sizes).heads;
    });
    const { interval } = sampledOrder({
      name: 'order in LH',
      failsIf: '',
      scales: headCounts,
      rows,
      order: -0.5,
      side: 'exactly',
      bias: 0,
    });
    return interval !== null && interval[0] <= -0.5 && -0.5 <= interval[1];
  }).filter(Boolean).length;
  console.info(`order in LH: ${covered} of ${seeds} intervals contain −½`);
  expect(covered / seeds).toBeGreaterThanOrEqual(0.9);
  expect(covered / seeds).toBeLessThanOrEqual(0.99);
}, 600_000);
