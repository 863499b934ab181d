import type { Figure } from 'mesoscope/claims';
import { expect, it } from 'vitest';
import { figureArrays, figureDocument, figureFromDocument } from './figure-data.ts';

const figure: Figure = {
  id: 'A.toy',
  title: 'T',
  caption: 'C',
  x: { label: 'x', domain: [0, 1] },
  y: { label: 'y', scale: 'log' },
  marks: [
    { kind: 'line', series: 'a', x: [0, 1], y: [Number.NaN, Infinity], bound: true },
    { kind: 'line', series: 'a', x: [2], y: [3] },
    { kind: 'rule', axis: 'y', at: 0.5, label: 'half' },
    { kind: 'points', x: [0], y: [1], values: [2], valueLabel: 'v', valueDomain: [0, 1] },
    { kind: 'regions', x: [0, 1], y: [0], categories: ['low', 'high'] },
  ],
};

it('is the same figure again, from its document as JSON and its arrays', () => {
  const arrays = figureArrays(figure);
  const document = JSON.parse(JSON.stringify(figureDocument(figure)));
  expect(JSON.stringify(document)).not.toContain('null');
  const again = figureFromDocument(document, (name) => Array.from(arrays[name].data));
  expect(again).toEqual(figure);
});
