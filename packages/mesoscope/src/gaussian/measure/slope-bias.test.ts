import { expect, it } from 'vitest';
import { fitLine } from '../../numeric/fit.ts';
import { slopeBias } from './slope-bias.ts';

it('is what a relative error of 2/n adds to a slope of −1/2', () => {
  const counts = [64, 128, 256, 512];
  const errors = counts.map((n) => 0.5 * Math.log((1 / n) * (1 + 2 / n)));
  const { slope } = fitLine(counts.map(Math.log), errors);
  expect(slopeBias(counts)).toBeCloseTo(Math.abs(slope + 0.5), 14);
  expect(slopeBias(counts)).toBeLessThan(0.007);
  // Four times as many tokens, a quarter of the bias.
  expect(slopeBias(counts.map((n) => 4 * n)) / slopeBias(counts)).toBeCloseTo(0.25, 2);
});
