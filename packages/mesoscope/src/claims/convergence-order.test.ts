import { describe, expect, it } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import { fitOrder } from './convergence-order.ts';

const layers = [8, 16, 32, 64, 128, 256, 512];
const order = (y: (L: number, seed: number) => number) =>
  fitOrder({ x: layers, y: [0, 1, 2, 3].map((seed) => layers.map((L) => y(L, seed))) });
const contains = ([low, high]: readonly [number, number], value: number) =>
  low <= value && value <= high;

describe('fitOrder', () => {
  it('is exact on a power', () => {
    const fit = order((L, seed) => (1 + seed) / L);
    expect(fit.slope).toBeCloseTo(-1, 12);
    expect(fit.preasymptotic).toBeLessThan(1e-12);
  });

  it('contains the order in spite of a preasymptotic term, of either sign', () => {
    for (const c of [-2, -0.5, 0.5, 3]) {
      const fit = order((L, seed) => ((1 + seed) / L) * (1 + c / L));
      expect(contains(fit.interval, -1)).toBe(true);
      expect(contains(fit.statistical, -1)).toBe(false);
    }
  });

  it('does not contain a wrong order', () => {
    expect(contains(order((L) => L ** -0.9 * (1 + 1 / L)).interval, -1)).toBe(false);
    expect(contains(order((L) => L ** -2).interval, -1)).toBe(false);
    expect(contains(order((L) => 0.1 + 1 / L).interval, -1)).toBe(false);
  });

  it('covers with noise over seeds', () => {
    let covered = 0;
    for (let trial = 0; trial < 200; trial++) {
      const random = randomStream(trial, 'noise');
      const noise = layers.map(() => layers.map(() => Math.exp(0.1 * random.normal())));
      const fit = order((L, seed) => (1 / L) * noise[seed][layers.indexOf(L)]);
      if (contains(fit.interval, -1)) covered++;
    }
    expect(covered / 200).toBeGreaterThan(0.93);
  });

  it('judges one seed by how its own slope moves', () => {
    const single = (scales: number[], y: (L: number) => number) =>
      fitOrder({ x: scales, y: [scales.map(y)] }).interval;
    for (const scales of [layers.slice(0, 4), layers.slice(0, 5), layers]) {
      for (const c of [-2, -0.5, 0.5, 3]) {
        expect(
          contains(
            single(scales, (L) => (1 + c / L) / L),
            -1,
          ),
        ).toBe(true);
      }
      expect(
        contains(
          single(scales, (L) => L ** -0.9),
          -1,
        ),
      ).toBe(false);
      expect(
        contains(
          single(scales, (L) => 0.1 + 1 / L),
          -1,
        ),
      ).toBe(false);
    }
  });

  it('refuses too few scales', () => {
    expect(() => fitOrder({ x: [1, 2, 3], y: [[1, 2, 3]] })).toThrow('at least 4');
  });
});
