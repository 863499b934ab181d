import { describe, expect, it } from 'vitest';
import { randomStream } from '../../numeric/random.ts';
import { arePositive, checkOrder, contains } from './order-check.ts';

const x = [16, 32, 64, 128, 256, 512];

/** Rows `C x^order (1 + c/x)`, times noise that differs from row to row. */
function rows(order: number, { groups = 8, noise = 0, correction = 0 }) {
  const random = randomStream(3, 'noise of orders');
  return Array.from({ length: groups }, () =>
    x.map((N) => 2 * N ** order * (1 + correction / N) * Math.exp(noise * random.normal())),
  );
}

describe('an order beside the expected one', () => {
  it.each([-1, -0.5])(
    'agrees with noisy powers of order %f and is told from its neighbours',
    (order) => {
      const check = checkOrder('order', order, x, rows(order, { noise: 0.1 }));
      expect(check.slope).toBeCloseTo(order, 1);
      expect(check).toMatchObject({ name: 'order', expected: order, agrees: true, resolved: true });
    },
  );

  it('agrees where the coarser scales still bend, and only there is widened', () => {
    const exact = checkOrder('order', -1, x, rows(-1, {}));
    const bent = checkOrder('order', -1, x, rows(-1, { correction: 8 }));
    expect(exact.slope).toBeCloseTo(-1, 12);
    expect(exact.interval[1] - exact.interval[0]).toBeLessThan(1e-10);
    expect(bent.slopeOfAll).toBeLessThan(bent.slope);
    expect(bent).toMatchObject({ agrees: true, resolved: true });
  });

  it.each([-0.9, -0.75, -0.5, 0])('disagrees with powers of another order, %f', (order) => {
    expect(checkOrder('order', -1, x, rows(order, { noise: 0.02 })).agrees).toBe(false);
  });

  it.each([-1.5, -0.5])(
    'is not told from the neighbour of order %f where that is what is seen',
    (order) => {
      expect(checkOrder('order', -1, x, rows(order, { noise: 0.02 })).resolved).toBe(false);
    },
  );

  it('is not resolved where noise reaches the neighbouring orders', () => {
    const check = checkOrder('order', -1, x, rows(-1, { groups: 3, noise: 1 }));
    expect(check.interval[1] - check.interval[0]).toBeGreaterThan(0.5);
    expect(check.resolved).toBe(false);
  });
});

it('contains both ends of an interval', () => {
  expect([0.9, 1, 1.5, 2, 2.1].map((value) => contains([1, 2], value))).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
});

it('knows values without a logarithm', () => {
  expect(arePositive([[1, 2], [3]])).toBe(true);
  for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(arePositive([[1, 2], [bad]])).toBe(false);
  }
});
