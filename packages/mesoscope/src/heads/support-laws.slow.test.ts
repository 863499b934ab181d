import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { randomStream } from '../numeric/random.ts';
import { randomExperiment } from './experiment.ts';
import { simplexTolerance } from './simplex.ts';
import { allLaws, meetLaws } from './support-laws.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend();
});
afterAll(() => backend.dispose());

// Seed 101 has an unbalanced copy, at which the inequality is an equality, and the two sides came out 4.02e-16 apart.
it('inserting gains what it must, to rounding, where it must gain just that', () => {
  const options = { regularisation: 0.02, heads: 8, onLine: true };
  const experiment = randomExperiment(backend, 101, 0, options);
  const met = meetLaws(experiment, 20, randomStream(101, 'trained laws of heads', 0));
  const ratios = allLaws(met).map(
    ({ mustGain, gained, rounding }) => (mustGain - rounding - simplexTolerance) / gained,
  );
  expect(Math.max(...ratios)).toBeLessThanOrEqual(1);
  expect(Math.max(...ratios)).toBeGreaterThan(1 - 1e-8);
});
