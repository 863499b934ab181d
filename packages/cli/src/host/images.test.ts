import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadImages } from './images.ts';

it('reads the digits that come with the program', () => {
  const { width, height, pixels, labels } = loadImages('mnist', '.');
  expect([width, height]).toEqual([28, 28]);
  expect(labels.length).toBe(10000);
  expect(pixels.length).toBe(10000 * 784);
  const counts = new Int32Array(10);
  for (const label of labels) counts[label]++;
  expect([...counts]).toEqual([1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]);
  expect(pixels.every((value) => value >= 0 && value <= 1)).toBe(true);
});

it('reads images from a file, and refuses what is none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'images-'));
  const document = { width: 1, height: 1, pixels: [0.5, 1], labels: [0, 1] };
  writeFileSync(join(folder, 'own.json'), JSON.stringify(document));
  writeFileSync(join(folder, 'wrong.json'), JSON.stringify({ ...document, height: -1 }));
  expect(loadImages('own.json', folder).pixels).toEqual(Float64Array.of(0.5, 1));
  expect(() => loadImages('wrong.json', folder)).toThrow('height');
  expect(() => loadImages('mnits', folder)).toThrow('Did you mean "mnist"?');
});
