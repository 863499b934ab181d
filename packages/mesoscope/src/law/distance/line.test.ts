import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalQuantile } from '../../numeric/distributions.ts';
import { box, dirac, gaussian, gridLaw, mixture, particles } from '../law.ts';
import { lineWasserstein } from './line.ts';

describe('lineWasserstein', () => {
  it('Dirac laws, boxes, translations', () => {
    expect(lineWasserstein(dirac([1]), dirac([-2]), { order: 1 }).value).toBe(3);
    expect(lineWasserstein(dirac([0]), box([0], [1]), { order: 1 }).value).toBe(0.5);
    expect(lineWasserstein(dirac([0]), box([0], [1])).value).toBeCloseTo(Math.sqrt(1 / 3), 15);
    // The point in the middle: ∫|u − ½| = ¼, ∫(u − ½)² = 1/12.
    expect(lineWasserstein(dirac([0.5]), box([0], [1]), { order: 1 }).value).toBe(0.25);
    expect(lineWasserstein(dirac([0.5]), box([0], [1])).value).toBeCloseTo(Math.sqrt(1 / 12), 15);
    // Centres 0.5 and 4, widths 1 and 4: 3.5² + 3²/12.
    expect(lineWasserstein(box([0], [1]), box([2], [6])).value).toBeCloseTo(
      Math.sqrt(12.25 + 0.75),
      14,
    );
  });

  it('weights split over several targets', () => {
    const mu = particles([[2], [0]], [0.4, 0.6]);
    const nu = particles([[1], [5]], [0.5, 0.5]);
    // 0.5 from 0 to 1, 0.1 from 0 to 5, 0.4 from 2 to 5.
    expect(lineWasserstein(mu, nu, { order: 1 }).value).toBeCloseTo(0.5 + 0.5 + 1.2, 15);
    expect(lineWasserstein(mu, nu).value).toBeCloseTo(Math.sqrt(0.5 + 2.5 + 3.6), 14);
  });

  it('a grid density against the box it refines, against itself, and with empty cells', () => {
    const grid = gridLaw([{ low: 0, high: 6, cells: 4 }], [0.25, 0.25, 0.25, 0.25]);
    expect(lineWasserstein(grid, box([0], [6])).value).toBeLessThan(1e-15);
    const gap = gridLaw([{ low: 0, high: 3, cells: 3 }], [0.5, 0, 0.5]);
    expect(lineWasserstein(gap, box([0], [3]), { order: 1 }).value).toBeCloseTo(0.25, 14);
  });

  it('W_1 is the area between the distribution functions', () => {
    const point = fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 9 }));
    const cloud = fc.array(point, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(cloud, cloud, (first, second) => {
        const total = (pairs: [number, number][]) => pairs.reduce((sum, [, w]) => sum + w, 0);
        const law = (pairs: [number, number][]) =>
          particles(
            pairs.map(([x]) => [x]),
            pairs.map(([, w]) => w / total(pairs)),
          );
        const below = (pairs: [number, number][], t: number) =>
          total(pairs.filter(([x]) => x <= t)) / total(pairs);
        let area = 0;
        for (let t = -50; t < 50; t++) area += Math.abs(below(first, t) - below(second, t));
        expect(lineWasserstein(law(first), law(second), { order: 1 }).value).toBeCloseTo(area, 11);
      }),
    );
  });

  it('Gaussians: closed form, and a fine quantile sample close to it', () => {
    const [mu, nu] = [gaussian([1], [[4]]), gaussian([-2], [[0.25]])];
    expect(lineWasserstein(mu, nu).value).toBeCloseTo(Math.hypot(3, 1.5), 15);
    const n = 4000;
    const sample = particles(
      Array.from({ length: n }, (_, i) => [1 + 2 * normalQuantile((i + 0.5) / n)]),
    );
    expect(lineWasserstein(sample, nu).value).toBeCloseTo(Math.hypot(3, 1.5), 3);
    expect(lineWasserstein(nu, sample).value).toBe(lineWasserstein(sample, nu).value);
    expect(lineWasserstein(sample, mu).value).toBeLessThan(0.05);
  });

  it('weighted particles against a Gaussian, by numerical integration of the quantile functions', () => {
    const law = particles([[0.3], [-1], [4]], [0.2, 0.5, 0.3]);
    const target = gaussian([0.5], [[2.25]]);
    const quantile = (u: number) => (u < 0.5 ? -1 : u < 0.7 ? 0.3 : 4);
    // Substituting u = Φ(z): midpoint sums over z split at the jumps converge fast.
    let square = 0;
    const breaks = [-12, normalQuantile(0.5), normalQuantile(0.7), 12];
    for (let piece = 0; piece < 3; piece++) {
      const steps = 20_000;
      const width = (breaks[piece + 1] - breaks[piece]) / steps;
      for (let k = 0; k < steps; k++) {
        const z = breaks[piece] + (k + 0.5) * width;
        const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
        square += width * density * (quantile([0.2, 0.6, 0.9][piece]) - 0.5 - 1.5 * z) ** 2;
      }
    }
    expect(lineWasserstein(law, target).value).toBeCloseTo(Math.sqrt(square), 6);
  });

  it('refuses the plane and what it has no formula for', () => {
    expect(() => lineWasserstein(dirac([0, 0]), dirac([0, 0]))).toThrow(/shape/);
    const twice = mixture([{ weight: 1, law: box([0], [1]) }]);
    expect(() => lineWasserstein(twice, dirac([0]))).toThrow(/sampleLaw/);
    expect(() => lineWasserstein(gaussian([0], [[1]]), dirac([0]), { order: 1 })).toThrow(
      /gaussian/,
    );
  });
});
