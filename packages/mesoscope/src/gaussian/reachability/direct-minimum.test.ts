import { describe, expect, test } from 'vitest';
import { fitLine } from '../../numeric/fit.ts';
import { frobeniusNorm, subtract } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import type { GaussianMoments } from '../moments.ts';
import { largestDifference, randomCovariance } from '../test-support.ts';
import { directMinimumEnergy, steeringLagrangian } from './direct-minimum.ts';
import { alignEndpoints } from './factor-path.ts';
import { minimumEnergyControls } from './minimum-energy.ts';

function randomLaw(seed: number, d: number, rank: number): GaussianMoments {
  const s = randomStream(seed, 'direct minimum');
  return {
    mean: s.normals(new Float64Array(d)),
    covariance: randomCovariance(s, d, rank, rank === d ? 0.3 : 0),
  };
}

const pair = (d: number, rank: number) =>
  alignEndpoints(randomLaw(d, d, rank), randomLaw(10 + d, d, rank), 1.5);

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
])('d = %i, rank %i: the discrete adjoint is the derivative', (d, rank) => {
  const problem = steeringLagrangian(pair(d, rank), 3);
  const s = randomStream(1, 'controls');
  const controls = s.normals(new Float64Array(problem.controlLength)).map((x) => 0.3 * x);
  const multipliers = s.normals(new Float64Array(problem.gapLength));
  const gradient = new Float64Array(controls.length);
  problem.value(controls, multipliers, 2, gradient);
  const unused = new Float64Array(controls.length);
  const differences = controls.map((_, i) => {
    const at = (h: number) => {
      const shifted = controls.slice();
      shifted[i] += h;
      return problem.value(shifted, multipliers, 2, unused);
    };
    return (at(1e-5) - at(-1e-5)) / 2e-5;
  });
  const size = Math.max(...gradient.map(Math.abs));
  expect(largestDifference(gradient, differences)).toBeLessThan(1e-7 * size);
});

describe('least energy over N layers', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
  ])('d = %i, rank %i: tends to that of the extremal from above, like N^-2', (d, rank) => {
    const endpoints = pair(d, rank);
    const extremal = minimumEnergyControls(endpoints);
    const counts = [8, 16, 32];
    const found = counts.map((layers) => directMinimumEnergy(endpoints, { layers }));
    expect(found.map(({ status }) => status)).toEqual(counts.map(() => 'converged'));
    // Here the two starts lead to different extremals in the singular case.
    const excess = found.map(({ energy }) => energy - extremal.energy);
    expect(Math.min(...excess)).toBeGreaterThan(0);
    const { slope } = fitLine(counts.map(Math.log), excess.map(Math.log));
    expect(slope).toBeGreaterThan(-2.15);
    expect(slope).toBeLessThan(-1.85);
    // The discrete costate tends to the continuous one.
    const differences = found.map(
      ({ factorCostate }) =>
        frobeniusNorm(subtract(factorCostate, extremal.factorCostate)) /
        frobeniusNorm(extremal.factorCostate),
    );
    expect(differences[2]).toBeLessThan(0.35 * differences[1]);
    expect(differences[2]).toBeLessThan(1e-2);
  });

  test('says when the endpoint is missed', () => {
    const { status, endpointError } = directMinimumEnergy(pair(2, 2), {
      layers: 4,
      tolerance: 1e-30,
    });
    expect(status).toBe('endpoint-missed');
    expect(endpointError).toBeGreaterThan(1e-30);
  });
});
