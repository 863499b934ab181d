import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { slicedWasserstein } from '../../law/distance/sliced.ts';
import { particles } from '../../law/law.ts';
import { lawCovariance, lawMean, momentMatchedGaussian } from '../../law/moments.ts';
import { sampleLaw } from '../../law/sample.ts';
import { frobeniusNorm, type Matrix, trace } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { createCloudMeter, slicedDistance } from './measure-cloud.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

function cloud(n: number, d: number, index = 0): Matrix {
  const data = randomStream(3, 'cloud to measure', index).normals(new Float64Array(n * d));
  return { rows: n, columns: d, data: data.map((x, k) => (1 + (k % d)) * x + 2) };
}

const measure = (points: Matrix, options = {}) =>
  backend.scoped(() =>
    createCloudMeter(backend, points, options).measure({ layer: 0, points, tilt: 1.5 }),
  );

// More tokens than directions, fewer, and fewer than dimensions.
describe.each([
  [150, 3],
  [40, 6],
  [30, 48],
])('a cloud of %i tokens in R^%i', (n, d) => {
  const points = cloud(n, d);

  it('has the same distance and null where only these are measured', () => {
    const found = measure(points);
    const alone = slicedDistance(points);
    for (const name of ['sliced', 'nullMean', 'nullHigh'] as const) {
      expect(alone[name] / found[name]).toBeCloseTo(1, 10);
    }
  });

  it('has its moments, effective rank and tilt', () => {
    const law = particles(points);
    const found = measure(points);
    const covariance = lawCovariance(law);
    expect(found.mean).toBeCloseTo(Math.hypot(...lawMean(law)), 10);
    expect(found.trace / trace(covariance)).toBeCloseTo(1, 12);
    expect(found.effectiveRank).toBeCloseTo(
      (trace(covariance) / frobeniusNorm(covariance)) ** 2,
      9,
    );
    expect(found.tiltRatio).toBeCloseTo(1.5 / Math.sqrt(2 * Math.log(n)), 14);
  });

  it('has the distance and the null that samples of the matched Gaussian have', () => {
    const matched = momentMatchedGaussian(particles(points));
    const unit = Math.sqrt(trace(matched.covariance) / d);
    const found = measure(points, { directions: 128, repetitions: 60 });
    const direct = slicedWasserstein(particles(points), matched, { directions: 4000 }).value / unit;
    expect(Math.abs(found.sliced / direct - 1)).toBeLessThan(0.15);
    const nulls = Array.from({ length: 60 }, (_, k) => {
      const sample = particles(sampleLaw(matched, n, randomStream(9, 'null', k)));
      return (
        slicedWasserstein(sample, momentMatchedGaussian(sample), { directions: 64 }).value / unit
      );
    });
    const mean = nulls.reduce((sum, value) => sum + value, 0) / 60;
    const deviation = Math.sqrt(nulls.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 59);
    // Both means have the error deviation/√60, and directions of their own.
    expect(Math.abs(found.nullMean - mean)).toBeLessThan(0.7 * deviation + 0.05 * mean);
    expect(found.nullHigh).toBeGreaterThan(found.nullMean);
  });
});

it('a cloud that is not Gaussian lies far above its null', () => {
  const points = cloud(200, 4);
  const split = { ...points, data: points.data.map((x) => x + 12 * Math.sign(x - 2)) };
  const found = measure(split);
  expect(found.sliced).toBeGreaterThan(found.nullHigh);
  expect(found.coordinates - found.coordinatesNull).toBeGreaterThan(0.2);
  expect(found.normDeviations).toBeLessThan(-4);
  expect(found.kurtosis).toBeLessThan(1e-3);
});
