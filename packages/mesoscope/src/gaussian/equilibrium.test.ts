import { describe, expect, test } from 'vitest';
import { symmetricEigen } from '../numeric/decompositions.ts';
import {
  add,
  frobeniusNorm,
  fromRows,
  identity,
  multiply,
  scale,
  subtract,
  transpose,
  zeros,
} from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { clusteringLimit } from './clustering.ts';
import {
  analyseEquilibrium,
  refineEquilibrium,
  riccatiEquilibrium,
  riccatiJacobianSpectrum,
} from './equilibrium.ts';
import {
  covarianceJacobian,
  covarianceVelocity,
  symmetricCoordinates,
  symmetricFromCoordinates,
} from './jacobian.ts';
import { gaussianLayer, scoreHead } from './layer.ts';
import { integrateMoments } from './moment-flow.ts';
import { covarianceFactor, unfactored } from './moments.ts';
import { type RiccatiForm, riccatiForm } from './riccati.ts';
import { largestDifference, randomCovariance, randomLayer, randomMatrix } from './test-support.ts';

/** `V = vI`, `M = v(B + Bᵀ) ≺ 0` and Re λ(W) > 0. */
function attracted(seed: number, d: number, v: number) {
  const s = randomStream(seed, 'attracted');
  const skew = randomMatrix(s, d, d, 0.5);
  const negative = scale(-0.5, randomCovariance(s, d, d, 0.2));
  const B = scale(1 / v, add(scale(0.5, negative), subtract(skew, transpose(skew))));
  const rotation = randomMatrix(s, d, d, 0.5);
  const W = add(
    scale(0.3, randomCovariance(s, d, d, 0.5)),
    subtract(rotation, transpose(rotation)),
  );
  return gaussianLayer({
    heads: [{ V: scale(v, identity(d)), B }],
    W,
    b: s.normals(new Float64Array(d)),
  });
}

describe('the derivative of the covariance flow', () => {
  test.each(['softmax', 'l2', 'sinkhorn'] as const)(
    'agrees with central differences: %s',
    (attention) => {
      const d = 3;
      const layer = randomLayer(12, d, attention);
      const covariance = randomCovariance(randomStream(12, 'jacobian'), d, d, 0.3);
      const jacobian = covarianceJacobian(layer, covariance);
      const h = 1e-5;
      for (let k = 0; k < 6; k++) {
        const unit = new Float64Array(6);
        unit[k] = h;
        const delta = symmetricFromCoordinates(unit, d);
        const difference = subtract(
          covarianceVelocity(layer, add(covariance, delta)),
          covarianceVelocity(layer, subtract(covariance, delta)),
        );
        const expected = symmetricCoordinates(scale(1 / (2 * h), difference));
        const column = Array.from({ length: 6 }, (_, i) => jacobian.data[i * 6 + k]);
        expect(largestDifference(column, expected)).toBeLessThan(2e-8);
      }
    },
  );

  test('the coordinates of symmetric matrices are orthonormal', () => {
    const A = randomCovariance(randomStream(1, 'coordinates'), 4);
    const coordinates = symmetricCoordinates(A);
    expect(Math.abs(Math.hypot(...coordinates) - frobeniusNorm(A))).toBeLessThan(1e-12);
    expect(largestDifference(symmetricFromCoordinates(coordinates, 4).data, A.data)).toBeLessThan(
      1e-14,
    );
  });
});

describe('equilibria for V = vI', () => {
  test.each([
    [1, 2, 1],
    [2, 3, -0.7],
    [3, 4, 0.4],
  ])('Lyapunov, integration, Newton and spectrum agree (seed %i, d = %i, v = %f)', (seed, d, v) => {
    const layer = attracted(seed, d, v);
    const form = riccatiForm(layer) as RiccatiForm;
    const exact = riccatiEquilibrium(form);
    if (exact === null) throw new Error('no equilibrium');
    expect(frobeniusNorm(covarianceVelocity(layer, exact))).toBeLessThan(1e-12);
    const law = {
      mean: new Float64Array(d),
      covariance: scale(0.5, randomCovariance(randomStream(seed, 'law'), d, d, 0.1)),
    };
    const flow = integrateMoments({ ...layer, b: new Float64Array(d) }, law, {
      horizon: 60,
      dense: false,
    });
    expect(flow.status.kind).toBe('completed');
    const reached = unfactored(flow.moments).covariance;
    expect(largestDifference(reached.data, exact.data)).toBeLessThan(1e-8);
    const refined = refineEquilibrium(layer, scale(1.1, exact));
    expect(largestDifference(refined?.data ?? [], exact.data)).toBeLessThan(1e-12);

    const { jacobianSpectrum, meanSpectrum, mean } = analyseEquilibrium(layer, exact);
    const predicted = riccatiJacobianSpectrum(form);
    expect(largestDifference(jacobianSpectrum.real, predicted.real)).toBeLessThan(1e-10);
    const sizes = (imaginary: Float64Array) => imaginary.map(Math.abs).sort();
    expect(
      largestDifference(sizes(jacobianSpectrum.imaginary), sizes(predicted.imaginary)),
    ).toBeLessThan(1e-10);
    // UΣ* is skew-symmetric, so the mean's eigenvalues have real part v exactly.
    for (const re of meanSpectrum.real) expect(Math.abs(re - v)).toBeLessThan(1e-10);
    expect(mean).not.toBeNull();
  });

  test('there is none where P* is not positive definite, or Lyapunov has no solution', () => {
    const form = { totalValue: 1, M: identity(2), W: identity(2) };
    expect(riccatiEquilibrium(form)).toBeNull();
    const rotation = fromRows([
      [0, 1],
      [-1, 0],
    ]);
    expect(riccatiEquilibrium({ ...form, W: rotation })).toBeNull();
  });
});

test('Newton finds equilibria of layers with general values', () => {
  const d = 3;
  const s = randomStream(4, 'general values');
  const V = randomCovariance(s, d, d, 0.3);
  const B = scale(-1, randomCovariance(s, d, d, 0.3));
  const layer = gaussianLayer({
    heads: [{ V, B }],
    W: add(identity(d), randomMatrix(s, d, d, 0.2)),
  });
  const flow = integrateMoments(
    layer,
    { mean: new Float64Array(d), covariance: identity(d) },
    { horizon: 12, dense: false },
  );
  const refined = refineEquilibrium(layer, unfactored(flow.moments).covariance);
  if (refined === null) throw new Error('no equilibrium');
  const { residual, jacobianSpectrum } = analyseEquilibrium(layer, refined);
  expect(residual).toBeLessThan(1e-12);
  expect(jacobianSpectrum.real[0]).toBeLessThan(0);
  expect(symmetricEigen(refined).values[0]).toBeGreaterThan(0);
});

describe('clustering for K = −Q, V = I', () => {
  test.each([
    [5, 2, 5],
    [4, 1, 4],
    [5, 2, 4],
  ])('d = %i, k = %i, rank %i: the limit of the flow, of rank r − k', (d, k, rank) => {
    const s = randomStream(d, 'clustering');
    const Q = randomMatrix(s, k, d);
    const layer = gaussianLayer({ heads: [scoreHead({ V: identity(d), Q, K: scale(-1, Q) })] });
    const covariance = randomCovariance(s, d, rank);
    const limit = clusteringLimit(riccatiForm(layer) as RiccatiForm, covarianceFactor(covariance));
    expect(limit.rank).toBe(rank - k);
    expect(frobeniusNorm(multiply(Q, limit.covariance))).toBeLessThan(1e-12);
    const flow = integrateMoments(
      layer,
      { mean: new Float64Array(d), covariance },
      { horizon: 1e6, dense: false },
    );
    expect(flow.status.kind).toBe('completed');
    // It is reached like 1/t.
    expect(
      largestDifference(unfactored(flow.moments).covariance.data, limit.covariance.data),
    ).toBeLessThan(1e-4);
  });

  test('is N(NᵀΣ0⁻¹N)⁻¹Nᵀ', () => {
    // Q = e1ᵀ: N = (e2 e3).
    const Q = fromRows([[1, 0, 0]]);
    const covariance = randomCovariance(randomStream(2, 'N'), 3);
    const form = { totalValue: 1, M: scale(-2, multiply(transpose(Q), Q)), W: zeros(3, 3) };
    const limit = clusteringLimit(form, covarianceFactor(covariance)).covariance;
    const c = (i: number, j: number) => covariance.data[3 * i + j];
    for (const i of [1, 2]) {
      for (const j of [1, 2]) {
        // The Schur complement of Σ₁₁, which is the inverse of the block of the inverse.
        expect(
          Math.abs(limit.data[3 * i + j] - (c(i, j) - (c(i, 0) * c(0, j)) / c(0, 0))),
        ).toBeLessThan(1e-12);
      }
    }
  });

  test('is refused where the law is not contracted', () => {
    const form = { totalValue: 1, M: identity(2), W: zeros(2, 2) };
    expect(() => clusteringLimit(form, identity(2))).toThrow(/negative semi-definite/);
  });
});
