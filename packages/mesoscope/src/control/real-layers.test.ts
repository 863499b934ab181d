import { afterAll, describe, expect, test } from 'vitest';
import { realLayers } from '../field/test-support.ts';
import { transformerLayer } from '../field/transformer-layer.ts';
import { uniformGrid } from '../flow/grid.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { compareGradients } from './certificates/gradient-comparison.ts';
import { createControlProblem } from './create-problem.ts';
import { initialParameters } from './parameters.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

/** Discrete adjoint, continuous adjoint and finite differences of the layers of trained networks as fields. */
describe.each(Object.entries(realLayers))('a layer of %s', (_, options) => {
  test('has one gradient, made in three ways', () => {
    const field = transformerLayer({ dimension: 4, ...options });
    const problem = createControlProblem(backend, {
      field,
      grid: uniformGrid(1, 2),
      tokens: 5,
      samples: 2,
      classes: 3,
      pooling: 'last',
      regularisation: 0.1,
    });
    const parameters = backend.allocate(problem.layout.length);
    parameters.set(initialParameters(field, problem.layout, 1));
    const states = Array.from({ length: 40 }, (_, i) => Math.sin(i + 1));
    const batch = { samples: 2, states, labels: [0, 2] };
    const comparison = compareGradients(
      { problem, parameters, batch },
      { factors: [8, 16, 32], fineFactor: 16, directions: 20, seed: 1 },
    );
    for (const { difference, ownError } of Object.values(comparison.differences)) {
      expect(difference).toBeLessThan(Math.max(1e-8, 10 * ownError));
    }
    const [coarse, middle, fine] = comparison.continuous;
    expect(coarse / middle).toBeGreaterThan(1.7);
    expect(middle / fine).toBeGreaterThan(1.8);
    expect(middle / fine).toBeLessThan(2.2);
    expect(comparison.fine.discrete).toBeLessThan(1e-6);
    expect(comparison.fine.differences).toBeLessThan(1e-6);
  });
});
