import { expect, it } from 'vitest';
import { gaussian, type Law, particles } from '../law/law.ts';
import { singularValueDecomposition } from '../numeric/decompositions.ts';
import { zeros } from '../numeric/matrix.ts';
import { kernelSpectrum } from './attention-kernel.ts';
import { testInjectivity } from './injectivity.ts';
import { ensembleLayout, headsAt, randomEnsemble } from './parameters.ts';
import { kernelBounds, streamInjectivity } from './streamed-injectivity.ts';
import { extremeSingularValues, streamedTriangle } from './streamed-triangle.ts';
import { normals } from './test-support.ts';

const clouds = (count: number): Law[] =>
  Array.from({ length: count }, (_, i) =>
    particles({ rows: 5, columns: 2, data: normals(100 + i, 10) }),
  );

it.each([
  [9, 9],
  [131, 20],
  [260, 150],
])('keeps the singular values of %i × %i streamed rows', (rows, columns) => {
  const A = { ...zeros(rows, columns), data: normals(1, rows * columns) };
  for (let i = 0; i < rows; i++) A.data[i * columns + 2] *= 1e-7;
  const triangle = streamedTriangle(columns);
  for (let i = 0; i < rows; i++) triangle.add(A.data.subarray(i * columns, (i + 1) * columns));
  const { values } = singularValueDecomposition(A);
  const { smallest, largest } = extremeSingularValues(triangle.finish());
  expect(Math.abs(smallest / values[columns - 1] - 1)).toBeLessThan(1e-8);
  expect(largest / values[0]).toBeGreaterThan(0.98);
});

it.each(['affine', 'constant'] as const)('agrees with the whole design modulo %s', (modulo) => {
  const contexts = clouds(6);
  const options = { modulo, probes: 60 };
  const whole = testInjectivity(contexts, options);
  const streamed = streamInjectivity(contexts, options);
  expect(streamed.verdict).toBe('independent');
  expect(Math.abs(streamed.smallest / whole.singularValues[5] - 1)).toBeLessThan(1e-7);
});

it('names a dependency', () => {
  const make = (a: number, b: number) =>
    gaussian(
      [0, 0],
      [
        [a, 0],
        [0, b],
      ],
    );
  const { verdict, coefficients: c } = streamInjectivity([make(1, 2), make(3, 1), make(2, 1.5)]);
  expect(verdict).toBe('dependent');
  expect(c[0] / c[2]).toBeCloseTo(-0.5, 7);
});

it('brackets the smallest eigenvalue of the kernel', () => {
  const layout = ensembleLayout({ dimension: 2, keyDimension: 2, layers: 1, heads: 24 });
  const heads = headsAt(layout, randomEnsemble(layout, 1), 0);
  const contexts = clouds(8);
  const tokens = contexts.map((_, i) => normals(i, 2));
  const { smallest } = kernelSpectrum(heads, { contexts, tokens });
  const { lower, upper } = kernelBounds(heads, { contexts, tokens });
  expect(lower).toBeGreaterThan(0);
  expect(lower).toBeLessThanOrEqual(smallest);
  expect(upper).toBeGreaterThanOrEqual(smallest);
});
