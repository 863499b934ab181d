import { afterAll, expect, it } from 'vitest';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { randomExperiment } from './experiment.ts';
import { headLaw } from './head-law.ts';
import { roundingOfRisk } from './rounding.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

const { problem, law } = randomExperiment(backend, 1, 0, { regularisation: 0.05, heads: 6 });

it('is at least that of a mean over all positions, also where all parameters vanish and nothing moves', () => {
  const zero = headLaw(law.shape, new Float64Array(law.parameters.length), law.weights);
  const { risk } = problem.risk(zero);
  const positions = 16 * 5;
  expect(roundingOfRisk(problem, zero)).toBe(2 * Math.sqrt(positions) * Number.EPSILON * risk);
});

it('bounds the difference of two computations of one risk, and is no more than a few roundings of it', () => {
  const rounding = roundingOfRisk(problem, law);
  const P = law.parameters.length / law.count;
  const reversed = Float64Array.from(
    law.parameters,
    (_, j) => law.parameters[(law.count - 1 - Math.floor(j / P)) * P + (j % P)],
  );
  const { risk } = problem.risk(law);
  const same = problem.risk(headLaw(law.shape, reversed)).risk;
  expect(Math.abs(same - risk)).toBeLessThanOrEqual(rounding);
  expect(rounding).toBeLessThan(64 * Number.EPSILON * risk);
});
