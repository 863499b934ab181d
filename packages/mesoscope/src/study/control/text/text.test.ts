import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Backend } from '../../../kernels/backend.ts';
import { createWasmBackend } from '../../../kernels/wasm/backend.ts';
import { continuedResult, resultOf, titlesOf } from '../../test-support.ts';
import { textStudy } from './text.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ threads: 1 });
});
afterAll(() => backend.dispose());

const words = ['bab', 'dad', 'gag'];
const corpus = async () =>
  Array.from({ length: 300 }, (_, i) => words[(i * i + (i >> 2)) % 3]).join(' ');
const small = {
  context: 8,
  dimension: 8,
  heads: 2,
  keyDimension: 4,
  hidden: 8,
  batch: 8,
  stages: [
    { layers: 1, steps: 60 },
    { layers: 2, steps: 30 },
  ],
  reportEvery: 10,
  reportSequences: 4,
  finalSequences: 12,
  rate: 0.03,
  warmUp: 5,
  race: {
    seeds: 2,
    stages: [
      { layers: 1, steps: 12 },
      { layers: 2, steps: 8 },
    ],
    reportEvery: 4,
    validation: 4,
    coarsening: { layers: [1], steps: 4 },
  },
};

it('trains at all depths, races, coarsens and certifies; continued it comes to the same model', async () => {
  const whole = await resultOf(textStudy, small, { backend, corpus });
  // In the first refinement, after the judged model and a random start.
  const continued = await continuedResult(textStudy, small, { backend, corpus }, 16);
  expect(whole.status.kind, whole.status.message).toBe('completed');
  expect(whole.status.message).toContain('better than the character bigram');
  for (const layers of [1, 2]) {
    const name = `parameters.${layers}`;
    expect(continued.arrays[name]).toEqual(whole.arrays[name]);
  }
  const losses = (result: typeof whole) =>
    Array.from(result.arrays['race.1.refined'].data).filter((_, i) => i % 6 === 5);
  expect(losses(continued)).toEqual(losses(whole));
  expect(titlesOf(whole)).toEqual([
    'Held-out text',
    'Training by depth refinement',
    'The problem at every depth',
    'Depth refinement against a random start, L = 2',
    'What refinement saves',
    'Two ways to train 2 layers',
    'A model of 2 layers on fewer layers',
    'Certificate: not converged',
  ]);
  expect(whole.claims).toHaveLength(5);
}, 60_000);

it('gives both ways the same number of steps', async () => {
  const { arrays } = await resultOf(textStudy, small, { backend, corpus });
  const steps = (name: string) => {
    const { data, shape } = arrays[name];
    return data[(shape[0] - 1) * 6 + 1];
  };
  expect(steps('race.1.random')).toBe(20);
  expect(steps('race.1.refined')).toBe(20);
}, 60_000);

it('refuses a batch of more sequences than there are', async () => {
  await expect(resultOf(textStudy, { ...small, batch: 1e6 }, { backend, corpus })).rejects.toThrow(
    'batch',
  );
});
