import { describe, expect, it } from 'vitest';
import { randomStream } from './random.ts';

describe('randomStream', () => {
  it('gives the same numbers for the same key, whatever other streams did', () => {
    const first = randomStream(7, 'tokens', 3).normals(new Float64Array(10));
    randomStream(7, 'other').uniform();
    const stream = randomStream(7, 'tokens', 3);
    const second = Float64Array.from({ length: 10 }, () => {
      randomStream(1, 'between').normal();
      return stream.normal();
    });
    expect(second).toEqual(first);
  });

  it('has pinned first values, so that a change of the generator is noticed', () => {
    const stream = randomStream(1, 'pinned', 2);
    expect([stream.uniform(), stream.uniform()]).toEqual([0.6163443423538284, 0.6284859375141364]);
  });

  it.each([
    [1, 'a', 0, 2, 'a', 0],
    [1, 'a', 0, 1, 'b', 0],
    [1, 'a', 0, 1, 'a', 1],
    [1, 'a1', 0, 1, 'a', 1],
    [0.5, 'a', 0, 0.25, 'a', 0],
    [1, 'a', 0, 2 ** 32 + 1, 'a', 0],
  ])('separates key (%s, %s, %s) from (%s, %s, %s)', (s1, p1, i1, s2, p2, i2) => {
    expect(randomStream(s1, p1, i1).uniform()).not.toBe(randomStream(s2, p2, i2).uniform());
  });

  it('draws uniforms with the right moments and no correlation with the next draw', () => {
    const n = 200_000;
    const u = randomStream(2, 'uniform').uniforms(new Float64Array(n));
    const centred = u.map((x) => x - 0.5);
    expect(Math.min(...u.subarray(0, 100_000))).toBeGreaterThanOrEqual(0);
    expect(Math.max(...u.subarray(0, 100_000))).toBeLessThan(1);
    // Five standard deviations of each statistic.
    expect(Math.abs(mean(centred))).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(mean(centred.map((x) => x * x)) - 1 / 12)).toBeLessThan(
      5 * Math.sqrt(1 / 180 / n),
    );
    const lagged = mean(centred.subarray(1).map((x, i) => x * centred[i]));
    expect(Math.abs(lagged)).toBeLessThan((5 / 12) * Math.sqrt(1 / n));
  });

  it('draws normals with the right moments up to the fourth', () => {
    const n = 400_000;
    const z = randomStream(3, 'normal').normals(new Float64Array(n));
    const moment = (k: number) => mean(z.map((x) => x ** k));
    expect(Math.abs(moment(1))).toBeLessThan(5 * Math.sqrt(1 / n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
  });

  it('gives neighbouring indices and seeds uncorrelated, uniform first draws', () => {
    const n = 50_000;
    for (const first of [
      (i: number) => randomStream(1, 'x', i).uniform() - 0.5,
      (i: number) => randomStream(i, 'x').uniform() - 0.5,
    ]) {
      const draws = Float64Array.from({ length: n }, (_, i) => first(i));
      expect(Math.abs(mean(draws))).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
      const neighbours = mean(draws.subarray(1).map((x, i) => x * draws[i]));
      expect(Math.abs(neighbours)).toBeLessThan((5 / 12) * Math.sqrt(1 / n));
      const counts = new Float64Array(100);
      for (const x of draws) counts[Math.floor((x + 0.5) * 100)]++;
      // Chi-square with 99 degrees of freedom: 99 ± 5·√198.
      const chiSquare = counts.reduce((sum, c) => sum + (c - n / 100) ** 2 / (n / 100), 0);
      expect(Math.abs(chiSquare - 99)).toBeLessThan(5 * Math.sqrt(2 * 99));
    }
  });

  it('draws integers uniformly and shuffles to every order equally often', () => {
    const stream = randomStream(4, 'integers');
    const counts = new Map<string, number>();
    const n = 24_000;
    for (let i = 0; i < n; i++) {
      const order = stream.shuffle([0, 1, 2, 3]).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chiSquare = [...counts.values()].reduce(
      (sum, c) => sum + (c - n / 24) ** 2 / (n / 24),
      0,
    );
    expect(chiSquare).toBeLessThan(23 + 5 * Math.sqrt(46));
    expect(new Set(Array.from({ length: 100 }, () => stream.integer(3)))).toEqual(
      new Set([0, 1, 2]),
    );
  });

  it('refuses a seed that is not a number', () => {
    expect(() => randomStream(Number.NaN, 'x')).toThrow(/must be finite/);
  });
});

function mean(values: Float64Array): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}
