import { expect, it } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import { controlledMean } from './coupled-runs.ts';

/** Squares of a fluctuation and of its linear part, as B.chaos meets them: correlation 0.9, means 1.81 and 1. */
const draws = (index: number, count: number) => {
  const random = randomStream(1, 'controlled mean', index);
  const pairs = Array.from({ length: count }, () => {
    const control = random.normal();
    return { control: control ** 2, value: (1.3 * control + 0.35 * random.normal()) ** 2 };
  });
  return [pairs.map(({ value }) => value), pairs.map(({ control }) => control)] as const;
};
const truth = 1.3 ** 2 + 0.35 ** 2;
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

it('has the mean of its draws, and scatters less than half as much as they do', () => {
  const groups = Array.from({ length: 2000 }, (_, index) => draws(index, 16));
  const controlled = groups.map(([values, controls]) => controlledMean(values, controls, 1));
  const plain = groups.map(([values]) => mean(values));
  const deviation = (values: readonly number[]) =>
    Math.sqrt(mean(values.map((value) => (value - truth) ** 2)));
  // The bias is O(1/draws) of the scatter that is left.
  expect(Math.abs(mean(controlled) - truth)).toBeLessThan(0.02 * truth);
  expect(deviation(controlled)).toBeLessThan(deviation(plain) / 2);
});

it('is the plain mean where the control does not vary', () => {
  expect(controlledMean([1, 2, 6], [0, 0, 0], 0)).toBe(3);
});
