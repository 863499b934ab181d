import { describe, expect, test } from 'vitest';
import { MesoscopeError } from '../errors.ts';
import { packTokens, unpackTokens } from './tokens.ts';

const samples = [
  [
    [1, 2],
    [3, 4],
    [5, 6],
  ],
  [
    [7, 8],
    [9, 10],
    [11, 12],
  ],
];

describe('packTokens', () => {
  test('tokens lie along columns, rows are padded to a multiple of 8', () => {
    const states = packTokens(samples, new Float64Array(32).fill(Number.NaN));
    expect([...states.subarray(0, 16)]).toEqual([1, 3, 5, 0, 0, 0, 0, 0, 2, 4, 6, 0, 0, 0, 0, 0]);
    expect(states[16]).toBe(7);
  });

  test('unpackTokens is its inverse, in f32 too', () => {
    const shape = { samples: 2, tokens: 3, dimension: 2 };
    expect(unpackTokens(packTokens(samples, new Float64Array(32)), shape)).toEqual(samples);
    expect(unpackTokens(packTokens(samples, new Float32Array(40)), shape)).toEqual(samples);
  });

  test('what does not fit is refused, by name', () => {
    expect(() => packTokens(samples, new Float64Array(31))).toThrow(/into.*31.*at least 32/);
    expect(() => packTokens([[[1, 2], [3]]], new Float64Array(32))).toThrow(/samples\[0\]\[1\]/);
    expect(() => packTokens([[[1]], [[1], [2]]], new Float64Array(32))).toThrow(/samples\[1\]/);
    const shape = { samples: 3, tokens: 3, dimension: 2 };
    expect(() => unpackTokens(new Float64Array(32), shape)).toThrow(MesoscopeError);
  });
});
