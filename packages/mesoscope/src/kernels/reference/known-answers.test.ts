import { describe, expect, test } from 'vitest';
import { literal, one } from '../program.ts';
import { evaluate, largestDifference, type Rows } from './evaluate.ts';
import { normalCumulative } from './special.ts';

function expectClose(ours: Rows, expected: Rows, digits = 14): void {
  expect(largestDifference(ours, expected)).toBeLessThan(0.5 * 10 ** -digits);
}

describe('loss', () => {
  test('equal logits: log C; a skipped column: 0', () => {
    const { loss, residual } = evaluate(
      {
        logits: [
          [1, 7],
          [1, 8],
          [1, 9],
        ],
        labels: [[2, -1]],
        weights: [[2, 1]],
        loss: [[9, 9]],
        residual: [
          [9, 9],
          [9, 9],
          [9, 9],
        ],
      },
      (at) => ({ op: 'crossEntropy', ...at }),
    );
    expectClose(loss, [[2 * Math.log(3), 0]]);
    expectClose(residual, [
      [2 / 3, 0],
      [2 / 3, 0],
      [-4 / 3, 0],
    ]);
  });

  test('two classes with logits 0 and log 3', () => {
    const { loss, residual } = evaluate(
      {
        logits: [[0], [Math.log(3)]],
        labels: [[0]],
        weights: [[1]],
        loss: [[0]],
        residual: [[0], [0]],
      },
      (at) => ({ op: 'crossEntropy', ...at }),
    );
    expectClose(loss, [[Math.log(4)]]);
    expectClose(residual, [[-0.75], [0.75]]);
  });
});

describe('columns', () => {
  test('layer normalisation of (1, 3) is ∓1, root mean square of (3, 4) divides by √12.5', () => {
    const x = [
      [1, 3],
      [3, 4],
    ];
    const layer = evaluate({ x, y: x }, (at) => ({
      op: 'normalise',
      kind: 'layer',
      epsilon: 0,
      ...at,
    }));
    expectClose([[layer.y[0][0], layer.y[1][0]]], [[-1, 1]]);
    const rms = evaluate({ x, y: x }, (at) => ({
      op: 'normalise',
      kind: 'rms',
      epsilon: 0,
      ...at,
    }));
    expectClose([[rms.y[0][1], rms.y[1][1]]], [[3 / Math.sqrt(12.5), 4 / Math.sqrt(12.5)]]);
  });

  test('the tangent projection removes the component along x', () => {
    const { y } = evaluate({ x: [[2], [0]], f: [[5], [7]], y: [[0], [0]] }, (at) => ({
      op: 'tangent',
      ...at,
    }));
    expectClose(y, [[0], [7]]);
  });

  test('activations at 1 (tables of the normal and the logistic law)', () => {
    const at1 = (kind: 'tanh' | 'relu' | 'gelu' | 'silu') =>
      evaluate({ x: [[1]], y: [[0]] }, (at) => ({ op: 'activation', kind, ...at })).y[0][0];
    expect(at1('tanh')).toBeCloseTo(0.7615941559557649, 15);
    expect(at1('relu')).toBe(1);
    expect(at1('gelu')).toBeCloseTo(0.8413447460685429, 15);
    expect(at1('silu')).toBeCloseTo(0.7310585786300049, 15);
  });

  test('the normal distribution function, to all its digits in the tail', () => {
    const table: readonly (readonly [number, number])[] = [
      [-20, 2.7536241186062337e-89],
      [-8, 6.22096057427178e-16],
      [-3, 0.0013498980316300946],
      [-2.5, 0.006209665325776132],
      [-2, 0.02275013194817921],
      [0, 0.5],
      [0.5, 0.6914624612740131],
      [3, 0.9986501019683699],
    ];
    for (const [y, expected] of table) {
      expect(Math.abs(normalCumulative(y) / expected - 1), `Φ(${y})`).toBeLessThan(2e-14);
    }
  });
});

test('the first step of Adam has the size of the rate, against the gradient', () => {
  const { x } = evaluate({ x: [[1, 1]], g: [[3, -1e-3]], m: [[0, 0]], v: [[0, 0]] }, (at) => ({
    op: 'adam',
    ...at,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 0,
    rate: literal(0.1),
    correction1: literal(1 / (1 - 0.9)),
    correction2: literal(1 / (1 - 0.999)),
  }));
  expectClose(x, [[0.9, 1.1]]);
});

test('pairwise log-sum-exp of one key is its cost; of equal keys, the cost less ε log of their number', () => {
  const { out } = evaluate(
    {
      x: [
        [0, 3],
        [0, 4],
      ],
      y: [
        [0, 0],
        [0, 0],
      ],
      potential: [[1, 1]],
      logWeights: [[0, 0]],
      previous: [[0, 0]],
      out: [[0, 0]],
    },
    (at) => ({ op: 'pairwiseLogSumExp', ...at, epsilon: literal(0.5) }),
  );
  expectClose(out, [[-1 - 0.5 * Math.log(2), 12.5 - 1 - 0.5 * Math.log(2)]]);
});

describe('Gaussian moments', () => {
  test('linear flow: e^{Wt}, and the fourth order of the scheme', () => {
    const errorWith = (steps: number) => {
      const { mean, covariance } = evaluate(
        { mean: [[1]], covariance: [[2]], V: [[0]], B: [[0]], W: [[0.7]], b: [[0.2]] },
        (at) => ({
          op: 'gaussianMoments',
          dimension: 1,
          heads: 1,
          steps,
          tau: literal(1 / steps),
          ...at,
        }),
      );
      expect(covariance[0][0]).toBeCloseTo(2 * Math.exp(1.4), 2);
      return Math.abs(mean[0][0] - (Math.exp(0.7) * (1 + 0.2 / 0.7) - 0.2 / 0.7));
    };
    expect(errorWith(100)).toBeLessThan(1e-9);
    expect(Math.log2(errorWith(4) / errorWith(8))).toBeCloseTo(4, 0);
  });

  test('attention in one dimension: Σ(t) = Σ₀/(1 − 2vbΣ₀t)', () => {
    const { mean, covariance } = evaluate(
      {
        mean: [[0], [0]],
        covariance: [[1], [0], [0], [3]],
        V: [[0.1], [0], [0], [-0.2]],
        B: [[1], [0], [0], [1]],
        W: [[0], [0], [0], [0]],
        b: [[0], [0]],
      },
      (at) => ({
        op: 'gaussianMoments',
        dimension: 2,
        heads: 1,
        steps: 200,
        tau: literal(0.005),
        ...at,
      }),
    );
    expectClose(covariance, [[1 / 0.8], [0], [0], [3 / 2.2]], 9);
    expectClose(mean, [[0], [0]]);
  });
});

describe('products and sums', () => {
  const A = [
    [1, 2],
    [3, 4],
    [5, 6],
  ];
  const B = [
    [1, 0, 2],
    [0, 1, 1],
  ];

  test('C ← α op(A) B + C', () => {
    const { c } = evaluate(
      {
        a: A,
        b: B,
        c: [
          [1, 1, 1],
          [1, 1, 1],
          [1, 1, 1],
        ],
      },
      (at) => ({ op: 'product', ...at, transposeA: false, alpha: literal(2), accumulate: true }),
    );
    expectClose(c, [
      [3, 5, 9],
      [7, 9, 21],
      [11, 13, 33],
    ]);
    const transposed = evaluate({ a: B, b: [[1], [2]], c: [[0], [0], [0]] }, (at) => ({
      op: 'product',
      ...at,
      transposeA: true,
      alpha: one,
      accumulate: false,
    }));
    expectClose(transposed.c, [[1], [2], [4]]);
  });

  test('sums over tokens', () => {
    const outer = evaluate(
      {
        a: B,
        b: B,
        c: [
          [9, 9],
          [9, 9],
        ],
      },
      (at) => ({
        op: 'outer',
        ...at,
        alpha: one,
        accumulate: false,
      }),
    );
    expectClose(outer.c, [
      [5, 2],
      [2, 2],
    ]);
    const sums = evaluate({ a: B, c: [[1], [1]] }, (at) => ({
      op: 'rowSums',
      ...at,
      alpha: literal(-1),
      accumulate: true,
    }));
    expectClose(sums.c, [[-2], [-1]]);
    const dot = evaluate({ x: B, y: B, c: [[0]] }, (at) => ({
      op: 'dot',
      ...at,
      alpha: one,
      accumulate: false,
    }));
    expectClose(dot.c, [[7]]);
  });
});
