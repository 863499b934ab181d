import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Backend } from '../../../kernels/backend.ts';
import { createWasmBackend } from '../../../kernels/wasm/backend.ts';
import { resultOf, titlesOf } from '../../test-support.ts';
import { populationStudy } from './population.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ threads: 1 });
});
afterAll(() => backend.dispose());

const small = {
  words: { letters: 2, length: 3 },
  hidden: 3,
  regularisation: 1,
  smoothness: 0,
  starts: 2,
  depths: [2, 4, 8, 16, 32, 64],
  comparison: { layers: 2, iterations: 400, sweeps: 30, regularisation: 1 },
};

it('solves a coercive problem at all depths, certifies it as strong and compares the solvers', async () => {
  const { status, headline, sections, claims } = await resultOf(populationStudy, small, {
    backend,
  });
  expect(status.kind).toBe('completed');
  expect(headline.certificate).toBe('strong');
  expect(headline.risk).toBeGreaterThan(headline['least possible risk'] as number);
  expect(titlesOf({ sections })).toEqual([
    'The population',
    'The problem at every depth',
    'How the solver ended',
    'Value and risk over depth',
    'Certificate: strong',
    'Solvers from one random start, L = 2, λ = 1, μ = 0',
  ]);
  const table = sections[sections.length - 1];
  if (table.kind !== 'table') throw new Error('no table');
  expect(table.rows).toHaveLength(5);
  for (const row of table.rows) expect(String(row[5]).length).toBeGreaterThan(10);
  // At λ = 1 towards 0 the optimal layer is a linear map of the mean, which says nothing about transformers.
  expect(claims[0]).toMatchObject({
    claim: { id: 'A.value-gap' },
    finding: { verdict: 'undecided', summary: expect.stringMatching(/a transformer acts/) },
  });
}, 60_000);

it('takes an explicit population, and any solver', async () => {
  const data = {
    h0: [
      [
        [1, 0],
        [0, 1],
      ],
      [
        [0, 1],
        [1, 0],
      ],
    ],
    labels: [0, 1],
    probabilities: [0.7, 0.3],
  };
  const U = [
    [2, 0],
    [0, 2],
  ];
  const values: number[] = [];
  for (const solver of ['l-bfgs', 'gradient-flow']) {
    const { headline } = await resultOf(
      populationStudy,
      { ...small, data, U, solver, depths: [1, 2], starts: 1, tolerance: 1e-7 },
      { backend },
    );
    expect(headline['least possible risk']).toBe(0);
    values.push(headline['value at 2 layers'] as number);
  }
  expect(values[1]).toBeCloseTo(values[0], 9);
}, 60_000);

it.each([
  [{ labels: [0, 2] }, /labels\[1\]/],
  [{ labels: [0, 0] }, /class 1 has none/],
  [{ probabilities: [1] }, /probabilities/],
])('refuses the population %o before any work', async (wrong, message) => {
  const data = { h0: [[[1, 0]], [[0, 1]]], labels: [0, 1], ...wrong };
  const U = [
    [1, 0],
    [0, 1],
  ];
  await expect(resultOf(populationStudy, { ...small, data, U }, { backend })).rejects.toThrow(
    message,
  );
});
