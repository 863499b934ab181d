import { describe, expect, it } from 'vitest';
import {
  largestEntry,
  type Matrix,
  multiply,
  subtract,
  trace,
  transpose,
} from '../../numeric/matrix.ts';
import { symmetricSquareRoot } from '../../numeric/matrix-functions.ts';
import { randomStream } from '../../numeric/random.ts';
import { type GaussianLaw, gaussian, particles, standardGaussian } from '../law.ts';
import { sampleLaw } from '../sample.ts';
import { buresGeodesic, buresMap, buresWasserstein } from './bures.ts';
import { wassersteinDistance } from './transport.ts';

function randomGaussian(d: number, rank: number, index: number): GaussianLaw {
  const stream = randomStream(41, 'Gaussians', index);
  const factor = { rows: d, columns: rank, data: stream.normals(new Float64Array(d * rank)) };
  return gaussian(stream.normals(new Float64Array(d)), multiply(factor, transpose(factor)));
}

/** `tr(Σ_0 + Σ_1 − 2(Σ_0^{1/2}Σ_1Σ_0^{1/2})^{1/2})`, straight from the definition. */
function definition(a: GaussianLaw, b: GaussianLaw): number {
  const cross = symmetricSquareRoot(symmetrised(multiply(a.root, b.covariance, a.root)));
  const shift = a.mean.reduce((sum, entry, i) => sum + (entry - b.mean[i]) ** 2, 0);
  return Math.sqrt(shift + trace(a.covariance) + trace(b.covariance) - 2 * trace(cross));
}

function symmetrised(a: Matrix): Matrix {
  const back = transpose(a);
  return { ...a, data: a.data.map((entry, i) => 0.5 * (entry + back.data[i])) };
}

describe('buresWasserstein', () => {
  it.each([
    [1, 1, 1],
    [3, 3, 3],
    [5, 5, 2],
    [4, 2, 2],
    [6, 1, 4],
  ])('dimension %s, ranks %s and %s: the definition', (d, r, s) => {
    const [a, b] = [randomGaussian(d, r, 1), randomGaussian(d, s, 2)];
    expect(buresWasserstein(a, b).value).toBeCloseTo(definition(a, b), 6);
    expect(buresWasserstein(a, b).value).toBeCloseTo(buresWasserstein(b, a).value, 12);
  });

  it('commuting covariances, translations, equal laws, Dirac laws', () => {
    const a = gaussian(
      [0, 0],
      [
        [4, 0],
        [0, 9],
      ],
    );
    expect(
      buresWasserstein(
        a,
        gaussian(
          [0, 0],
          [
            [1, 0],
            [0, 1],
          ],
        ),
      ).value,
    ).toBeCloseTo(Math.sqrt(5), 14);
    expect(
      buresWasserstein(
        a,
        gaussian(
          [3, 4],
          [
            [4, 0],
            [0, 9],
          ],
        ),
      ).value,
    ).toBeCloseTo(5, 14);
    const random = randomGaussian(5, 5, 3);
    expect(buresWasserstein(random, random).value).toBeLessThan(1e-13);
    const point = gaussian(
      [1, 1],
      [
        [0, 0],
        [0, 0],
      ],
    );
    expect(
      buresWasserstein(
        point,
        gaussian(
          [1, 1],
          [
            [4, 0],
            [0, 9],
          ],
        ),
      ).value,
    ).toBeCloseTo(Math.sqrt(13), 14);
  });

  it('tells very close laws apart, where the definition cancels', () => {
    const close = gaussian([0], [[(1 + 1e-10) ** 2]]);
    expect(buresWasserstein(standardGaussian(1), close).value / 1e-10).toBeCloseTo(1, 5);
  });
});

describe('buresMap', () => {
  it('pushes one law onto the other, is symmetric, and is optimal for particles', () => {
    const [a, b] = [randomGaussian(3, 3, 4), randomGaussian(3, 3, 5)];
    const map = buresMap(a, b);
    expect(largestEntry(subtract(multiply(map, a.covariance, map), b.covariance))).toBeLessThan(
      1e-10,
    );
    const points = sampleLaw(a, 60, randomStream(1, 'points'));
    const images = multiply(points, map);
    const { plan } = wassersteinDistance(particles(points), particles(images));
    expect(plan.from).toEqual(plan.to);
  });

  it('exists between degenerate laws of one subspace, and not into more dimensions', () => {
    const line = gaussian(
      [0, 0],
      [
        [1, 1],
        [1, 1],
      ],
    );
    const longer = gaussian(
      [0, 0],
      [
        [4, 4],
        [4, 4],
      ],
    );
    const map = buresMap(line, longer);
    expect(
      largestEntry(subtract(multiply(map, line.covariance, map), longer.covariance)),
    ).toBeLessThan(1e-12);
    expect(() => buresMap(line, standardGaussian(2))).toThrow(/buresGeodesic/);
  });
});

describe('buresGeodesic', () => {
  it('joins the laws at constant speed', () => {
    for (const [r, s] of [
      [3, 3],
      [1, 3],
      [2, 2],
    ]) {
      const [a, b] = [randomGaussian(3, r, 6), randomGaussian(3, s, 7)];
      const geodesic = buresGeodesic(a, b);
      const at = (t: number) => gaussian(geodesic(t).mean, geodesic(t).covariance);
      expect(buresWasserstein(at(0), a).value).toBeLessThan(1e-7);
      expect(buresWasserstein(at(1), b).value).toBeLessThan(1e-7);
      const whole = buresWasserstein(a, b).value;
      expect(buresWasserstein(a, at(0.3)).value).toBeCloseTo(0.3 * whole, 6);
      expect(buresWasserstein(at(0.3), at(0.8)).value).toBeCloseTo(0.5 * whole, 6);
    }
  });
});
