import { describe, expect, test } from 'vitest';
import { evaluate, largestDifference, type Rows } from './evaluate.ts';

function expectClose(ours: Rows, expected: Rows, digits = 14): void {
  expect(largestDifference(ours, expected)).toBeLessThan(0.5 * 10 ** -digits);
}

describe('attention', () => {
  const shape = { heads: 1, keyDimension: 1, valueDimension: 1, scale: 1, alpha: 1 } as const;
  const zero = { out: [[0, 0, 0]], normaliser: [[0, 0, 0]] };

  test('equal scores: the mean of the values, normaliser the score', () => {
    const { out, normaliser } = evaluate(
      { queries: [[1, 2, -3]], keys: [[2, 2, 2]], values: [[3, 5, 10]], ...zero },
      (at) => ({ op: 'attention', kind: 'softmax', causal: false, ...shape, ...at }),
    );
    expectClose(out, [[6, 6, 6]]);
    expectClose(normaliser, [[2, 4, -6]]);
  });

  test('causal: the first token sees itself, and the weights stay 1/n', () => {
    const { out, normaliser } = evaluate(
      { queries: [[1, 0, 0]], keys: [[2, 1, 1]], values: [[3, 5, 10]], ...zero },
      (at) => ({ op: 'attention', kind: 'softmax', causal: true, ...shape, ...at }),
    );
    expectClose(out, [[3, 4, 6]]);
    expectClose(normaliser, [[2 - Math.log(3), Math.log(2 / 3), 0]]);
  });

  test('two keys: the logistic function of the difference of scores', () => {
    const { out, normaliser } = evaluate(
      {
        queries: [[3]],
        keys: [[1, 0]],
        values: [[1, 0]],
        weights: [[2, 1]],
        out: [[0]],
        normaliser: [[0]],
      },
      (at) => ({ op: 'attention', kind: 'softmax', causal: false, ...shape, ...at }),
    );
    expectClose(out, [[1 / (1 + Math.exp(-3) / 2)]]);
    expectClose(normaliser, [[Math.log(2 * Math.exp(3) + 1)]]);
  });

  test('l2: a Gaussian kernel', () => {
    const { out, normaliser } = evaluate(
      {
        queries: [[3]],
        keys: [[1, 4]],
        values: [[1, 0]],
        weights: [[1, 1]],
        out: [[0]],
        normaliser: [[0]],
      },
      (at) => ({ op: 'attention', kind: 'l2', causal: false, ...shape, scale: 0.5, ...at }),
    );
    expectClose(out, [[Math.exp(-2) / (Math.exp(-2) + Math.exp(-0.5))]]);
    expectClose(normaliser, [[Math.log(Math.exp(-2) + Math.exp(-0.5))]]);
  });

  test('hardmax: ties share by weight, the normaliser is the maximum', () => {
    const { out, normaliser } = evaluate(
      {
        queries: [[1, -1]],
        keys: [[2, 2, 1, 9]],
        values: [[10, 20, 30, 40]],
        weights: [[1, 3, 1, 0]],
        out: [[0, 0]],
        normaliser: [[0, 0]],
      },
      (at) => ({ op: 'attention', kind: 'hardmax', causal: false, ...shape, ...at }),
    );
    expectClose(out, [[17.5, 30]]);
    expectClose(normaliser, [[2, -1]]);
  });

  test('unnormalised and linear: sums over the keys', () => {
    const operands = {
      queries: [[2]],
      keys: [[1, 3]],
      values: [[5, 7]],
      out: [[0]],
      normaliser: [[9]],
    };
    const exponential = evaluate(operands, (at) => ({
      op: 'attention',
      kind: 'unnormalised',
      causal: false,
      ...shape,
      ...at,
    }));
    expectClose(exponential.out, [[(5 * Math.exp(2) + 7 * Math.exp(6)) / 2]], 11);
    const linear = evaluate(operands, (at) => ({
      op: 'attention',
      kind: 'linear',
      causal: false,
      ...shape,
      alpha: -1,
      ...at,
    }));
    expectClose(linear.out, [[-(2 * 5 + 6 * 7) / 2]]);
    expectClose([exponential.normaliser[0], linear.normaliser[0]], [[0], [0]]);
  });

  test('a query without keys: 0, normaliser −∞', () => {
    const { out, normaliser } = evaluate(
      {
        queries: [[1, 1]],
        keys: [[1, 1]],
        values: [[5, 7]],
        weights: [[0, 1]],
        out: [[9, 9]],
        normaliser: [[9, 9]],
      },
      (at) => ({ op: 'attention', kind: 'softmax', causal: true, ...shape, ...at }),
    );
    expectClose(out, [[0, 7]]);
    expectClose(normaliser, [[Number.NEGATIVE_INFINITY, 1]]);
  });

  test('scores of 1e4 neither overflow nor vanish', () => {
    const { out, normaliser } = evaluate(
      {
        queries: [[1e4, -1e4]],
        keys: [[1, 0]],
        values: [[5, 7]],
        out: [[0, 0]],
        normaliser: [[0, 0]],
      },
      (at) => ({ op: 'attention', kind: 'softmax', causal: false, ...shape, ...at }),
    );
    expectClose(out, [[5, 7]]);
    expectClose(normaliser, [[1e4 - Math.log(2), -Math.log(2)]], 11);
  });
});
