import { expect, it } from 'vitest';
import { createReferenceBackend } from '../../kernels/reference/backend.ts';
import { linearExperiment } from './depth-experiment.ts';
import { measureEulerErrors } from './euler-errors.ts';

it('reports a share that rises with every step and ends at 1', () => {
  const backend = createReferenceBackend();
  const experiment = linearExperiment(backend, { growth: 0.2, horizon: 1, forced: false });
  const shares: number[] = [];
  const progress = (share: number) => void shares.push(share);
  measureEulerErrors(backend, experiment, [2, 3, 5, 7], { leastSteps: 16, progress });
  // The bound is measured last, by a flow of its own; all that is counted has been made before.
  expect(shares.at(-1)).toBeCloseTo(1, 12);
  expect(shares.every((share, i) => share > (shares[i - 1] ?? 0))).toBe(true);
  expect(shares.length).toBeGreaterThan(50);
  backend.dispose();
});
