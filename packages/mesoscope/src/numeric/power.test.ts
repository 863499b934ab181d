import { expect, it } from 'vitest';
import { positivePower, wholePower } from './power.ts';

it('multiplies', () => {
  expect(wholePower(0.9, 0)).toBe(1);
  expect(wholePower(3, 5)).toBe(243);
  expect(wholePower(-2, 3)).toBe(-8);
  expect(wholePower(0, 0)).toBe(1);
  expect(wholePower(0.999, 1000) / 0.999 ** 1000 - 1).toBeCloseTo(0, 12);
});

it('takes roots and fractional powers of positive numbers', () => {
  expect(positivePower(2, 0.5)).toBeCloseTo(Math.SQRT2, 14);
  expect(positivePower(1e-300, 1 / 5)).toBeCloseTo(1e-60, 70);
  expect(positivePower(7, 0)).toBe(1);
});
