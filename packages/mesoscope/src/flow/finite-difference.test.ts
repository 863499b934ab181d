import { expect, it } from 'vitest';
import { directionalDerivative, finiteDifferenceGradient } from './finite-difference.ts';

const x = Float64Array.of(0.3, -1.2, 2);
const value = () => Math.exp(x[0]) * Math.sin(3 * x[1]) + x[2] ** 3;
const exact = () => [
  Math.exp(x[0]) * Math.sin(3 * x[1]),
  3 * Math.exp(x[0]) * Math.cos(3 * x[1]),
  3 * x[2] ** 2,
];

it('finds a derivative to 1e-11 and does not claim more than it knows', () => {
  const direction = [1, -2, 0.5];
  const expected = exact().reduce((sum, g, i) => sum + g * direction[i], 0);
  const { derivative, error } = directionalDerivative(value, x, direction);
  expect(Math.abs(derivative - expected)).toBeLessThan(1e-11 * Math.abs(expected));
  expect(error).toBeLessThan(1e-9);
});

it('finds the whole gradient and leaves x bitwise as it was', () => {
  const before = x.slice();
  finiteDifferenceGradient(value, x).forEach((g, i) => {
    expect(g).toBeCloseTo(exact()[i], 9);
  });
  expect(x).toEqual(before);
});

it('says how far off it is where there is noise', () => {
  let turn = 0;
  const noisy = () => value() + 1e-6 * (turn++ % 2);
  const { derivative, error } = directionalDerivative(noisy, x, [0, 0, 1]);
  expect(Math.abs(derivative - 12)).toBeLessThan(100 * error + 1e-3);
  expect(error).toBeGreaterThan(1e-9);
});

it('restores x when the function throws', () => {
  const before = x.slice();
  expect(() =>
    directionalDerivative(
      () => {
        throw new Error('no value');
      },
      x,
      [1, 0, 0],
    ),
  ).toThrow('no value');
  expect(x).toEqual(before);
});

it('refuses a direction that leads nowhere', () => {
  expect(() => directionalDerivative(value, x, [0, 0, 0])).toThrow('not zero');
  expect(() => directionalDerivative(value, x, [1])).toThrow('shape');
});
