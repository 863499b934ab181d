import { describe, expect, test } from 'vitest';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { numericalRank, symmetricEigen } from '../numeric/decompositions.ts';
import { fromRows, identity, multiply, scale, zeros } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { pushLayer } from './closure.ts';
import { distanceHead, gaussianLayer } from './layer.ts';
import { momentBatch } from './moment-batch.ts';
import { integrateMoments } from './moment-flow.ts';
import { factored, unfactored } from './moments.ts';
import { largestDifference, randomCovariance, randomLayer, rungeKutta } from './test-support.ts';

const d = 3;

/** `ṁ = Um + V̂m + b`, `Σ̇ = UΣ + ΣUᵀ` as written, on (m, Σ). */
function fullFlow(layer: ReturnType<typeof randomLayer>) {
  return (_: number, y: Float64Array) => {
    const mean = y.slice(0, d);
    const covariance = { rows: d, columns: d, data: y.slice(d) };
    let U = layer.W;
    let total = zeros(d, d);
    for (const { V, B } of layer.heads) {
      U = { ...U, data: U.data.map((u, i) => u + multiply(V, covariance, B).data[i]) };
      total = { ...total, data: total.data.map((u, i) => u + V.data[i]) };
    }
    const half = multiply(U, covariance).data;
    return Float64Array.from({ length: d + d * d }, (_, k) => {
      if (k >= d) {
        const [i, j] = [Math.floor((k - d) / d), (k - d) % d];
        return half[i * d + j] + half[j * d + i];
      }
      let sum = layer.b[k];
      for (let j = 0; j < d; j++) sum += (U.data[k * d + j] + total.data[k * d + j]) * mean[j];
      return sum;
    });
  };
}

describe('integrateMoments', () => {
  const s = randomStream(11, 'moment flow test');
  const layer = randomLayer(1, d, 'softmax', { size: 0.25 });
  const law = {
    mean: s.normals(new Float64Array(d)),
    covariance: scale(0.3, randomCovariance(s, d)),
  };

  test('agrees with Runge–Kutta on the unfactored equations', () => {
    const flow = integrateMoments(layer, law, { horizon: 0.8 });
    expect(flow.status.kind).toBe('completed');
    const y = rungeKutta(
      fullFlow(layer),
      Float64Array.of(...law.mean, ...law.covariance.data),
      0.8,
      3000,
    );
    const { mean, covariance } = unfactored(flow.moments);
    expect(largestDifference(mean, y.subarray(0, d))).toBeLessThan(1e-10);
    expect(largestDifference(covariance.data, y.subarray(d))).toBeLessThan(1e-10);
    const middle = rungeKutta(
      fullFlow(layer),
      Float64Array.of(...law.mean, ...law.covariance.data),
      0.5,
      3000,
    );
    expect(
      largestDifference(unfactored(flow.at(0.5)).covariance.data, middle.subarray(d)),
    ).toBeLessThan(1e-9);
  });

  test('is the limit of exact layer pushes, at order 1', () => {
    const exact = unfactored(integrateMoments(layer, law, { horizon: 0.5 }).moments).covariance;
    const errors = [256, 512].map((L) => {
      let moments = factored(law);
      for (let k = 0; k < L; k++) moments = pushLayer(layer, moments, 0.5 / L);
      return largestDifference(unfactored(moments).covariance.data, exact.data);
    });
    expect(errors[0] / errors[1]).toBeGreaterThan(1.9);
    expect(errors[0] / errors[1]).toBeLessThan(2.1);
  });

  test.each(['softmax', 'l2', 'sinkhorn'] as const)(
    'keeps rank and sign of Σ exactly: %s',
    (attention) => {
      const singular = { mean: law.mean, covariance: scale(0.3, randomCovariance(s, d, 2)) };
      const { moments } = integrateMoments(randomLayer(7, d, attention, { size: 0.3 }), singular, {
        horizon: 2,
      });
      expect(moments.factor.columns).toBe(2);
      const { covariance } = unfactored(moments);
      expect(numericalRank(covariance, { tolerance: 1e-12 })).toBe(2);
      expect(Math.abs(symmetricEigen(covariance).values[0])).toBeLessThan(1e-13);
    },
  );

  test('controls that change over depth are met at their breakpoints', () => {
    const other = randomLayer(9, d, 'softmax', { size: 0.25 });
    const schedule = { layerAt: (t: number) => (t < 0.5 ? layer : other), breakpoints: [0.5] };
    const whole = integrateMoments(schedule, law, { horizon: 1 });
    const half = integrateMoments(layer, law, { horizon: 0.5 });
    const rest = integrateMoments(other, half.moments, { horizon: 0.5 });
    expect(
      largestDifference(
        unfactored(whole.moments).covariance.data,
        unfactored(rest.moments).covariance.data,
      ),
    ).toBeLessThan(1e-9);
  });

  test('meets the closed form of the scalar equation and its blow-up', () => {
    // Σ̇ = MΣ², M = 2vB: Σ = Σ0/(1 − MΣ0 t).
    const scalar = gaussianLayer({ heads: [{ V: fromRows([[0.5]]), B: fromRows([[1.6]]) }] });
    const start = { mean: Float64Array.of(0), covariance: fromRows([[0.4]]) };
    const before = integrateMoments(scalar, start, { horizon: 1 });
    expect(
      Math.abs(unfactored(before.moments).covariance.data[0] - 0.4 / (1 - 1.6 * 0.4)),
    ).toBeLessThan(1e-9);
    const through = integrateMoments(scalar, start, { horizon: 10 });
    expect(through.status).toMatchObject({ kind: 'event', name: 'blow-up' });
    expect(Math.abs((through.blowUpTime as number) * 0.64 - 1)).toBeLessThan(1e-10);
  });

  test('exponential growth is not a blow-up', () => {
    const growing = gaussianLayer({ W: scale(2, identity(2)) });
    const flow = integrateMoments(
      growing,
      { mean: new Float64Array(2), covariance: identity(2) },
      { horizon: 400 },
    );
    expect(flow.blowUpTime).toBeNull();
    expect(flow.status.kind).toBe('diverged');
  });

  test('refuses laws that make no sense', () => {
    const mean = Float64Array.of(0, 0, 0);
    const run = (covariance: number[][]) => () =>
      integrateMoments(layer, { mean, covariance: fromRows(covariance) }, { horizon: 1 });
    expect(
      run([
        [1, 0, 0],
        [0, -0.25, 0],
        [0, 0, 1],
      ]),
    ).toThrow(/-0\.25.*positive semi-definite/);
    expect(
      run([
        [1, 2, 0],
        [0, 1, 0],
        [0, 0, 1],
      ]),
    ).toThrow(/symmetric/);
    expect(
      run([
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
      ]),
    ).toThrow(/rank/);
    expect(
      run([
        [1, 0],
        [0, 1],
      ]),
    ).toThrow(/shape/);
    expect(
      run([
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, Number.NaN],
      ]),
    ).toThrow(/finite/);
  });
});

describe('momentBatch', () => {
  test('agrees point by point with the adaptive integration', () => {
    const s = randomStream(3, 'moment batch');
    const points = 70;
    const backend = createReferenceBackend();
    const layers = Array.from({ length: points }, (_, i) =>
      randomLayer(100 + i, d, 'softmax', { size: 0.2 }),
    );
    const laws = layers.map(() => ({
      mean: s.normals(new Float64Array(d)),
      covariance: scale(0.3, randomCovariance(s, d)),
    }));
    const batch = momentBatch(backend, { dimension: d, heads: 2, points, steps: 200 });
    layers.forEach((layer, i) => {
      batch.set(i, layer, laws[i]);
    });
    batch.run(1 / 200);
    for (const i of [0, 5, 63, 64, 69]) {
      const exact = unfactored(integrateMoments(layers[i], laws[i], { horizon: 1 }).moments);
      const law = batch.law(i);
      expect(largestDifference(law.mean, exact.mean)).toBeLessThan(1e-8);
      expect(largestDifference(law.covariance.data, exact.covariance.data)).toBeLessThan(1e-8);
    }
    backend.dispose();
  });
});

describe('l2 attention', () => {
  const start = (correlation: number) => ({
    mean: new Float64Array(2),
    covariance: fromRows([
      [1, correlation],
      [correlation, 2],
    ]),
  });

  test('blows up where the keys do not see every direction', () => {
    // K = (1 0), Q = (0 1), V = diag(0, 1): Σ₁₁ stays, ċ = κc² for c = Σ₁₂, κ = 2β/(1 + 2βΣ₁₁).
    const head = distanceHead({
      V: fromRows([
        [0, 0],
        [0, 1],
      ]),
      Q: fromRows([[0, 1]]),
      K: fromRows([[1, 0]]),
      scale: 1.5,
    });
    const layer = gaussianLayer({ attention: 'l2', heads: [head] });
    const flow = integrateMoments(layer, start(0.5), { horizon: 10 });
    const expected = (1 + 3) / (3 * 0.5);
    expect(Math.abs((flow.blowUpTime as number) / expected - 1)).toBeLessThan(1e-9);
  });

  test('grows at most exponentially where they do', () => {
    const head = distanceHead({
      V: identity(2),
      Q: scale(3, identity(2)),
      K: identity(2),
      scale: 1.5,
    });
    const layer = gaussianLayer({ attention: 'l2', heads: [head] });
    const flow = integrateMoments(layer, start(0.5), { horizon: 20 });
    expect(flow.status.kind).toBe('completed');
    // |CA| ≤ 1 in the metric of A = 2βI, so |U| ≤ 3.
    const [before, after] = [start(0.5).covariance, unfactored(flow.moments).covariance];
    expect(after.data[0] + after.data[3]).toBeLessThan(
      (before.data[0] + before.data[3]) * Math.exp(2 * 3 * 20),
    );
  });
});
