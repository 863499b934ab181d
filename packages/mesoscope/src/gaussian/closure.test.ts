import { describe, expect, test } from 'vitest';
import { inverse } from '../numeric/decompositions.ts';
import {
  add,
  block,
  fromBlocks,
  fromRows,
  identity,
  multiply,
  multiplyVector,
  scale,
  transpose,
} from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { affineVelocity, pushLayer, tiltedMeans } from './closure.ts';
import { distanceHead, gaussianLayer, scoreHead } from './layer.ts';
import { momentField } from './moment-field.ts';
import { factored, packMoments, unfactored } from './moments.ts';
import { largestDifference, randomCovariance, randomLayer, randomMatrix } from './test-support.ts';

const d = 3;
const stream = () => randomStream(5, 'closure test');

/** `∫ y e^{score(x,y)} dN(m,Σ)(y) / ∫ e^{score}` by the product Gauss–Hermite-like trapezoid rule on a wide grid. */
function tiltedMeanByQuadrature(
  mean: ArrayLike<number>,
  factor: { readonly data: Float64Array },
  score: (y: number[]) => number,
): number[] {
  const total = [0, 0];
  let mass = 0;
  const h = 0.05;
  for (let a = -12; a <= 12; a += h) {
    for (let b = -12; b <= 12; b += h) {
      const y = [0, 1].map((i) => mean[i] + factor.data[2 * i] * a + factor.data[2 * i + 1] * b);
      const weight = Math.exp(score(y) - (a * a + b * b) / 2);
      mass += weight;
      total[0] += weight * y[0];
      total[1] += weight * y[1];
    }
  }
  return total.map((entry) => entry / mass);
}

describe('tilted means of a Gaussian law', () => {
  const s = stream();
  const law = { mean: Float64Array.of(0.3, -0.7), covariance: randomCovariance(s, 2, 2, 0.1) };
  const moments = factored(law);
  const Q = randomMatrix(s, 2, 2, 0.4);
  const K = randomMatrix(s, 2, 2, 0.4);
  const x = [0.4, 1.1];
  const apply = (A: typeof Q, v: ArrayLike<number>) => Array.from(multiplyVector(A, v));

  test('softmax agrees with quadrature of the definition', () => {
    const layer = gaussianLayer({ heads: [scoreHead({ V: identity(2), Q, K, scale: 0.8 })] });
    const [{ T, a }] = tiltedMeans(layer, moments);
    const q = apply(Q, x);
    const expected = tiltedMeanByQuadrature(law.mean, moments.factor, (y) => {
      const k = apply(K, y);
      return 0.8 * (q[0] * k[0] + q[1] * k[1]);
    });
    expect(
      largestDifference(
        apply(T, x).map((v, i) => v + a[i]),
        expected,
      ),
    ).toBeLessThan(1e-12);
  });

  test('l2 agrees with quadrature of the definition', () => {
    const layer = gaussianLayer({
      attention: 'l2',
      heads: [distanceHead({ V: identity(2), Q, K, scale: 0.8 })],
    });
    const [{ T, a }] = tiltedMeans(layer, moments);
    const q = apply(Q, x);
    const expected = tiltedMeanByQuadrature(law.mean, moments.factor, (y) => {
      const k = apply(K, y);
      return -0.8 * ((q[0] - k[0]) ** 2 + (q[1] - k[1]) ** 2);
    });
    expect(
      largestDifference(
        apply(T, x).map((v, i) => v + a[i]),
        expected,
      ),
    ).toBeLessThan(1e-12);
  });

  test('l2 is the formula with inverses where the covariance has one, and continuous where it has none', () => {
    const head = distanceHead({ V: identity(2), Q, K, scale: 0.8 });
    const layer = gaussianLayer({ attention: 'l2', heads: [head] });
    const [{ T, a }] = tiltedMeans(layer, moments);
    const precision = inverse(law.covariance);
    const C = inverse(add(precision, scale(1.6, multiply(transpose(K), K))));
    expect(largestDifference(T.data, scale(1.6, multiply(C, transpose(K), Q)).data)).toBeLessThan(
      1e-13,
    );
    expect(largestDifference(a, multiplyVector(multiply(C, precision), law.mean))).toBeLessThan(
      1e-13,
    );

    const line = { mean: law.mean, factor: fromRows([[1], [2]]) };
    const nearly = factored({
      mean: law.mean,
      covariance: add(multiply(line.factor, transpose(line.factor)), identity(2), 1e-9),
    });
    const [singular] = tiltedMeans(layer, line);
    const [limit] = tiltedMeans(layer, nearly);
    expect(largestDifference(singular.T.data, limit.T.data)).toBeLessThan(1e-8);
    expect(largestDifference(singular.a, limit.a)).toBeLessThan(1e-8);
  });

  test('sinkhorn agrees with matrix scaling on a grid', () => {
    // One dimension: marginal N(m, s²) on a grid, coupling scaled until both marginals fit.
    const m = 0.4;
    const spread = 0.9;
    const B = -0.8;
    const nodes = Array.from({ length: 241 }, (_, i) => m + spread * (-6 + i * 0.05));
    const weights = nodes.map((y) => Math.exp(-((y - m) ** 2) / (2 * spread ** 2)));
    const mass = weights.reduce((sum, w) => sum + w, 0);
    const mu = weights.map((w) => w / mass);
    const kernel = nodes.map((x) => nodes.map((y) => Math.exp(B * x * y)));
    let u = nodes.map(() => 1);
    let v = nodes.map(() => 1);
    for (let k = 0; k < 300; k++) {
      u = nodes.map((_, i) => 1 / kernel[i].reduce((sum, e, j) => sum + e * v[j] * mu[j], 0));
      v = nodes.map((_, j) => 1 / kernel.reduce((sum, row, i) => sum + row[j] * u[i] * mu[i], 0));
    }
    const conditional = (i: number) =>
      u[i] * nodes.reduce((sum, y, j) => sum + kernel[i][j] * v[j] * mu[j] * y, 0);
    const layer = gaussianLayer({
      attention: 'sinkhorn',
      heads: [{ V: identity(1), B: fromRows([[B]]) }],
    });
    const [{ T, a }] = tiltedMeans(layer, {
      mean: Float64Array.of(m),
      factor: fromRows([[spread]]),
    });
    for (const i of [100, 120, 150]) {
      expect(Math.abs(conditional(i) - (T.data[0] * nodes[i] + a[0]))).toBeLessThan(1e-6);
    }
  });

  test('sinkhorn is the coupling whose density has the cross term ⟨Bx, y⟩', () => {
    // The joint law of (y, x) has covariance [Σ S; Sᵀ Σ]; the off-diagonal block of its precision must be −B.
    const s = stream();
    const covariance = randomCovariance(s, 3);
    const B = randomMatrix(s, 3, 3);
    const layer = gaussianLayer({ attention: 'sinkhorn', heads: [{ V: identity(3), B }] });
    const [{ T }] = tiltedMeans(layer, factored({ mean: new Float64Array(3), covariance }));
    const S = multiply(T, covariance);
    const precision = inverse(
      fromBlocks([
        [covariance, S],
        [transpose(S), covariance],
      ]),
    );
    expect(largestDifference(block(precision, 0, 3, 3, 3).data, scale(-1, B).data)).toBeLessThan(
      1e-9,
    );
  });
});

describe.each(['softmax', 'l2', 'sinkhorn'] as const)(
  'the closure of %s attention',
  (attention) => {
    test.each([d, 2])('gives the moment field from the velocity field, rank %i', (rank) => {
      const s = stream();
      const layer = randomLayer(2, d, attention);
      const law = {
        mean: s.normals(new Float64Array(d)),
        covariance: randomCovariance(s, d, rank),
      };
      const moments = factored(law);
      expect(moments.factor.columns).toBe(rank);
      const { T: U, a: c } = affineVelocity(layer, law);
      const y = packMoments(moments);
      const dy = new Float64Array(y.length);
      momentField(d, rank)(layer, y, dy);
      const meanVelocity = multiplyVector(U, law.mean).map((entry, i) => entry + c[i]);
      expect(largestDifference(dy.subarray(0, d), meanVelocity)).toBeLessThan(1e-12);
      expect(largestDifference(dy.subarray(d), multiply(U, moments.factor).data)).toBeLessThan(
        1e-12,
      );
    });

    test('does not depend on which factor of the covariance it is given', () => {
      const s = stream();
      const layer = randomLayer(3, d, attention);
      const factor = randomMatrix(s, d, 2);
      const angle = 0.9;
      const rotation = fromRows([
        [Math.cos(angle), -Math.sin(angle)],
        [Math.sin(angle), Math.cos(angle)],
      ]);
      const mean = s.normals(new Float64Array(d));
      const one = tiltedMeans(layer, { mean, factor });
      const other = tiltedMeans(layer, { mean, factor: multiply(factor, rotation) });
      one.forEach(({ T, a }, h) => {
        expect(largestDifference(T.data, other[h].T.data)).toBeLessThan(1e-12);
        expect(largestDifference(a, other[h].a)).toBeLessThan(1e-12);
      });
    });
  },
);

test('a pushed layer is (I + τU)Σ(I + τU)ᵀ', () => {
  const s = stream();
  const layer = randomLayer(4, d);
  const law = { mean: s.normals(new Float64Array(d)), covariance: randomCovariance(s, d) };
  const { T: U, a: c } = affineVelocity(layer, law);
  const pushed = unfactored(pushLayer(layer, factored(law), 0.2));
  const map = add(identity(d), U, 0.2);
  const expected = multiply(map, law.covariance, transpose(map));
  expect(largestDifference(pushed.covariance.data, expected.data)).toBeLessThan(1e-12);
  const mean = multiplyVector(map, law.mean).map((entry, i) => entry + 0.2 * c[i]);
  expect(largestDifference(pushed.mean, mean)).toBeLessThan(1e-13);
});
