import { expect, test } from 'vitest';
import type { Blueprint } from './architecture.ts';
import { imageInput, type Picture } from './image-input.ts';
import { openModel } from './model.ts';
import { smallCheckpoint } from './test-support.ts';

async function blueprint(): Promise<Blueprint> {
  return openModel(await smallCheckpoint('vit')).blueprint;
}

/** A picture of one colour a pixel. */
function picture(
  height: number,
  width: number,
  colour: (y: number, x: number, c: number) => number,
): Picture {
  const rgb = Array.from({ length: 3 * height * width }, (_, k) =>
    colour(Math.floor(k / 3 / width), Math.floor(k / 3) % width, k % 3),
  );
  return { height, width, rgb };
}

const plain = { image_mean: [0, 0, 0], image_std: [1, 1, 1] };

test('one colour stays it, scaled to mean and deviation, whatever the size', async () => {
  const settings = {
    size: { height: 8, width: 8 },
    image_mean: [0.5, 0, 0],
    image_std: [0.5, 1, 2],
  };
  for (const resample of [2, 3]) {
    const given = picture(21, 13, (_, __, c) => 51 * (c + 1));
    const { pixels } = imageInput(given, await blueprint(), { ...settings, resample });
    expect(pixels).toHaveLength(3 * 64);
    for (let k = 0; k < 64; k++) {
      expect(pixels[k]).toBeCloseTo((0.2 - 0.5) / 0.5, 12);
      expect(pixels[64 + k]).toBeCloseTo(0.4, 12);
      expect(pixels[128 + k]).toBeCloseTo(0.3, 12);
    }
  }
});

test('an image of its own size is not changed, channels first', async () => {
  const given = picture(8, 8, (y, x, c) => 20 * y + 2 * x + c);
  const { pixels } = imageInput(given, await blueprint(), {
    ...plain,
    size: { height: 8, width: 8 },
  });
  expect(pixels[64 + 8 * 3 + 5]).toBeCloseTo((60 + 10 + 1) / 255, 12);
});

test('shrinking a ramp by whole factors gives the means of its pixels', async () => {
  const given = picture(32, 32, (_, x) => 4 * x);
  const settings = { ...plain, size: { height: 8, width: 8 }, resample: 2 };
  const { pixels } = imageInput(given, await blueprint(), settings);
  // A linear kernel keeps a ramp away from the edges: the middle of new pixel 3 is x = 13.5.
  expect(pixels[8 * 4 + 3]).toBeCloseTo(Math.round(4 * 13.5) / 255, 12);
});

test('the shorter edge is resized, the middle cut out', async () => {
  const given = picture(16, 32, (_, x) => (x >= 8 && x < 24 ? 255 : 0));
  const settings = { ...plain, size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 } };
  const { height, width, pixels } = imageInput(given, await blueprint(), settings);
  expect([height, width]).toEqual([16, 16]);
  expect(Array.from(pixels as Float64Array).every((x) => x === 1)).toBe(true);
});

test('settings that make no sense are refused', async () => {
  const given = picture(4, 4, () => 0);
  const own = await blueprint();
  expect(() => imageInput(given, own, { size: { shortest_edge: -3 } })).toThrow(/size/);
  expect(() => imageInput(given, own, { image_mean: [1, 2] })).toThrow(/image_mean/);
  const text = openModel(await smallCheckpoint('bert')).blueprint;
  expect(() => imageInput(given, text)).toThrow(/a model of texts cannot do this/);
});
