import { describe, expect, test } from 'vitest';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import type { ModelInput } from './embed.ts';
import { openModel } from './model.ts';
import { resizePositions } from './resize-positions.ts';
import { smallCheckpoint } from './test-support.ts';

const reference = createReferenceBackend();

describe('an input that a model cannot read is refused before any work', () => {
  const image = (size: number) => ({
    height: size,
    width: size,
    pixels: Array(3 * size ** 2).fill(0),
  });
  test.each<[string, string, ModelInput, RegExp]>([
    ['a token outside the vocabulary', 'bert', { ids: [3, 23] }, /token 1: received 23.*0 to 22/],
    ['too many tokens', 'bert', { ids: Array(17).fill(3) }, /17 tokens.*1 to 16/],
    ['more than RoBERTa’s offset leaves', 'roberta', { ids: Array(15).fill(3) }, /1 to 14/],
    ['no token', 'llama', { ids: [] }, /0 tokens/],
    [
      'an image for a model of texts',
      'gpt2',
      image(8),
      /an image, expected tokens|received "an image"/,
    ],
    ['tokens for a model of images', 'vit', { ids: [1] }, /the model reads images/],
    ['an image of another size', 'vit', image(12), /\[3 × 12 × 12\], expected \[3 × 8 × 8\]/],
    ['an image that does not divide into patches', 'dinov2', image(10), /a multiple of 4/],
  ])('%s', async (_, name, input, sentence) => {
    const model = openModel(await smallCheckpoint(name));
    await expect(model.embed(reference, input)).rejects.toThrow(sentence);
  });
});

test('positions resized to another grid stay what they are where they are constant', () => {
  const resized = resizePositions(new Float64Array(64).fill(3), [8, 8], [5, 7], 1);
  for (const value of Array.from(resized)) expect(value).toBeCloseTo(3, 12);
});
