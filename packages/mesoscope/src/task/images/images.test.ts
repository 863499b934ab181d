import { expect, it } from 'vitest';
import { parseConfiguration } from '../../configuration/parse.ts';
import { createReferenceBackend } from '../../kernels/reference/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { checkImages, labelledImagesSchema, splitImages } from './images.ts';
import { patchTokens, pickImages } from './patches.ts';
import { fitSoftmaxRegression, predictLinear } from './softmax-regression.ts';

function noise(count: number, side: number, classes = 2) {
  const stream = randomStream(3, 'noise');
  return {
    width: side,
    height: side,
    pixels: stream.uniforms(new Float64Array(count * side * side)),
    labels: Int32Array.from({ length: count }, (_, i) => i % classes),
  };
}

it('refuses labels outside the classes, classes without images, wrong lengths and what is not finite', () => {
  const images = noise(6, 4);
  expect(() => checkImages(images, 2)).not.toThrow();
  expect(() => checkImages({ ...images, labels: Int32Array.of(0, 1, 2, 0, 1, 0) }, 2)).toThrow(
    'labels[2]: received 2, expected a class from 0 to 1',
  );
  expect(() => checkImages({ ...images, labels: Int32Array.of(0, -1, 1, 0, 1, 0) }, 2)).toThrow(
    'labels[1]',
  );
  expect(() => checkImages(images, 3)).toThrow('class 2 has none');
  expect(() => checkImages({ ...images, width: 5 }, 2)).toThrow('[6 × 4 × 5]');
  const pixels = images.pixels.slice().fill(Number.NaN, 7, 8);
  expect(() => checkImages({ ...images, pixels }, 2)).toThrow('entry 7 is NaN');
});

it('reads images from a document, and refuses another', () => {
  const document = { width: 1, height: 2, pixels: [0, 1, 0.5, 0], labels: [0, 1] };
  const images = parseConfiguration(labelledImagesSchema, document);
  expect(images.pixels).toEqual(Float64Array.of(0, 1, 0.5, 0));
  expect(images.labels).toEqual(Int32Array.of(0, 1));
  expect(() => parseConfiguration(labelledImagesSchema, { ...document, width: 'wide' })).toThrow(
    'width',
  );
});

it('splits into disjoint parts that hold every class by its share', () => {
  const labels = Int32Array.from({ length: 1000 }, (_, i) => (i % 10 < 7 ? 0 : 1));
  const sizes = { training: 500, validation: 100, heldOut: 200 };
  const split = splitImages({ labels }, sizes, randomStream(1, 'split'));
  const all = [...split.training, ...split.validation, ...split.heldOut];
  expect(new Set(all).size).toBe(800);
  for (const part of [split.training, split.validation, split.heldOut]) {
    const zeros = part.filter((i) => labels[i] === 0).length;
    expect(Math.abs(zeros - 0.7 * part.length)).toBeLessThanOrEqual(1);
  }
  expect(split.unseen).toEqual([]);
  const smaller = splitImages({ labels }, { ...sizes, training: 50 }, randomStream(1, 'split'));
  expect(smaller.heldOut).toEqual(split.heldOut);
  expect(smaller.validation).toEqual(split.validation);
  const other = splitImages({ labels }, sizes, randomStream(2, 'split'));
  expect(other.heldOut).not.toEqual(split.heldOut);
  expect(() => splitImages({ labels }, { ...sizes, training: 701 }, randomStream(1, 's'))).toThrow(
    'at most 1000',
  );
});

it('names the classes of the held-out part that training never sees', () => {
  const labels = Int32Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 7);
  const sizes = { training: 3, validation: 1, heldOut: 6 };
  expect(splitImages({ labels }, sizes, randomStream(1, 'split')).unseen).toEqual([7]);
});

it('keeps the inner products of images when all frequencies of a patch are kept', () => {
  const images = noise(3, 8);
  const all = Int32Array.of(2, 0, 1);
  // 2 × 2 patches of 4 × 4 pixels; the place takes one number a direction.
  const { tokens, states } = patchTokens(images, all, { side: 4, dimension: 18 });
  expect(tokens).toBe(4);
  const inner = (a: number, b: number) => {
    let sum = 0;
    for (let token = 0; token < 4; token++) {
      for (let i = 0; i < 16; i++) {
        sum += states[(a * 4 + token) * 18 + i] * states[(b * 4 + token) * 18 + i];
      }
    }
    return sum;
  };
  const direct = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < 64; i++) sum += images.pixels[a * 64 + i] * images.pixels[b * 64 + i];
    return sum;
  };
  expect(inner(0, 0)).toBeCloseTo(direct(2, 2), 12);
  expect(inner(0, 1)).toBeCloseTo(direct(2, 0), 12);
  // Mean of a patch: the first coefficient is its sum over the side; the place tells the patches apart.
  let corner = 0;
  for (let i = 0; i < 16; i++) corner += images.pixels[2 * 64 + Math.floor(i / 4) * 8 + (i % 4)];
  expect(states[0]).toBeCloseTo(corner / 4, 12);
  const places = [0, 1, 2, 3].map((token) => [...states.slice(token * 18 + 16, token * 18 + 18)]);
  expect(new Set(places.map((place) => place.map((x) => x.toFixed(6)).join())).size).toBe(4);
});

it('refuses patches that do not divide the image and a dimension without room', () => {
  const images = noise(2, 8);
  const chosen = Int32Array.of(0);
  expect(() => patchTokens(images, chosen, { side: 3, dimension: 8 })).toThrow('side');
  expect(() => patchTokens(images, chosen, { side: 4, dimension: 2 })).toThrow('from 3 to 18');
  expect(() => patchTokens(images, chosen, { side: 4, dimension: 19 })).toThrow('from 3 to 18');
});

it('picks images by number', () => {
  const images = noise(5, 4, 5);
  const all = patchTokens(images, Int32Array.of(0, 1, 2, 3, 4), { side: 2, dimension: 6 });
  const picked = pickImages(all, [3, 1]);
  const direct = patchTokens(images, Int32Array.of(3, 1), { side: 2, dimension: 6 });
  expect(picked).toEqual(direct);
});

it('finds the closed-form optimum of a softmax regression without features', () => {
  const backend = createReferenceBackend();
  const labels = Int32Array.of(0, 0, 0, 1);
  const data = { features: 1, points: new Float64Array(4), labels };
  const model = fitSoftmaxRegression(backend, data, 2, { regularisation: 0.1, tolerance: 1e-9 });
  expect(model.status).toBe('converged');
  const { losses, correct } = predictLinear(model, data);
  expect(losses[0]).toBeCloseTo(-Math.log(0.75), 8);
  expect(losses[3]).toBeCloseTo(-Math.log(0.25), 8);
  expect([...correct]).toEqual([1, 1, 1, 0]);
});

it('satisfies the first-order condition λW = E[(e_y − softmax) xᵀ] computed apart', () => {
  const backend = createReferenceBackend();
  const stream = randomStream(5, 'points');
  const [count, features, classes, regularisation] = [40, 3, 3, 0.05];
  const points = stream.normals(new Float64Array(count * features));
  const labels = Int32Array.from({ length: count }, () => stream.integer(classes));
  const data = { features, points, labels };
  const options = { regularisation, tolerance: 1e-9 };
  const { weights } = fitSoftmaxRegression(backend, data, classes, options);
  for (let c = 0; c < classes; c++) {
    for (let j = 0; j <= features; j++) {
      let moment = 0;
      for (let s = 0; s < count; s++) {
        const z = Array.from({ length: classes }, (_, a) => {
          let sum = weights[a * 4 + features];
          for (let i = 0; i < features; i++) sum += weights[a * 4 + i] * points[s * features + i];
          return Math.exp(sum);
        });
        const p = z[c] / z.reduce((a, b) => a + b);
        const x = j < features ? points[s * features + j] : 1;
        moment += (((labels[s] === c ? 1 : 0) - p) * x) / count;
      }
      const penalised = j < features ? regularisation * weights[c * 4 + j] : 0;
      expect(moment).toBeCloseTo(penalised, 8);
    }
  }
});
