import { describe, expect, test } from 'vitest';
import { MesoscopeError } from '../../errors.ts';
import { inverse } from '../../numeric/decompositions.ts';
import {
  frobeniusNorm,
  fromRows,
  identity,
  multiply,
  scale,
  subtract,
  transpose,
} from '../../numeric/matrix.ts';
import { matrixExponential } from '../../numeric/matrix-functions.ts';
import { randomStream } from '../../numeric/random.ts';
import type { GaussianMoments } from '../moments.ts';
import { largestDifference, randomCovariance } from '../test-support.ts';
import { bestReachable } from './best-reachable.ts';
import { alignEndpoints } from './factor-path.ts';
import { minimumEnergyControls } from './minimum-energy.ts';
import { type Realisation, realisations, steer } from './steer.ts';

function randomLaw(seed: number, d: number, rank: number): GaussianMoments {
  const s = randomStream(seed, 'steering');
  return {
    mean: s.normals(new Float64Array(d)),
    covariance: randomCovariance(s, d, rank, rank === d ? 0.1 : 0),
  };
}

const cases: readonly (readonly [Realisation, number, number])[] = realisations.flatMap((name) =>
  [
    [1, 1],
    [2, 2],
    [3, 3],
    [3, 2],
    [3, 1],
    [4, 2],
  ].map(([d, rank]) => [name, d, rank] as const),
);

describe('steering', () => {
  test.each(cases)(
    '%s, d = %i, rank %i: the moment flow arrives within 1e-8',
    (realisation, d, rank) => {
      const from = randomLaw(10 + d, d, rank);
      const to = randomLaw(20 + d, d, rank);
      const result = steer({ from, to, realisation, horizon: 1.5 });
      expect(result.flow.status.kind).toBe('completed');
      expect(result.endpointError.mean).toBeLessThan(1e-8);
      expect(result.endpointError.covariance).toBeLessThan(1e-8);
      if (realisation === 'minimum-energy') {
        expect(result.hamiltonianDrift).toBeLessThan(1e-8);
        expect(result.energy).toBeLessThan(result.geodesicEnergy);
        if (rank === d) {
          expect(result.energy).toBeLessThan(
            steer({ from, to, realisation: 'constant', horizon: 1.5 }).energy,
          );
        }
      }
    },
  );

  test('supports that are orthogonal to each other can be steered between', () => {
    const from = {
      mean: Float64Array.of(0, 0),
      covariance: fromRows([
        [1, 0],
        [0, 0],
      ]),
    };
    const to = {
      mean: Float64Array.of(1, 0),
      covariance: fromRows([
        [0, 0],
        [0, 4],
      ]),
    };
    for (const realisation of realisations) {
      const { endpointError } = steer({ from, to, realisation });
      expect(endpointError.mean + endpointError.covariance).toBeLessThan(1e-8);
    }
  });

  test('unequal ranks are refused with the reason', () => {
    const attempt = () =>
      steer({ from: randomLaw(1, 3, 2), to: randomLaw(2, 3, 3), realisation: 'constant' });
    expect(attempt).toThrow(MesoscopeError);
    expect(attempt).toThrow(/rank 3.*expected rank 2/);
  });
});

describe('minimum energy', () => {
  test('in one dimension it is half the squared distance in the hyperbolic plane of (m/σ, 1/σ)', () => {
    for (const [m0, s0, m1, s1] of [
      [0, 1, 0, 3],
      [0.5, 1, -1, 2],
      [2, 0.5, -1, 1.5],
    ]) {
      const law = (m: number, s: number) => ({
        mean: Float64Array.of(m),
        covariance: fromRows([[s * s]]),
      });
      const { energy } = steer({
        from: law(m0, s0),
        to: law(m1, s1),
        realisation: 'minimum-energy',
      });
      const [x0, y0, x1, y1] = [m0 / s0, 1 / s0, m1 / s1, 1 / s1];
      const distance = Math.acosh(1 + ((x0 - x1) ** 2 + (y0 - y1) ** 2) / (2 * y0 * y1));
      expect(Math.abs(energy - distance ** 2 / 2)).toBeLessThan(1e-9);
    }
  });

  test('for centred laws the flow is e^{tω}e^{tU0ᵀ}, ω = U0 − U0ᵀ', () => {
    const d = 3;
    const law = (seed: number) => ({
      mean: new Float64Array(d),
      covariance: randomLaw(seed, d, d).covariance,
    });
    const [from, to] = [law(31), law(32)];
    const { velocityAt, energy } = minimumEnergyControls(alignEndpoints(from, to));
    const U = velocityAt(0).T;
    const flow = multiply(
      matrixExponential(subtract(U, transpose(U))),
      matrixExponential(transpose(U)),
    );
    const end = multiply(flow, from.covariance, transpose(flow));
    expect(largestDifference(end.data, to.covariance.data)).toBeLessThan(1e-9);
    expect(Math.abs(energy - frobeniusNorm(U) ** 2 / 2)).toBeLessThan(1e-12);
    // The costate condition: U_0 = S_0Σ_0 with S_0 symmetric.
    const S = multiply(U, inverse(from.covariance));
    expect(largestDifference(S.data, transpose(S).data)).toBeLessThan(1e-9);
  });

  test('commuting centred laws: U = ½ log(Σ1Σ0⁻¹)/T, cost |log(Σ1Σ0⁻¹)|²/8T', () => {
    const from = { mean: new Float64Array(2), covariance: identity(2) };
    const to = {
      mean: new Float64Array(2),
      covariance: fromRows([
        [4, 0],
        [0, 0.25],
      ]),
    };
    const { energy } = steer({ from, to, realisation: 'minimum-energy', horizon: 2 });
    expect(Math.abs(energy - (2 * Math.log(4) ** 2) / 16)).toBeLessThan(1e-10);
  });

  test('the same law costs nothing', () => {
    const law = randomLaw(3, 2, 2);
    expect(steer({ from: law, to: law, realisation: 'minimum-energy' }).energy).toBeLessThan(1e-20);
  });
});

describe('the best reachable approximation', () => {
  test('of higher rank keeps the principal directions; nothing of that rank is nearer', () => {
    const to = {
      mean: new Float64Array(3),
      covariance: fromRows([
        [3, 0, 0],
        [0, 2, 0],
        [0, 0, 0.5],
      ]),
    };
    const best = bestReachable(randomLaw(1, 3, 2), to);
    expect(best.attained).toBe(true);
    expect(largestDifference(best.law.covariance.data, [3, 0, 0, 0, 2, 0, 0, 0, 0])).toBeLessThan(
      1e-12,
    );
    expect(Math.abs(best.distance - Math.sqrt(0.5))).toBeLessThan(1e-12);
    const { endpointError } = steer({
      from: randomLaw(1, 3, 2),
      to: best.law,
      realisation: 'feed-forward',
    });
    expect(endpointError.covariance).toBeLessThan(1e-8);
  });

  test('of lower rank comes as near as asked, and can be steered to', () => {
    const to = {
      mean: new Float64Array(2),
      covariance: fromRows([
        [1, 0],
        [0, 0],
      ]),
    };
    const from = randomLaw(4, 2, 2);
    const best = bestReachable(from, to, { floor: 1e-4 });
    expect(best).toMatchObject({ attained: false });
    expect(Math.abs(best.distance - 1e-2)).toBeLessThan(1e-12);
    const { endpointError } = steer({ from, to: best.law, realisation: 'minimum-energy' });
    expect(endpointError.mean + endpointError.covariance).toBeLessThan(1e-8);
  });
});

test('the energy of the geodesic is what its velocity field costs', () => {
  // From N(0, 1) to N(0, 4) in T = 1: σ = 1 + t, u = 1/(1 + t), ½∫u² = ¼.
  const law = (s: number) => ({ mean: new Float64Array(1), covariance: scale(s * s, identity(1)) });
  const { geodesicEnergy, squaredBuresDistance } = steer({
    from: law(1),
    to: law(2),
    realisation: 'constant',
  });
  expect(Math.abs(geodesicEnergy - 0.25)).toBeLessThan(1e-10);
  expect(squaredBuresDistance).toBeCloseTo(1, 12);
});
