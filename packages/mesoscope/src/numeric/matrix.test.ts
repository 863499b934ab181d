import { describe, expect, it } from 'vitest';
import {
  add,
  block,
  frobeniusNorm,
  fromBlocks,
  fromRows,
  identity,
  multiply,
  multiplyVector,
  oneNorm,
  outerProduct,
  requireSymmetric,
  subtract,
  symmetricPart,
  toRows,
  trace,
  transpose,
} from './matrix.ts';

const a = fromRows([
  [1, 2, 3],
  [4, 5, 6],
]);

describe('matrices', () => {
  it('multiply, transpose, add', () => {
    expect(toRows(multiply(a, transpose(a)))).toEqual([
      [14, 32],
      [32, 77],
    ]);
    expect(multiply(identity(2), a, identity(3))).toEqual(a);
    expect(Array.from(multiplyVector(a, [1, 0, -1]))).toEqual([-2, -2]);
    expect(toRows(outerProduct([1, 2], [3, 4]))).toEqual([
      [3, 4],
      [6, 8],
    ]);
    expect(subtract(add(a, a), a)).toEqual(a);
  });

  it('traces and norms', () => {
    expect(
      trace(
        fromRows([
          [1, 9],
          [9, 3],
        ]),
      ),
    ).toBe(4);
    expect(frobeniusNorm(a)).toBeCloseTo(Math.sqrt(91), 14);
    expect(frobeniusNorm(fromRows([[3e200, 4e200]]))).toBeCloseTo(5e200, -187);
    expect(oneNorm(a)).toBe(9);
  });

  it('takes blocks apart and puts them together', () => {
    const left = block(a, 0, 0, 2, 2);
    const right = block(a, 0, 2, 2, 1);
    expect(fromBlocks([[left, right]])).toEqual(a);
    expect(toRows(fromBlocks([[a], [a]]))).toHaveLength(4);
  });

  it('refuses wrong shapes, ragged rows, numbers that are not finite, asymmetry', () => {
    expect(() => multiply(a, a)).toThrow(/received shape \[2 × 3\]/);
    expect(() => fromRows([[1, 2], [3]], 'Q')).toThrow(/Q\[1\]/);
    expect(() => fromRows([])).toThrow(/shape/);
    expect(() => fromRows([[1, Number.POSITIVE_INFINITY]])).toThrow(/entry 1/);
    expect(() => symmetricPart(a)).toThrow(/shape/);
    expect(() =>
      requireSymmetric(
        fromRows([
          [1, 2],
          [3, 4],
        ]),
        'Σ',
      ),
    ).toThrow(/Σ\[1\]\[0\]: received 3/);
  });
});
