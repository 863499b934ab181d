import type { Figure } from 'mesoscope/claims';
import { expect, it } from 'vitest';
import { placesInReport } from './series-colours.ts';

const figure = (...names: readonly string[]): Figure => ({
  id: names.join(),
  title: '',
  caption: '',
  x: { label: '' },
  y: { label: '' },
  marks: names.map((series) => ({ kind: 'line', series, x: [0], y: [0] })),
});

it('a series keeps its colour through a report, and no two of a figure share one', () => {
  const figures = [figure('layer', 'none'), figure('none'), figure('rms', 'none', 'layer')];
  const places = [...placesInReport(figures).values()];
  expect(places.map((one) => one.get('none'))).toEqual([1, 1, 1]);
  expect([places[0].get('layer'), places[2].get('layer')]).toEqual([0, 0]);
  expect(new Set(places[2].values()).size).toBe(3);
});
