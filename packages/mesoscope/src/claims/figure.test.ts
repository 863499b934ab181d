import { expect, it } from 'vitest';
import { type Figure, withFinitePoints } from './figure.ts';

it('points that are no finite numbers are left out of a figure', () => {
  const figure: Figure = {
    id: 'f',
    title: 'f',
    caption: 'f',
    x: { label: 'x' },
    y: { label: 'y' },
    marks: [
      { kind: 'line', series: 'a', x: [1, 2, 3], y: Float64Array.of(1, Number.NaN, 3) },
      { kind: 'band', series: 'a', x: [1, 2], low: [0, 0], high: [1, Number.POSITIVE_INFINITY] },
      { kind: 'dots', series: 'b', x: [1], y: [Number.NaN] },
      { kind: 'rule', axis: 'x', at: Number.NaN, label: 'never' },
      { kind: 'line', series: 'c', x: [1, 2], y: [1, 2] },
    ],
  };
  expect(withFinitePoints(figure).marks).toEqual([
    { kind: 'line', series: 'a', x: [1, 3], y: [1, 3] },
    { kind: 'band', series: 'a', x: [1], low: [0], high: [1] },
    figure.marks[4],
  ]);
});
