import { describe, expect, test } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import { attention } from './attention.ts';
import { initialiseParameters, matricesOfHeads, parametersFromMatrices } from './parameters.ts';
import { transformerBlock } from './transformer-block.ts';

describe('parametersFromMatrices', () => {
  const field = attention({ dimension: 2, heads: 2, keyDimension: 1, output: true });
  const perHead = {
    Q: [[[1, 2]], [[3, 4]]],
    K: [[[5, 6]], [[7, 8]]],
    V: [[[9, 10]], [[11, 12]]],
    O: [
      [[13], [14]],
      [[15], [16]],
    ],
  };

  test('stacks one matrix per head: Q, K, V on top of each other, O side by side', () => {
    expect([...parametersFromMatrices(field, perHead)]).toEqual([
      ...[1, 2, 3, 4],
      ...[5, 6, 7, 8],
      ...[9, 10, 11, 12],
      ...[13, 15, 14, 16],
    ]);
  });

  test('takes the stacked matrices as they are', () => {
    const stacked = {
      Q: [
        [1, 2],
        [3, 4],
      ],
      K: [
        [5, 6],
        [7, 8],
      ],
      V: perHead.V,
      O: [
        [13, 15],
        [14, 16],
      ],
    };
    expect(parametersFromMatrices(field, stacked)).toEqual(parametersFromMatrices(field, perHead));
  });

  test.each([
    ['a missing block', { Q: perHead.Q }, 'invalid-value', 'K'],
    ['an unknown block', { ...perHead, W: [[1]] }, 'unknown-name', undefined],
    ['a head too few', { ...perHead, Q: [[[1, 2]]] }, 'shape-mismatch', 'Q'],
    [
      'a row too many',
      {
        ...perHead,
        V: [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
      },
      'shape-mismatch',
      'V',
    ],
    [
      'heads of different shapes',
      { ...perHead, K: [[[1, 2]], [[1, 2, 3]]] },
      'shape-mismatch',
      'K[1]',
    ],
    ['a ragged matrix', { ...perHead, K: [[1, 2], [3]] }, 'shape-mismatch', 'K[1]'],
    ['an empty matrix', { ...perHead, K: [] }, 'shape-mismatch', 'K'],
    [
      'a number that is not finite',
      { ...perHead, K: [[[1, 2]], [[Number.NaN, 3]]] },
      'not-finite',
      'K',
    ],
  ])('refuses %s', (_, matrices, code, path) => {
    const fault = path === undefined ? { code } : { code, path };
    expect(() => parametersFromMatrices(field, matrices)).toThrow(
      expect.objectContaining({ fault: expect.objectContaining(fault) }),
    );
  });
});

describe('matricesOfHeads', () => {
  const [A, B, C, D] = [1, 2, 3, 4].map((x) => [[x]]);

  test('turns a list of heads into lists of matrices', () => {
    const heads = [
      { Q: A, V: B },
      { V: D, Q: C },
    ];
    expect(matricesOfHeads(heads)).toEqual({ Q: [A, C], V: [B, D] });
    expect(matricesOfHeads(heads, 'attention')).toEqual({
      'attention.Q': [A, C],
      'attention.V': [B, D],
    });
  });

  test.each([
    ['no head', [], 'heads'],
    ['a head without a matrix', [{ Q: A, V: B }, { Q: C }], 'heads[1]'],
  ])('refuses %s', (_, heads, path) => {
    expect(() => matricesOfHeads(heads as { Q: number[][] }[])).toThrow(
      expect.objectContaining({ fault: expect.objectContaining({ path }) }),
    );
  });
});

describe('initialiseParameters', () => {
  const field = transformerBlock({ dimension: 16, heads: 4, keyDimension: 8, hidden: 64 });
  const start = initialiseParameters(field, randomStream(1, 'start'));

  test('is the same for the same stream', () => {
    expect(initialiseParameters(field, randomStream(1, 'start'))).toEqual(start);
  });

  test('has biases 0 and the stated deviation elsewhere', () => {
    for (const { name, rows, columns, offset, deviation } of field.parameters.blocks) {
      const block = start.subarray(offset, offset + rows * columns);
      const meanSquare = block.reduce((s, x) => s + x * x, 0) / block.length;
      const expected = (deviation ?? columns ** -0.5) ** 2;
      // The mean square of N normals deviates by √(2/N): five of those.
      const width = 5 * Math.sqrt(2 / block.length);
      if (/\.b[12]$/.test(name)) expect(meanSquare).toBe(0);
      else expect(Math.abs(meanSquare / expected - 1)).toBeLessThan(width);
    }
  });
});
