import { expect, it } from 'vitest';
import { gaussian } from './law.ts';
import { lawCovariance } from './moments.ts';
import { gaussianQuadrature } from './quadrature.ts';
import { logSumExp, tiltedMean } from './tilt.ts';

it('has the moments of a Gaussian, and its log-sum-exp function to rounding', () => {
  const law = gaussian(
    [0.4, -1],
    [
      [1.2, 0.5],
      [0.5, 0.8],
    ],
  );
  const points = gaussianQuadrature(law, 20);
  expect(points.points.rows).toBe(400);
  lawCovariance(points).data.forEach((entry, i) => {
    expect(entry).toBeCloseTo(law.covariance.data[i], 12);
  });
  const xi = [1.1, -0.7];
  expect(logSumExp(points, xi)).toBeCloseTo(logSumExp(law, xi), 12);
  tiltedMean(points, xi).forEach((entry, a) => {
    expect(entry).toBeCloseTo(tiltedMean(law, xi)[a], 11);
  });
});
