import { describe, expect, it } from 'vitest';
import { uniformLogMoment, uniformTiltedMean, uniformTiltedVariance } from './uniform-tilt.ts';

// Exact values: mpmath with 50 digits.
describe('tilting of the uniform law on [−1, 1]', () => {
  it.each([
    [1e-150, 1.6666666666666667e-301, 3.3333333333333334e-151, 0.3333333333333333],
    [1e-8, 1.6666666666666667e-17, 3.3333333333333334e-9, 0.3333333333333333],
    [0.01, 1.666661111146384e-5, 0.0033333111113227495, 0.3333266667724853],
    [0.5, 0.041324854612918106, 0.16395341373865285, 0.3173056231688307],
    [0.9999, 0.16140805942235384, 0.31300769117262, 0.2759481951225313],
    [1, 0.16143936157119562, 0.3130352854993313, 0.27593833903368953],
    [1.7, 0.4422817020967049, 0.48081570338364554, 0.20315072598716602],
    [20, 16.311120545886062, 0.95, 0.002499999999999983],
    [1e5, 99987.79392735448, 0.99999, 1e-10],
  ])('at %s', (x, logMoment, mean, variance) => {
    expect(Math.abs(uniformLogMoment(x) / logMoment - 1)).toBeLessThan(3e-15);
    expect(Math.abs(uniformTiltedMean(x) / mean - 1)).toBeLessThan(3e-15);
    expect(Math.abs(uniformTiltedVariance(x) / variance - 1)).toBeLessThan(3e-15);
    expect(uniformTiltedMean(-x)).toBe(-uniformTiltedMean(x));
    expect(uniformLogMoment(-x)).toBe(uniformLogMoment(x));
  });

  it('at 0', () => {
    expect([uniformLogMoment(0), uniformTiltedMean(0), uniformTiltedVariance(0)]).toEqual([
      0,
      0,
      1 / 3,
    ]);
  });
});
