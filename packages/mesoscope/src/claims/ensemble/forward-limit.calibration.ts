import { afterAll, it } from 'vitest';
import { randomHeadPath } from '../../ensemble/head-path.ts';
import { measureLimitErrors } from '../../ensemble/limit-errors.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { sampledOrder } from '../order.ts';
import { expectCalibrated } from '../test-support.ts';
import { experimentOf } from './instance.ts';

const headCounts = [4, 8, 16, 32];
const layers = 8;

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

/** A cheap version of both orders of D.forward-limit, Student-t over independent laws: 4 laws, 8 draws of heads, 4 sizes. */
it('D.forward-limit: the order in LH', () =>
  expectCalibrated('order in LH', -0.5, (seed) => {
    const rows = [0, 1, 2, 3].map((index) => {
      const given = experimentOf({ explicit: false }, seed, index);
      const { discrete: inputs, keyDimension, seed: own } = given;
      const path = randomHeadPath({ dimension: 2, keyDimension, atoms: 8 }, own);
      const experiment = { inputs, path, keyDimension, seed: own };
      const sizes = { depths: [layers], headCounts, layers, repetitions: 8 };
      return measureLimitErrors(backend, experiment, sizes).heads;
    });
    const question = { name: 'order in LH', failsIf: '', bias: 0, side: 'exactly' as const };
    return sampledOrder({ ...question, scales: headCounts, rows, order: -0.5 }).interval;
  }));
