import { expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { algebraicDecay, degenerate } from './algebraic-decay.ts';
import { contains } from './order-check.ts';

it('follows ṡ = −s⁵/2 to its limit, with exponent 5/6 and rate 3/2', async () => {
  const backend = await createWasmBackend();
  const decay = algebraicDecay(backend);
  backend.dispose();
  const { times, excess, slopes } = decay;
  // s^{-4} = s_0^{-4} + 2τ; the cubic term of tanh changes this by O(s²).
  const from = excess.findIndex((value) => value <= 1e-6);
  const s0 = (4 * excess[from]) ** (1 / 6);
  for (let k = from; k < times.length; k += 50) {
    const s = (s0 ** -4 + 2 * (times[k] - times[from])) ** (-1 / 4);
    expect(excess[k] / (s ** 6 / 4)).toBeGreaterThan(1 - s0 ** 2);
    expect(excess[k] / (s ** 6 / 4)).toBeLessThan(1 + s0 ** 2);
    expect(Math.abs(slopes[k] / ((Math.sqrt(3) / 2) * s ** 5) - 1)).toBeLessThan(s0 ** 2);
  }
  expect(contains(decay.exponentInterval, degenerate.exponent)).toBe(true);
  expect(contains(decay.rateInterval, degenerate.rate)).toBe(true);
  // Neighbours that a wrong degree of degeneracy would give: a = 3/4 and t^{-2} for a product of two, a = 7/8 of four.
  for (const other of [3 / 4, 7 / 8]) expect(contains(decay.exponentInterval, other)).toBe(false);
  for (const other of [2, 4 / 3]) expect(contains(decay.rateInterval, other)).toBe(false);
  expect(decay.timeRatio).toBeCloseTo(1, 1);
});
