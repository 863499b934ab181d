import { describe, expect, test } from 'vitest';
import { symmetricEigen } from '../numeric/decompositions.ts';
import { fromRows, identity, multiply, scale, transpose, zeros } from '../numeric/matrix.ts';
import { symmetricSquareRoot } from '../numeric/matrix-functions.ts';
import { randomStream } from '../numeric/random.ts';
import { predictBlowUp } from './blow-up.ts';
import { gaussianLayer } from './layer.ts';
import { integrateMoments } from './moment-flow.ts';
import { covarianceFactor, unfactored } from './moments.ts';
import { advanceRiccati, type RiccatiForm, riccatiForm, riccatiStep } from './riccati.ts';
import { largestDifference, randomCovariance, randomMatrix } from './test-support.ts';

/** Heads `v_hI` with random B and W. */
function randomScalarLayer(seed: number, d: number, sizeW: number) {
  const s = randomStream(seed, 'scalar values');
  return gaussianLayer({
    heads: [1, -0.5].map((v) => ({ V: scale(v, identity(d)), B: randomMatrix(s, d, d, 0.5) })),
    W: randomMatrix(s, d, d, sizeW),
  });
}

describe('predicted and integrated blow-up times', () => {
  test('agree to 1e-8, or both find none, on random layers and laws of any rank', () => {
    let found = 0;
    for (let seed = 0; seed < 40; seed++) {
      const d = 1 + (seed % 4);
      const rank = 1 + (seed % d);
      const s = randomStream(seed, 'blow-up law');
      const law = { mean: new Float64Array(d), covariance: randomCovariance(s, d, rank) };
      const layer = randomScalarLayer(seed, d, seed % 3 === 0 ? 0 : 0.6);
      const predicted = predictBlowUp(
        riccatiForm(layer) as RiccatiForm,
        covarianceFactor(law.covariance),
        { horizon: 30 },
      );
      const flow = integrateMoments(layer, law, { horizon: 30, dense: false });
      if (predicted.time === null) expect(flow.blowUpTime).toBeNull();
      else {
        found++;
        expect(Math.abs((flow.blowUpTime as number) / predicted.time - 1)).toBeLessThan(1e-8);
      }
    }
    expect(found).toBeGreaterThan(15);
    expect(found).toBeLessThan(40);
  });

  test('W = 0: the reciprocal of the largest eigenvalue of Σ^{1/2}MΣ^{1/2}', () => {
    const layer = randomScalarLayer(3, 3, 0);
    const covariance = randomCovariance(randomStream(3, 'law'), 3);
    const form = riccatiForm(layer) as RiccatiForm;
    const root = symmetricSquareRoot(covariance);
    const largest = symmetricEigen(multiply(root, form.M, root)).values[2];
    const { time } = predictBlowUp(form, covarianceFactor(covariance));
    expect(Math.abs((time as number) * largest - 1)).toBeLessThan(1e-12);
  });

  test('scalar with W: Σ = e^{2wt}Σ0/(1 − MΣ0(e^{2wt} − 1)/2w)', () => {
    const form = { totalValue: 1, M: fromRows([[0.7]]), W: fromRows([[-0.3]]) };
    const sigma = 1.5;
    const expected = Math.log(1 - 0.6 / (0.7 * sigma)) / -0.6;
    const { time } = predictBlowUp(form, fromRows([[Math.sqrt(sigma)]]));
    expect(Math.abs((time as number) / expected - 1)).toBeLessThan(1e-13);
    // Below the unstable equilibrium 2·0.3/0.7 there is none.
    expect(predictBlowUp(form, fromRows([[Math.sqrt(0.85)]]))).toMatchObject({
      time: null,
      searchedTo: Number.POSITIVE_INFINITY,
    });
  });

  test('a crossing that does not last is found, one that does not quite happen is not', () => {
    // d = 2, W a rotation generator: λ(t) rises and falls; M indefinite with negative trace.
    const W = fromRows([
      [0, 1],
      [-1, 0],
    ]);
    const M = fromRows([
      [1, 0],
      [0, -3],
    ]);
    // The first maximum of λ_max(∫ e^{Wᵀs}Me^{Ws}) over t, by brute force.
    const at = (t: number) => {
      let best = 0;
      const n = 4000;
      const sum = [0, 0, 0];
      for (let k = 0; k < n; k++) {
        const s = ((k + 0.5) * t) / n;
        const [c, q] = [Math.cos(s), Math.sin(s)];
        // e^{Ws} = [c q; −q c].
        sum[0] += (c * c * 1 + q * q * -3) * (t / n);
        sum[1] += (c * q * 1 + q * c * 3) * (t / n);
        sum[2] += (q * q * 1 + c * c * -3) * (t / n);
        best = (sum[0] + sum[2]) / 2 + Math.hypot((sum[0] - sum[2]) / 2, sum[1]);
      }
      return best;
    };
    let peak = 0;
    for (let t = 0.01; t < 3; t += 0.01) peak = Math.max(peak, at(t));
    const form = { totalValue: 1, M, W };
    const above = Math.sqrt(1.001 / peak);
    const below = Math.sqrt(0.999 / peak);
    const crossing = predictBlowUp(form, scale(above, identity(2)), { horizon: 10 });
    expect(crossing.time).not.toBeNull();
    expect(Math.abs(at(crossing.time as number) * above ** 2 - 1)).toBeLessThan(1e-5);
    expect(predictBlowUp(form, scale(below, identity(2)), { horizon: 10 }).time).toBeNull();
  });

  test('stops at the horizon, and says so', () => {
    const form = { totalValue: 1, M: fromRows([[1]]), W: fromRows([[0.1]]) };
    const result = predictBlowUp(form, fromRows([[1]]), { horizon: 0.5 });
    expect(result).toMatchObject({ time: null, searchedTo: 0.5 });
  });
});

test('the closed form of the Riccati flow agrees with integration, for singular Σ too', () => {
  for (const rank of [1, 3]) {
    const layer = randomScalarLayer(8, 3, 0.5);
    const covariance = scale(0.2, randomCovariance(randomStream(8, 'law'), 3, rank));
    const step = riccatiStep(riccatiForm(layer) as RiccatiForm, 0.7);
    const L = advanceRiccati(step, covarianceFactor(covariance));
    const flow = integrateMoments(
      layer,
      { mean: new Float64Array(3), covariance },
      { horizon: 0.7 },
    );
    expect(flow.status.kind).toBe('completed');
    if (L === null) throw new Error('no solution');
    expect(
      largestDifference(multiply(L, transpose(L)).data, unfactored(flow.moments).covariance.data),
    ).toBeLessThan(1e-9);
  }
});

test('values that are not multiples of the identity have no Riccati form', () => {
  const V = fromRows([
    [1, 0],
    [0, 2],
  ]);
  expect(riccatiForm(gaussianLayer({ heads: [{ V, B: identity(2) }] }))).toBeNull();
});

test.each([
  ['M', Number.POSITIVE_INFINITY, 1],
  ['LᵀML', 1e10, 1e148],
  ['LLᵀ', 1, 1e160],
])('says that it cannot tell where %s overflows', (_, m, l) => {
  const form: RiccatiForm = { totalValue: 1, W: zeros(2, 2), M: scale(m, identity(2)) };
  const { time, searchedTo, reason } = predictBlowUp(form, scale(l, identity(2)), { horizon: 1 });
  expect({ time, searchedTo }).toEqual({ time: null, searchedTo: 0 });
  expect(reason).toContain('overflows');
});
