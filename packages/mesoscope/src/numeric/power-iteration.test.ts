import { expect, it } from 'vitest';
import { fromRows, multiplyVector } from './matrix.ts';
import { powerIteration } from './power-iteration.ts';

it('finds the eigenvalue of largest modulus with its sign, from below', () => {
  const a = fromRows([
    [1, 2],
    [2, -4],
  ]);
  const exact = -1.5 - Math.sqrt(10.25);
  const apply = (v: Float64Array) => multiplyVector(a, v);
  for (const tolerance of [1e-2, 1e-6, 1e-14]) {
    const { value, settled } = powerIteration(apply, Float64Array.of(1, 1), { tolerance });
    expect(settled).toBe(true);
    expect(value).toBeGreaterThanOrEqual(exact - 1e-14);
    expect(Math.abs(value - exact)).toBeLessThan(10 * tolerance);
  }
});

it('says when it has not settled, and takes the zero map for what it is', () => {
  const turning = fromRows([
    [1, 0],
    [0, -1],
  ]);
  const apply = (v: Float64Array) => multiplyVector(turning, v);
  expect(powerIteration(apply, Float64Array.of(1, 0.5), { iterations: 3 }).settled).toBe(false);
  expect(powerIteration((v) => v.map(() => 0), Float64Array.of(1, 2)).value).toBe(0);
});

it('works at scales whose squares overflow or vanish', () => {
  for (const scale of [1e-200, 1e200]) {
    const { value } = powerIteration(
      (v) => v.map((x, i) => scale * (2 - i) * x),
      Float64Array.of(1, 1),
    );
    expect(Math.abs(value / (2 * scale) - 1)).toBeLessThan(1e-6);
  }
});
