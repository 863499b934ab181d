import { afterAll, expect, test } from 'vitest';
import { createWasmBackend } from '../../../kernels/wasm/backend.ts';
import { continuedResult, resultOf, titlesOf } from '../../test-support.ts';
import { refinementRace } from './refinement-race.ts';

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

const words = ['bab', 'dad', 'gag'];
const corpus = async () =>
  Array.from({ length: 300 }, (_, i) => words[(i * i + (i >> 2)) % 3]).join(' ');
const small = {
  seeds: 2,
  context: 8,
  dimension: 8,
  heads: 2,
  hidden: 8,
  batch: 4,
  shallow: { layers: 1, steps: 12 },
  stages: [{ layers: 2, steps: 8 }],
  deepSteps: 12,
  warmUp: 2,
  reportEvery: 4,
  validation: 4,
};

test('races, says how near to their flows both end, and continues to the same losses', async () => {
  const whole = await resultOf(refinementRace, small, { backend, corpus });
  const continued = await continuedResult(refinementRace, small, { backend, corpus }, 4);
  expect(whole.status.kind, whole.status.message).toBe('completed');
  expect(titlesOf(whole)).toEqual([
    'What refining a trained stack saves',
    'Seed by seed',
    'Two ways to 2 trained layers',
  ]);
  const losses = ({ arrays }: typeof whole) =>
    Array.from(arrays['seed 1, refined'].data).filter((_, i) => i % 6 === 5);
  expect(losses(continued)).toEqual(losses(whole));
  const [, seeds] = whole.sections;
  const [row] = seeds.kind === 'table' ? seeds.rows : [];
  expect(Number(row[5])).toBeGreaterThan(0);
});

test('a first depth that does not halve the steps of the shallow stack is refused', async () => {
  const wrong = { ...small, stages: [{ layers: 4, steps: 8 }] };
  await expect(resultOf(refinementRace, wrong, { backend, corpus })).rejects.toThrow(
    /twice the layers of the shallow stack/,
  );
});
