import { describe, expect, it } from 'vitest';
import { gridLaw } from '../../law/law.ts';
import { normalUpperTail } from '../../numeric/distributions.ts';
import { transportDensity } from './finite-volume.ts';
import { transportParticles } from './particles.ts';
import { tiltedMeans } from './tilted-mean.ts';
import { attentionVelocity, type TokenVelocity } from './velocity.ts';

function gaussianGrid(cells: number, mean: number, deviation: number, half = 6) {
  const h = (2 * half) / cells;
  const below = (x: number) => 1 - normalUpperTail((x - mean) / deviation);
  const masses = Float64Array.from(
    { length: cells },
    (_, k) => below(-half + (k + 1) * h) - below(-half + k * h),
  );
  const total = masses.reduce((a, b) => a + b, 0);
  return gridLaw(
    [{ low: -half, high: half, cells }],
    masses.map((m) => m / total),
  );
}

describe('transport of one-token laws', () => {
  it('moves the mean and deviation of a Gaussian under −x as the exponential says', () => {
    const contraction: TokenVelocity = {
      dimension: 1,
      write(points, _law, out) {
        points.forEach((x, i) => {
          out[i] = -x;
        });
      },
    };
    const errors = [64, 128, 256].map((cells) => {
      const { law, massError, boundaryMass } = transportDensity(
        contraction,
        gaussianGrid(cells, 1, 0.8),
        { horizon: 0.5 },
      );
      expect(Math.abs(massError)).toBeLessThan(1e-13);
      expect(boundaryMass).toBeLessThan(1e-6);
      const { points, weights } = law.centres;
      const mean = weights.reduce((sum, w, i) => sum + w * points.data[i], 0);
      const second = weights.reduce((sum, w, i) => sum + w * points.data[i] ** 2, 0);
      return [
        Math.abs(mean - Math.exp(-0.5)),
        Math.abs(Math.sqrt(second - mean ** 2) - 0.8 * Math.exp(-0.5)),
      ];
    });
    // Order 1: halving the cells halves the errors.
    for (const i of [0, 1]) {
      expect(errors[1][i] / errors[2][i]).toBeGreaterThan(1.7);
      expect(errors[1][i] / errors[2][i]).toBeLessThan(2.4);
      expect(errors[2][i]).toBeLessThan(0.03);
    }
  });

  it('keeps a law Gaussian under its own attention: mean and variance obey their equations', () => {
    // ȳ_m(bx) = mean + σ²bx: with V = v, mean' = v(1 + bσ²) mean, (σ²)' = 2vbσ⁴.
    const [b, v, T] = [0.3, 0.4, 1];
    const velocity = attentionVelocity({ dimension: 1, B: [b], V: [v] });
    const { law } = transportDensity(velocity, gaussianGrid(512, 0.5, 1), { horizon: T });
    const { points, weights } = law.centres;
    const mean = weights.reduce((sum, w, i) => sum + w * points.data[i], 0);
    const variance = weights.reduce((sum, w, i) => sum + w * (points.data[i] - mean) ** 2, 0);
    const exact = 1 / (1 - 2 * v * b * T);
    expect(variance).toBeCloseTo(exact, 1);
    // mean(T) = mean(0) e^{vT} √(σ²(T)/σ²(0)), as b v σ² = (log σ²)'/2.
    expect(mean).toBeCloseTo(0.5 * Math.exp(v * T) * Math.sqrt(exact), 1);
  });

  it('turns particles and densities in the plane the same way', () => {
    const turn: TokenVelocity = {
      dimension: 2,
      write(points, _law, out) {
        for (let i = 0; i < points.length; i += 2) {
          out[i] = -points[i + 1];
          out[i + 1] = points[i];
        }
      },
    };
    const cells = 80;
    const axis = { low: -3, high: 3, cells };
    const masses = new Float64Array(cells * cells);
    for (let i = 0; i < cells; i++) {
      for (let j = 0; j < cells; j++) {
        const [x, y] = [i, j].map((k) => -3 + (6 * (k + 0.5)) / cells);
        masses[i * cells + j] = Math.exp(-((x - 1) ** 2 + y * y) / 0.18);
      }
    }
    const total = masses.reduce((a, c) => a + c, 0);
    const initial = gridLaw(
      [axis, axis],
      masses.map((m) => m / total),
    );
    const { law, massError } = transportDensity(turn, initial, { horizon: Math.PI / 2 });
    expect(Math.abs(massError)).toBeLessThan(1e-12);
    const { points, weights } = law.centres;
    const mean = [0, 1].map((a) =>
      weights.reduce((sum, w, i) => sum + w * points.data[2 * i + a], 0),
    );
    expect(mean[0]).toBeCloseTo(0, 1);
    expect(mean[1]).toBeCloseTo(1, 1);
    const cloud = { points: Float64Array.of(1, 0), weights: Float64Array.of(1) };
    const moved = transportParticles(turn, cloud, { horizon: Math.PI / 2, steps: 50 });
    expect(moved.points[0]).toBeCloseTo(0, 6);
    expect(moved.points[1]).toBeCloseTo(1, 6);
  });

  it('refuses a law of another dimension and a horizon of no length', () => {
    const velocity = attentionVelocity({ dimension: 1, B: [1], V: [1] });
    const initial = gaussianGrid(8, 0, 1);
    expect(() => transportDensity(velocity, initial, { horizon: 0 })).toThrow(/horizon/);
    expect(() => attentionVelocity({ dimension: 2, B: [1], V: [1, 0, 0, 1] })).toThrow(/B/);
  });
});

describe('means of many keys in the plane', () => {
  const cells = 48;
  const axis = Array.from({ length: cells }, (_, i) => -6 + (12 * (i + 0.5)) / cells);
  const points = Float64Array.from(axis.flatMap((u) => axis.flatMap((v) => [u, v])));
  const density = Float64Array.from(
    { length: cells * cells },
    (_, j) => Math.exp(-(points[2 * j] ** 2 + points[2 * j + 1] ** 2)) * (1 + 0.3 * Math.sin(j)),
  );
  const total = density.reduce((sum, w) => sum + w, 0);
  const cloud = { points, weights: density.map((w) => w / total) };

  // A gentle tilt is interpolated, a sharp one made at every point.
  it.each([[[0.3, 0.1, -0.2, 0.2]], [[3, 0.5, -1, 2]]])(
    'are those of every point by itself, B = %j',
    (B) => {
      const all = new Float64Array(points.length);
      tiltedMeans(B, points, cloud, all);
      for (const i of [0, 100, 1000, 1151, 2303]) {
        const here = points.slice(2 * i, 2 * i + 2);
        const mean = [0, 0];
        let sum = 0;
        const [x, y] = here;
        const xi = [B[0] * x + B[1] * y, B[2] * x + B[3] * y];
        for (let j = 0; j < density.length; j++) {
          const [u, v] = [points[2 * j], points[2 * j + 1]];
          const weight = density[j] * Math.exp(xi[0] * u + xi[1] * v);
          sum += weight;
          mean[0] += weight * u;
          mean[1] += weight * v;
        }
        for (const a of [0, 1]) expect(Math.abs(all[2 * i + a] - mean[a] / sum)).toBeLessThan(1e-6);
      }
    },
  );
});
