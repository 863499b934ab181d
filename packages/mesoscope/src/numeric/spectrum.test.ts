import { describe, expect, it } from 'vitest';
import { eigenvalues } from './decompositions.ts';
import { diagonal, fromRows, scale, zeros } from './matrix.ts';
import { spectrumDistance, spectrumUncertainty } from './spectrum.ts';

const jordanBlock = (size: number, eigenvalue: number) => {
  const block = diagonal(new Float64Array(size).fill(eigenvalue));
  for (let i = 0; i + 1 < size; i++) block.data[i * size + i + 1] = 1;
  return block;
};

describe('the uncertainty of a spectrum', () => {
  it('is rounding for a symmetric matrix, at every scale', () => {
    const a = fromRows([
      [2, 1],
      [1, -3],
    ]);
    for (const unit of [1e-150, 1, 1e150]) {
      const found = spectrumUncertainty(scale(unit, a)) / unit;
      expect(found).toBeGreaterThan(1e-17);
      expect(found).toBeLessThan(5e-14);
    }
    expect(spectrumUncertainty(zeros(2, 2))).toBe(0);
  });

  it.each([2, 3, 5])('is about ε^(1/k) for a Jordan block of size %i', (size) => {
    const found = spectrumUncertainty(jordanBlock(size, -2));
    const expected = (8 * size * 2 ** -52) ** (1 / size);
    expect(found).toBeGreaterThan(0.2 * expected);
    expect(found).toBeLessThan(5 * expected);
  });

  it('covers what an orthogonal change of basis does to five equal eigenvalues', () => {
    // A reflection of the block: exactly the same eigenvalues, rounded differently.
    const n = 5;
    const v = Float64Array.of(1, 2, -1, 0.5, 3);
    const square = v.reduce((sum, x) => sum + x * x, 0);
    const block = jordanBlock(n, -2);
    const reflect = (i: number, j: number) => (i === j ? 1 : 0) - (2 * v[i] * v[j]) / square;
    const turned = zeros(n, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        for (let k = 0; k < n; k++) {
          for (let l = 0; l < n; l++) {
            turned.data[i * n + j] += reflect(i, k) * block.data[k * n + l] * reflect(l, j);
          }
        }
      }
    }
    const error = spectrumDistance(eigenvalues(turned), eigenvalues(block));
    expect(error).toBeGreaterThan(1e-5);
    expect(error).toBeLessThan(5 * spectrumUncertainty(turned));
  });
});
