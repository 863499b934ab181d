import { expect, it } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import { exponential, exponentialError, gamma, unitRoundoff } from './rounding.ts';

const bits = 200n;
const one = 1n << bits;

/** A double as a whole number of 2⁻²⁰⁰, which is exact for |x| ≥ 2⁻¹⁴⁰. */
function fixed(x: number): bigint {
  const scaled = x * 2 ** 60;
  const whole = Math.trunc(scaled);
  return (BigInt(whole) << 140n) + (BigInt(Math.trunc((scaled - whole) * 2 ** 53)) << 87n);
}

/** e^x in fixed point, by halving the argument, Taylor's series and squaring. */
function oracle(x: number): bigint {
  let r = fixed(x) >> 12n;
  let term = one;
  let sum = one;
  for (let k = 1n; term !== 0n && k < 80n; k++) {
    term = ((term * r) >> bits) / k;
    sum += term;
  }
  r = sum;
  for (let i = 0; i < 12; i++) r = (r * r) >> bits;
  return r;
}

it('the exponential is within its bound of an oracle of 200 bits', () => {
  const random = randomStream(1, 'exponential');
  let worst = 0;
  for (let trial = 0; trial < 3000; trial++) {
    const x = trial % 3 === 0 ? random.normal() * 1e-3 : random.normal() * 8;
    if (x < -30 || x > 30) continue;
    const exact = oracle(x);
    const error = Number(((fixed(exponential(x)) - exact) * (1n << 70n)) / exact) / 2 ** 70;
    worst = Math.max(worst, Math.abs(error));
  }
  expect(worst).toBeLessThan(exponentialError);
  expect(worst).toBeGreaterThan(unitRoundoff / 4);
});

it('the exponential is right at its ends', () => {
  expect(exponential(0)).toBe(1);
  expect(exponential(1)).toBeCloseTo(Math.E, 15);
  expect(exponential(-701)).toBe(0);
  expect(exponential(701)).toBe(Number.POSITIVE_INFINITY);
  for (const x of [-700, -345.6, 345.6, 700]) {
    expect(Math.abs(exponential(x) / Math.exp(x) - 1)).toBeLessThan(2 * exponentialError);
  }
});

it('γ bounds what many roundings do', () => {
  let sum = 0;
  for (let i = 0; i < 1000; i++) sum += 0.1;
  expect(Math.abs(sum / 100 - 1)).toBeLessThan(gamma(1001));
  expect(gamma(1000)).toBeGreaterThan(1000 * unitRoundoff);
});
