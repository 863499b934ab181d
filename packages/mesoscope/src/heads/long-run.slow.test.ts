import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { randomExperiment } from './experiment.ts';
import { longRun } from './long-run.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend();
});
afterAll(() => backend.dispose());

describe('a long run', () => {
  // The case at which a difference of two windows stood for the bound: the error changes its sign between them, 1.5e-4 ± 0.7e-4.
  it('covers the decay time where the error changes its sign on the way', () => {
    const experiment = randomExperiment(backend, 20, 0, { regularisation: 0.2, heads: 12 });
    const { decay } = longRun(experiment, 6000);
    const { ratio, uncertainty } = decay ?? expect.fail('the run is too short');
    expect(ratio - 1).toBeGreaterThan(1.4e-4);
    expect(ratio - 1).toBeLessThan(uncertainty.ratio);
    expect(uncertainty.ratio).toBeLessThan(2e-4);
  });
});
