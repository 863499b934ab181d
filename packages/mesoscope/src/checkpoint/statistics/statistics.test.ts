import { describe, expect, test } from 'vitest';
import { eigenvalues } from '../../numeric/decompositions.ts';
import { meanInterval } from '../../numeric/fit.ts';
import { type Matrix, multiply, scale, transpose } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import type { HeadView } from '../attention-view.ts';
import { cloudStatistics, gaussianTwin, outlierTokens, withoutTokens } from './cloud.ts';
import { headStatistics } from './heads.ts';
import { clusterThresholds, pairStatistics } from './pairs.ts';
import { spectrumOf } from './spectra.ts';
import { alignment, stepStatistics } from './step.ts';

const normals = (purpose: string, rows: number, columns: number): Matrix => ({
  rows,
  columns,
  data: randomStream(3, purpose).normals(new Float64Array(rows * columns)),
});

describe('a cloud', () => {
  test('of ±e_a has rank d − 0, no mean and cosines that cancel', () => {
    const d = 4;
    const data = new Float64Array(2 * d * d);
    for (let a = 0; a < d; a++) {
      data[2 * a * d + a] = 1;
      data[(2 * a + 1) * d + a] = -1;
    }
    const found = cloudStatistics({ rows: 2 * d, columns: d, data });
    expect(found.effectiveRank).toBeCloseTo(d, 12);
    expect(found.participation).toBeCloseTo(d, 12);
    expect(found.meanShare).toBeCloseTo(0, 12);
    expect(found.anisotropy).toBeCloseTo(-1 / (2 * d - 1), 12);
    expect(found.tokenRatio).toBe(1);
  });

  test('has a rank that does not depend on whether tokens or coordinates are fewer', () => {
    const wide = normals('wide', 6, 9);
    const turned = multiply(wide, transpose(wide));
    expect(cloudStatistics(turned).effectiveRank).toBeGreaterThan(1);
    const padded = { rows: 6, columns: 3, data: normals('narrow', 6, 3).data };
    const embedded = multiply(padded, { rows: 3, columns: 9, data: orthonormalRows() });
    expect(cloudStatistics(embedded).effectiveRank).toBeCloseTo(
      cloudStatistics(padded).effectiveRank,
      10,
    );
  });

  test('with one token of a hundred times the norm has rank 1, and without it its own', () => {
    const cloud = normals('tokens', 30, 12);
    for (let a = 0; a < 12; a++) cloud.data[5 * 12 + a] *= 100;
    expect(outlierTokens(cloud)).toEqual([5]);
    expect(cloudStatistics(cloud).effectiveRank).toBeLessThan(1.05);
    expect(cloudStatistics(withoutTokens(cloud, [5])).effectiveRank).toBeGreaterThan(7);
  });

  test('has Gaussian twins of its mean and covariance', () => {
    const cloud = multiply(normals('cloud', 40, 3), normals('map', 3, 3));
    for (let k = 0; k < cloud.data.length; k++) cloud.data[k] += (k % 3) + 1;
    const moments = (clouds: readonly Matrix[]) => {
      const sums = new Float64Array(12);
      for (const { data } of clouds) {
        for (let i = 0; i < 40; i++) {
          for (let a = 0; a < 3; a++) {
            sums[a] += data[i * 3 + a] / 40 / clouds.length;
            for (let b = 0; b < 3; b++) {
              sums[3 + 3 * a + b] += (data[i * 3 + a] * data[i * 3 + b]) / 40 / clouds.length;
            }
          }
        }
      }
      return sums;
    };
    const random = randomStream(4, 'twins');
    const twins = moments(Array.from({ length: 600 }, () => gaussianTwin(cloud, random)));
    const own = moments([cloud]);
    own.forEach((moment, k) => {
      expect(Math.abs(twins[k] - moment)).toBeLessThan(0.05 * (1 + Math.abs(moment)));
    });
  });
});

/** Three orthonormal rows of nine. */
function orthonormalRows(): Float64Array {
  const data = new Float64Array(27);
  for (let r = 0; r < 3; r++)
    for (let a = 0; a < 3; a++) data[r * 9 + 3 * r + a] = 1 / Math.sqrt(3);
  return data;
}

describe('a head', () => {
  const [n, k] = [400, 4];
  const all = { scale: 0.5, first: () => 0, end: () => n };
  const gaussian: HeadView = {
    ...all,
    queries: scale(0.5, normals('queries', n, k)),
    keys: normals('keys', n, k),
    values: normals('values', n, k),
  };

  test('without scores averages: no sink, full entropy, no tilt, closure exact', () => {
    const found = headStatistics({ ...gaussian, queries: scale(0, gaussian.queries) });
    expect(found.sink).toBeCloseTo(1 / n, 12);
    expect(found.entropy).toBeCloseTo(1, 12);
    expect(found.tilt).toBe(0);
    expect(found.closure).toBeLessThan(1e-12);
  });

  test.each([0.2, 0.4, 0.7])(
    'on Gaussian tokens errs from its closure by what is predicted, queries of size %d',
    (size) => {
      const ratios = Array.from({ length: 12 }, (_, i) => {
        const of = (name: string) => normals(`${name} ${i}`, n, k);
        // Values that share a direction with the keys, so that the tilt moves them.
        const [keys, own] = [of('keys'), of('values')];
        const values = { ...own, data: own.data.map((x, at) => x + keys.data[at]) };
        const queries = scale(size, of('queries'));
        const { closure, closurePredicted } = headStatistics({ ...all, queries, keys, values });
        return (closure ?? 0) / (closurePredicted ?? 1);
      });
      const { mean } = meanInterval(ratios);
      expect(mean).toBeGreaterThan(0.85);
      expect(mean).toBeLessThan(1.15);
    },
  );

  test('whose values follow the keys is affine in its queries, and one without queries is not', () => {
    const followed = { ...gaussian, values: gaussian.keys };
    expect(headStatistics(followed).affineShare).toBeGreaterThan(0.85);
    const apart = headStatistics({ ...gaussian, queries: scale(0, gaussian.queries) });
    expect(apart.affineShare).toBeNull();
  });

  test('that looks at one key has a sink of 1 and all tokens tilted', () => {
    const keys = scale(0, gaussian.keys);
    const queries = { rows: n, columns: k, data: new Float64Array(n * k).fill(1) };
    keys.data.fill(500, 0, k);
    const found = headStatistics({ ...gaussian, keys, queries });
    expect(found.sink).toBeCloseTo(1, 12);
    expect(found.entropy).toBeCloseTo(0, 12);
    expect(found.tiltedShare).toBe(1);
  });

  test('behind a causal mask has no closure, and a first token that sees itself', () => {
    const found = headStatistics({ ...gaussian, end: (i) => i + 1 });
    expect(found.closure).toBeNull();
    // Token i gives about 1/(i + 1) to the first key: the harmonic mean of its share.
    expect(found.sink).toBeGreaterThan(3 / n);
  });
});

describe('spectra', () => {
  const [k, d] = [3, 8];
  const [Q, K, V, O] = [
    normals('Q', k, d),
    normals('K', k, d),
    normals('V', k, d),
    normals('O', d, k),
  ];

  test('are those of the large matrices', () => {
    const found = spectrumOf({ Q, K, V, O });
    const { real, imaginary } = eigenvalues(multiply(O, V));
    const large = Array.from(real, (re, i) => [re, Math.hypot(re, imaginary[i])] as const).filter(
      ([, modulus]) => modulus > 1e-9,
    );
    expect(large).toHaveLength(k);
    expect(found.valueNegative).toBeCloseTo(large.filter(([re]) => re < 0).length / k, 12);
    expect(found.valueRadius).toBeCloseTo(Math.max(...large.map(([, modulus]) => modulus)), 10);
    const B = multiply(transpose(Q), K);
    const skew = B.data.map((x, at) => x - B.data[(at % d) * d + Math.floor(at / d)]);
    const square = (values: Float64Array) => values.reduce((sum, x) => sum + x * x, 0);
    expect(found.skewShare).toBeCloseTo(square(skew) / (4 * square(B.data)), 12);
  });

  test('of K = Q are symmetric and positive, and do not change under Q → GQ, K → G⁻ᵀK', () => {
    const same = spectrumOf({ Q, K: Q, V, O });
    expect(same.skewShare).toBeCloseTo(0, 12);
    expect(same.scoreNegative).toBe(0);
    const factor = 7;
    const gauged = spectrumOf({ Q: scale(factor, Q), K: scale(1 / factor, K), V, O });
    expect(gauged.relativeTrace).toBeCloseTo(spectrumOf({ Q, K, V, O }).relativeTrace, 12);
  });
});

describe('pairs', () => {
  test('of three directions at right angles and a copy of one', () => {
    const data = Float64Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 5, 0, 0);
    const { energy, clusters } = pairStatistics({ rows: 4, columns: 3, data });
    expect(energy).toBeCloseTo((6 * Math.E + 10) / 32, 12);
    expect(clusters).toEqual(clusterThresholds.map(() => 3));
  });

  test('are linked by chains', () => {
    const angles = [0, 20, 40, 200].map((degrees) => (degrees * Math.PI) / 180);
    const data = Float64Array.from(angles.flatMap((t) => [Math.cos(t), Math.sin(t)]));
    const { clusters } = pairStatistics({ rows: 4, columns: 2, data });
    // cos 20° = 0.94: joined at 0.9, apart at 0.95; the fourth is opposite.
    expect(clusters[clusterThresholds.indexOf(0.9)]).toBe(2);
    expect(clusters[clusterThresholds.indexOf(0.95)]).toBe(4);
  });
});

describe('steps', () => {
  const x = normals('before', 7, 5);

  test('to twice the tokens are of relative size 1 and angle 0', () => {
    const found = stepStatistics(x, scale(2, x));
    expect(found.relative).toBeCloseTo(1, 12);
    expect(found.angle).toBeCloseTo(0, 4);
    expect(found.whole).toBeCloseTo(1, 12);
  });

  test('are aligned with themselves and not with their opposite', () => {
    const y = normals('after', 7, 5);
    const back = { ...x, data: x.data.map((value, at) => 2 * value - y.data[at]) };
    expect(alignment(x, y, y)).toEqual({ difference: 0, cosine: expect.closeTo(1, 12) });
    expect(alignment(x, y, back).cosine).toBeCloseTo(-1, 12);
    expect(alignment(x, y, back).difference).toBeCloseTo(2, 12);
  });
});
