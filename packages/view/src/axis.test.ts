import { describe, expect, it } from 'vitest';
import { cellEdges, linearTickText, logTicks, logTickText } from './axis.ts';

const log = { label: '', scale: 'log' } as const;

describe('logTicks', () => {
  it('takes the powers, thinned, and 1, 2, 5 where few powers fit', () => {
    expect(logTicks([8, 128], 2)).toEqual([8, 16, 32, 64, 128]);
    expect(logTicks([1e-16, 1], 10)).toHaveLength(6);
    expect(logTicks([0.8, 12], 10)).toEqual([1, 2, 5, 10]);
  });
});

it('reads decimals where they are short for all ticks, powers of ten otherwise', () => {
  const short = logTickText([0.01, 0.1, 1], 10);
  expect([0.01, 0.1, 1].map(short)).toEqual(['0.01', '0.1', '1']);
  const long = logTickText([1e-4, 0.01, 1], 10);
  expect([1e-4, 0.01, 1].map(long)).toEqual(['10⁻⁴', '10⁻²', '10⁰']);
  expect([8, 16].map(logTickText([8, 16], 2))).toEqual(['8', '16']);
  expect(linearTickText([0, 3e-16])(1.5e-16)).toBe('1.5×10⁻¹⁶');
  expect(linearTickText([-2, 2])(-0.5)).toBe('−0.5');
});

it('puts cell edges halfway, on the scale of the axis', () => {
  expect(cellEdges([0, 1, 2], { label: '' })).toEqual([-0.5, 0.5, 1.5, 2.5]);
  const edges = cellEdges([1, 100], log);
  [0.1, 10, 1000].forEach((edge, i) => {
    expect(edges[i]).toBeCloseTo(edge, 9);
  });
});

it('has ticks also where neither 1, 2 nor 5 fits', () => {
  expect(logTicks([6.4e-17, 9.9e-17], 10).length).toBeGreaterThan(2);
  expect(logTicks([3.1, 3.4], 10)).toEqual([3.1, 3.2, 3.3, 3.4]);
});
