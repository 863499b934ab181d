import { describe, expect, it } from 'vitest';
import { randomStream } from '../../numeric/random.ts';
import { sortedOrder } from './sorted-order.ts';

const random = randomStream(1, 'numbers to sort');

describe.each([3, 5000])('%i numbers', (count) => {
  const cases: [string, (i: number) => number][] = [
    ['normal', () => random.normal()],
    ['few different ones', (i) => ((i * 7) % 5) - 2],
    ['of all sizes', () => random.normal() * 2 ** (600 * (random.uniform() - 0.5))],
    ['infinite and subnormal', (i) => [1 / 0, 5e-324, -1 / 0, -5e-324, 1][i % 5]],
  ];
  it.each(cases)('%s', (_, value) => {
    const values = Float64Array.from({ length: count }, (_, i) => value(i));
    const expected = Array.from(values.keys()).sort((i, j) =>
      values[i] === values[j] ? i - j : values[i] < values[j] ? -1 : 1,
    );
    expect(Array.from(sortedOrder(values))).toEqual(expected);
  });
});
