import { expect, it } from 'vitest';
import { randomStream } from './random.ts';
import { type LinearMap, smallestEigenpair } from './smallest-eigenpair.ts';

const n = 200;
const start = randomStream(1, 'start').normals(new Float64Array(n));

/** Second differences with zero ends: eigenvalues `2 − 2 cos(πk/(n+1))`. */
const laplacian: LinearMap = (v, out) => {
  for (let i = 0; i < n; i++) out[i] = 2 * v[i] - (v[i - 1] ?? 0) - (v[i + 1] ?? 0);
};
const smallest = 2 - 2 * Math.cos(Math.PI / (n + 1));

/** `A⁻¹` by elimination on the tridiagonal matrix. */
const inverse: LinearMap = (v, out) => {
  const pivots = new Float64Array(n);
  pivots[0] = 2;
  out[0] = v[0];
  for (let i = 1; i < n; i++) {
    pivots[i] = 2 - 1 / pivots[i - 1];
    out[i] = v[i] + out[i - 1] / pivots[i - 1];
  }
  out[n - 1] /= pivots[n - 1];
  for (let i = n - 2; i >= 0; i--) out[i] = (out[i] + out[i + 1]) / pivots[i];
};

it('finds the smallest eigenvalue of a known matrix, with its vector and residual', async () => {
  const options = { apply: laplacian, start, tolerance: 1e-6, iterations: 2000 };
  const found = await smallestEigenpair(options);
  expect(found.status).toBe('converged');
  expect(found.value / smallest - 1).toBeLessThan(1e-9);
  expect(found.value).toBeGreaterThanOrEqual(smallest * (1 - 1e-10));
  const expected = Float64Array.from({ length: n }, (_, i) =>
    Math.sin((Math.PI * (i + 1)) / (n + 1)),
  );
  const cosine =
    found.vector.reduce((sum, x, i) => sum + x * expected[i], 0) / Math.sqrt((n + 1) / 2);
  expect(Math.abs(cosine)).toBeCloseTo(1, 8);
});

it('needs few iterations with a good preconditioner', async () => {
  const found = await smallestEigenpair({ apply: laplacian, precondition: inverse, start });
  expect(found.status).toBe('converged');
  expect(found.iterations).toBeLessThan(15);
});

it('says where it stopped', async () => {
  const few = await smallestEigenpair({ apply: laplacian, start, iterations: 3 });
  expect(few.status).toBe('iteration-limit');
  expect(few.value).toBeGreaterThan(smallest);
  /** Takes the mean out: constants are its null space. */
  const centre: LinearMap = (v, out) => {
    const mean = v.reduce((sum, x) => sum + x, 0) / n;
    for (let i = 0; i < n; i++) out[i] = v[i] - mean;
  };
  const none = await smallestEigenpair({ apply: centre, start, floor: 1e-12 });
  expect(none.status).toBe('at-floor');
});
