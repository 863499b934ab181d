import { describe, expect, test } from 'vitest';
import { add, diagonal, fromRows, identity, type Matrix, scale, zeros } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { classifyLayer } from './classify.ts';
import { riccatiEquilibrium } from './equilibrium.ts';
import { type GaussianLayer, gaussianLayer, scoreHead } from './layer.ts';
import { type RiccatiForm, riccatiForm } from './riccati.ts';
import { largestDifference, randomCovariance, randomMatrix } from './test-support.ts';

const d = 3;
const law = {
  mean: new Float64Array(d),
  covariance: randomCovariance(randomStream(1, 'classify'), d, d, 0.2),
};
const stretch = fromRows([
  [1, 0, 0],
  [0, 1.0000001, 0],
  [0, 0, 1],
]);

/**
 * The same layer with and without the closed forms for V = vI: the second has its value matrix perturbed by 1e-7, and
 * so goes through the integrator.
 */
function bothWays(B: Matrix, W: Matrix = zeros(d, d)): readonly GaussianLayer[] {
  return [identity(d), stretch].map((V) => gaussianLayer({ heads: [{ V, B }], W }));
}

describe('classifyLayer', () => {
  test('stable: M ≺ 0 and Re λ(W) > 0 tend to the equilibrium', () => {
    const B = fromRows([
      [-1, 0.3, 0],
      [0, -0.7, 0.2],
      [0.1, 0, -0.5],
    ]);
    const W = scale(0.4, identity(d));
    for (const layer of bothWays(B, W)) {
      const result = classifyLayer(layer, law);
      expect(result).toMatchObject({ regime: 'stable', dimension: 3 });
      const exact = riccatiEquilibrium(riccatiForm(bothWays(B, W)[0]) as RiccatiForm) as Matrix;
      expect(largestDifference((result.covariance as Matrix).data, exact.data)).toBeLessThan(1e-5);
    }
  });

  test.each([1, 2, 3])('collapse: K = −Q with %i rows, W = 0, leaves d − k directions', (k) => {
    const Q = randomMatrix(randomStream(k, 'collapse'), k, d);
    const { B } = scoreHead({ V: identity(d), Q, K: scale(-1, Q) });
    for (const layer of bothWays(B)) {
      expect(classifyLayer(layer, law)).toMatchObject({ regime: 'collapse', dimension: d - k });
    }
  });

  test('collapse: W ≺ 0 without attention contracts to a point', () => {
    const layer = gaussianLayer({ W: scale(-1, identity(d)) });
    expect(classifyLayer(layer, law)).toMatchObject({ regime: 'collapse', dimension: 0 });
  });

  test('growth: W with a direction that attention does not damp', () => {
    const B = fromRows([
      [-1, 0, 0],
      [0, -1, 0],
      [0, 0, 0],
    ]);
    for (const layer of bothWays(B, scale(0.3, identity(d)))) {
      expect(classifyLayer(layer, law).regime).toBe('growth');
    }
    const shear = fromRows([
      [0, 1, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(classifyLayer(gaussianLayer({ W: shear }), law).regime).toBe('growth');
  });

  test('blow-up: B + Bᵀ ≻ 0 and W = 0, at the same time both ways', () => {
    const [closed, integrated] = bothWays(identity(d)).map((layer) => classifyLayer(layer, law));
    expect(closed.regime).toBe('blow-up');
    expect(integrated.regime).toBe('blow-up');
    const ratio = (integrated.blowUpTime as number) / (closed.blowUpTime as number);
    expect(Math.abs(ratio - 1)).toBeLessThan(1e-6);
  });

  test('blow-up below the threshold does not happen: W contracts first', () => {
    const W = scale(
      -10 * law.covariance.data.reduce((sum, x) => sum + Math.abs(x), 0),
      identity(d),
    );
    for (const layer of bothWays(identity(d), W)) {
      expect(classifyLayer(layer, law)).toMatchObject({ regime: 'collapse', dimension: 0 });
    }
  });

  test('a small law that grows to its equilibrium is stable, not growing', () => {
    const tiny = { ...law, covariance: scale(1e-9, law.covariance) };
    for (const layer of bothWays(scale(-1, identity(d)), identity(d))) {
      expect(classifyLayer(layer, tiny).regime).toBe('stable');
    }
  });

  test('a law that turns for ever is bounded without a limit', () => {
    const W = fromRows([
      [0, 1, 0],
      [-1, 0, 0],
      [0, 0, 0],
    ]);
    expect(classifyLayer(gaussianLayer({ W }), law).regime).toBe('bounded');
    // An isotropic law does not turn.
    const round = { ...law, covariance: add(zeros(d, d), identity(d)) };
    expect(classifyLayer(gaussianLayer({ W }), round).regime).toBe('stable');
  });
});

test('sinkhorn attention: a law that grows to one direction is growing, in few steps', () => {
  // The other direction falls below rounding of the first, and its singular vector is noise from there on.
  const law = {
    mean: new Float64Array(2),
    covariance: fromRows([
      [1, 0.3],
      [0.3, 0.7],
    ]),
  };
  for (const b of [0, 0.75, 2.25]) {
    const layer = gaussianLayer({
      attention: 'sinkhorn',
      heads: [
        {
          V: fromRows([
            [0.375, 0.5],
            [0, 0.7],
          ]),
          B: fromRows([
            [1, 0.4],
            [-0.4, b],
          ]),
        },
      ],
      W: fromRows([
        [-0.2, 0.3],
        [-0.3, -0.1],
      ]),
    });
    const start = performance.now();
    expect(classifyLayer(layer, law).regime).toBe('growth');
    expect(performance.now() - start).toBeLessThan(5000);
  }
});

test.each([
  [50, 0.01],
  [10000, 0.1],
  [50, 1e-4],
])(
  'W = diag(%f, %f): a slow direction far below a fast one is an equilibrium of rank 2, no collapse',
  (fast, slow) => {
    for (const second of [1, 1 + 1e-7]) {
      const layer = gaussianLayer({
        heads: [{ V: diagonal([1, second]), B: diagonal([-1, -1]) }],
        W: diagonal([fast, slow]),
      });
      const law = { mean: new Float64Array(2), covariance: identity(2) };
      const { regime, dimension, covariance } = classifyLayer(layer, law);
      expect({ regime, dimension }).toEqual({ regime: 'stable', dimension: 2 });
      expect(Math.abs((covariance?.data[0] ?? 0) / fast - 1)).toBeLessThan(1e-6);
      expect(Math.abs((covariance?.data[3] ?? 0) / slow - 1)).toBeLessThan(1e-6);
    }
  },
);
