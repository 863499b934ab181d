import { describe, expect, it } from 'vitest';
import { binomialInterval, fitLine, fitRate, meanInterval } from './fit.ts';
import { randomStream } from './random.ts';

describe('fitLine', () => {
  it('agrees with a worked example', () => {
    // Anscombe's first data set: slope 0.5001, intercept 3.0001, their standard errors 0.1179 and 1.1247.
    const x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5];
    const y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
    const fit = fitLine(x, y);
    expect(fit.slope).toBeCloseTo(0.5000909, 7);
    expect(fit.intercept).toBeCloseTo(3.0000909, 7);
    const t9 = 2.2621571628;
    expect(fit.slopeInterval![1] - fit.slope).toBeCloseTo(t9 * 0.1179055, 6);
    expect(fit.interceptInterval![1] - fit.intercept).toBeCloseTo(t9 * 1.124747, 5);
    expect(fit.residualDeviation).toBeCloseTo(1.236603, 6);
  });

  it('covers the true slope with the stated confidence', () => {
    const repetitions = 4000;
    let covered = 0;
    for (let seed = 0; seed < repetitions; seed++) {
      const noise = randomStream(11, 'line', seed);
      const x = [0, 1, 2, 3, 5];
      const fit = fitLine(
        x,
        x.map((v) => 2 - 3 * v + 0.3 * noise.normal()),
        { confidence: 0.9 },
      );
      const [low, high] = fit.slopeInterval!;
      if (low <= -3 && -3 <= high) covered++;
    }
    const [low, high] = binomialInterval(covered, repetitions, { confidence: 0.9999 });
    expect(low).toBeLessThan(0.9);
    expect(high).toBeGreaterThan(0.9);
  });

  it('has no interval for two points', () => {
    expect(fitLine([0, 1], [1, 3])).toMatchObject({ slope: 2, intercept: 1, slopeInterval: null });
  });

  it('refuses equal abscissae, unequal lengths and numbers that are not finite', () => {
    expect(() => fitLine([1, 1], [0, 1])).toThrow(/at least two different values/);
    expect(() => fitLine([1, 2], [0])).toThrow(/received shape \[1\]/);
    expect(() => fitLine([1, 2], [0, Number.NaN])).toThrow(/entry 1 is NaN/);
  });
});

describe('fitRate', () => {
  it('recovers an exact power law', () => {
    const x = [8, 16, 32, 64];
    const fit = fitRate({ x, y: [x.map((v) => 5 * v ** -1.5)] });
    expect(fit.slope).toBeCloseTo(-1.5, 12);
    expect(fit.constant).toBeCloseTo(5, 11);
    expect(fit.interval![1] - fit.interval![0]).toBeLessThan(1e-12);
  });

  it('covers the true rate over seeds with the stated confidence', () => {
    const x = [10, 100, 1000];
    const repetitions = 2000;
    let covered = 0;
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const noise = randomStream(12, 'rate', repetition);
      const y = Array.from({ length: 5 }, () =>
        x.map((v) => v ** -0.5 * Math.exp(0.2 * noise.normal())),
      );
      const [low, high] = fitRate({ x, y }).interval!;
      if (low <= -0.5 && -0.5 <= high) covered++;
    }
    const [low, high] = binomialInterval(covered, repetitions, { confidence: 0.9999 });
    expect(low).toBeLessThan(0.95);
    expect(high).toBeGreaterThan(0.95);
  });

  it('refuses values that have no logarithm, naming them', () => {
    expect(() => fitRate({ x: [1, 2], y: [[1, 0]] })).toThrow(/y\[0\]\[1\]: received 0/);
    expect(() => fitRate({ x: [1, 2], y: [] })).toThrow(/at least 1 seed/);
  });
});

describe('meanInterval', () => {
  it('agrees with the textbook formula', () => {
    const { mean, deviation, interval } = meanInterval([1, 2, 3, 4]);
    expect(mean).toBe(2.5);
    expect(deviation).toBeCloseTo(1.2909944487, 9);
    expect(interval![1]).toBeCloseTo(2.5 + (3.1824463053 * 1.2909944487) / 2, 8);
  });

  it('has no interval for one value and refuses none', () => {
    expect(meanInterval([3]).interval).toBeNull();
    expect(() => meanInterval([])).toThrow(/at least 1/);
  });
});

describe('binomialInterval', () => {
  it('agrees with 20-digit values', () => {
    const [low, high] = binomialInterval(3, 20);
    expect(low).toBeCloseTo(0.03207093718546371, 13);
    expect(high).toBeCloseTo(0.37892682654531396, 13);
    const [low2, high2] = binomialInterval(950, 1000);
    expect(low2).toBeCloseTo(0.9346095120845064, 12);
    expect(high2).toBeCloseTo(0.9626646023953382, 12);
  });

  it('reaches 0 and 1 at the ends', () => {
    expect(binomialInterval(0, 10)[0]).toBe(0);
    expect(binomialInterval(10, 10)[1]).toBe(1);
    // (α/2)^(1/n) for n successes of n.
    expect(binomialInterval(10, 10)[0]).toBeCloseTo(0.025 ** 0.1, 12);
  });

  it('refuses counts that are not counts', () => {
    expect(() => binomialInterval(3, 2)).toThrow(/from 0 to 2/);
    expect(() => binomialInterval(0, 0)).toThrow(/trials/);
  });
});
