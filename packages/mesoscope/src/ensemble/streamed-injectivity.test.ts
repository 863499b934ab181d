import { expect, it } from 'vitest';
import { gaussian, type Law, particles } from '../law/law.ts';
import { singularValueDecomposition, symmetricEigen } from '../numeric/decompositions.ts';
import { zeros } from '../numeric/matrix.ts';
import { attentionKernel } from './attention-kernel.ts';
import { averagedKernel, certifiedSmallestEigenvalue } from './averaged-kernel.ts';
import { testInjectivity } from './injectivity.ts';
import { ensembleLayout, headsAt, randomEnsemble } from './parameters.ts';
import { streamInjectivity } from './streamed-injectivity.ts';
import { smallestSingularValue, streamedTriangle } from './streamed-triangle.ts';
import { normals } from './test-support.ts';
import type { EnsembleState } from './token-map.ts';

const clouds = (count: number): Law[] =>
  Array.from({ length: count }, (_, i) =>
    particles({ rows: 5, columns: 2, data: normals(100 + i, 10) }),
  );
const centred = (a: number, b: number): Law =>
  gaussian(
    [0, 0],
    [
      [a, 0],
      [0, b],
    ],
  );
const layout = ensembleLayout({ dimension: 2, keyDimension: 3, layers: 1, heads: 40 });
const heads = headsAt(layout, randomEnsemble(layout, 1), 0);

it.each([
  [9, 9],
  [131, 20],
  [260, 150],
])('keeps the smallest singular value of %i × %i streamed rows', (rows, columns) => {
  const A = { ...zeros(rows, columns), data: normals(1, rows * columns) };
  for (let i = 0; i < rows; i++) A.data[i * columns + 2] *= 1e-7;
  const triangle = streamedTriangle(columns);
  for (let i = 0; i < rows; i++) triangle.add(A.data.subarray(i * columns, (i + 1) * columns));
  const { values } = singularValueDecomposition(A);
  const smallest = smallestSingularValue(triangle.finish());
  expect(Math.abs(smallest / values[columns - 1] - 1)).toBeLessThan(1e-8);
});

it('agrees with the whole design, bootstrap included', async () => {
  const contexts = clouds(6);
  const whole = testInjectivity(contexts, { probes: 60 });
  const { affine, constant } = await streamInjectivity(contexts, { probes: 60 });
  expect(affine.verdict).toBe('independent');
  expect(constant).toBeUndefined();
  whole.singularValues.forEach((value, i) => {
    expect(Math.abs(affine.singularValues[i] / value - 1)).toBeLessThan(1e-8);
  });
  whole.interval.forEach((end, i) => {
    expect(Math.abs(affine.interval[i] / end - 1)).toBeLessThan(0.02);
  });
});

it('names a dependency, and agrees modulo constants', async () => {
  const contexts = [centred(1, 2), centred(3, 1), centred(2, 1.5), ...clouds(2)];
  const { affine, constant } = await streamInjectivity(contexts);
  expect(affine.verdict).toBe('dependent');
  expect(affine.rank).toBe(4);
  expect(affine.dependencies.data[0] / affine.dependencies.data[2]).toBeCloseTo(-0.5, 7);
  const whole = testInjectivity(contexts, { modulo: 'constant' });
  expect(constant?.rank).toBe(whole.rank);
  for (let i = 0; i < 4; i++) {
    const value = constant?.singularValues[i] ?? 0;
    expect(Math.abs(value / whole.singularValues[i] - 1)).toBeLessThan(1e-8);
  }
});

const states: readonly (readonly [string, EnsembleState])[] = [
  ['different tokens', { contexts: clouds(9), tokens: clouds(9).map((_, i) => normals(i, 2)) }],
  ['one token', { contexts: clouds(9), tokens: clouds(9).map(() => normals(1, 2)) }],
];

it.each(states)('integrates the kernel over independent values exactly: %s', async (_, state) => {
  const some = heads.slice(0, 3);
  const deviation = 0.7;
  // Entries ±σ, all signs: independent, of mean 0 and variance σ².
  const signed = some.flatMap((head) =>
    Array.from({ length: 16 }, (_, signs) => ({
      ...head,
      V: {
        ...head.V,
        data: head.V.data.map((_, i) => (signs & (1 << i) ? deviation : -deviation)),
      },
    })),
  );
  const whole = attentionKernel(signed, state);
  const averaged = await averagedKernel(some, state, { valueVariance: deviation ** 2 });
  const size = whole.rows;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const expected = i % 2 === j % 2 ? averaged.data[(i >> 1) * 9 + (j >> 1)] : 0;
      expect(whole.data[i * size + j]).toBeCloseTo(expected, 11);
    }
  }
});

it('finds the smallest eigenvalue between certified ends', async () => {
  for (const [, state] of states) {
    const kernel = await averagedKernel(heads, state);
    const [smallest] = symmetricEigen(kernel).values;
    const { value, lower, residual } = await certifiedSmallestEigenvalue(kernel);
    expect(value / smallest).toBeGreaterThan(1 - 1e-9);
    expect(value / smallest).toBeLessThan(1 + 1e-6);
    expect(lower).toBeLessThanOrEqual(smallest);
    expect(lower / smallest).toBeGreaterThan(0.998);
    expect(residual).toBeLessThan(1e-4 * value);
  }
});

it('calls the kernel of dependent contexts singular', async () => {
  const token = normals(3, 2);
  const contexts = [centred(1, 2), centred(3, 1), centred(2, 1.5)];
  const state = { contexts, tokens: contexts.map(() => token) };
  const kernel = await averagedKernel(heads, state);
  const { value, rounding, lower } = await certifiedSmallestEigenvalue(kernel);
  expect(value).toBeLessThan(rounding);
  expect(lower).toBe(0);
});
