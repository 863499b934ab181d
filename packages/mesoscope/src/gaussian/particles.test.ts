import { afterAll, describe, expect, test } from 'vitest';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { gaussian } from '../law/law.ts';
import { sampleLaw } from '../law/sample.ts';
import {
  frobeniusNorm,
  identity,
  type Matrix,
  multiply,
  scale,
  subtract,
  transpose,
} from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { affineVelocity } from './closure.ts';
import { compareWithParticles, tiltRatio } from './finite-n.ts';
import { gaussianLayer } from './layer.ts';
import { integrateMoments } from './moment-flow.ts';
import { unfactored } from './moments.ts';
import { moveParticles } from './particles.ts';
import { steer } from './reachability/steer.ts';
import { sinkhornVelocity } from './sinkhorn-particles.ts';
import { randomCovariance, randomLayer } from './test-support.ts';

const d = 2;
const backend = await createWasmBackend({ build: 'strict' });
afterAll(() => backend.dispose());
const s = randomStream(6, 'particle test');
const law = gaussian(s.normals(new Float64Array(d)), scale(0.5, randomCovariance(s, d, d, 0.2)));

function covarianceOf(points: Matrix): Matrix {
  const n = points.rows;
  const mean = [0, 1].map(
    (a) => points.data.reduce((sum, x, k) => sum + (k % d === a ? x : 0), 0) / n,
  );
  const centred = { ...points, data: points.data.map((x, k) => x - mean[k % d]) };
  return scale(1 / n, multiply(transpose(centred), centred));
}

describe.each(['softmax', 'l2'] as const)('%s: n tokens follow the closure', (attention) => {
  test('with an error that falls like n^{-1/2}', () => {
    const layer = randomLayer(3, d, attention, { size: 0.2 });
    const expected = unfactored(integrateMoments(layer, law, { horizon: 0.6 }).moments).covariance;
    const error = (n: number, repetitions: number) => {
      let square = 0;
      for (let k = 0; k < repetitions; k++) {
        const points = sampleLaw(law, n, randomStream(9, attention, k));
        const end = moveParticles(backend, layer, points, { horizon: 0.6, steps: 6 });
        square += frobeniusNorm(subtract(covarianceOf(end), expected)) ** 2 / repetitions;
      }
      return Math.sqrt(square) / frobeniusNorm(expected);
    };
    const [few, many] = [error(128, 128), error(1024, 32)];
    // √8, give or take the scatter of 32 repetitions of a sum of few squares.
    expect(few / many).toBeGreaterThan(Math.sqrt(8) * 0.7);
    expect(few / many).toBeLessThan(Math.sqrt(8) * 1.4);
    expect(many).toBeLessThan(0.06);
  });
});

test('sinkhorn: the velocity of n tokens tends to the closure’s', () => {
  const layer = randomLayer(4, d, 'sinkhorn', { size: 0.5 });
  const error = (n: number) => {
    const points = sampleLaw(law, n, randomStream(10, 'sinkhorn'));
    const { velocity, status, marginalError } = sinkhornVelocity(layer, points);
    expect(status).toBe('converged');
    expect(marginalError).toBeLessThan(1e-9);
    const { T: U, a: c } = affineVelocity(layer, law);
    const expected = multiply(points, transpose(U));
    const difference = velocity.data.map((v, k) => v - expected.data[k] - c[k % d]);
    return Math.sqrt(difference.reduce((sum, e) => sum + e * e, 0) / n);
  };
  const size = Math.hypot(...law.mean) + 1;
  expect(error(300)).toBeLessThan(0.2 * size);
  const capped = sinkhornVelocity(layer, sampleLaw(law, 50, randomStream(1, 'capped')), {
    iterationLimit: 1,
  });
  expect(capped.status).toBe('iteration-limit');
});

test('sinkhorn: scores that no product of exponentials holds', () => {
  // At scores of thousands a plan’s entries lie below every number until φ and ψ have absorbed its scalings.
  const points = sampleLaw(law, 40, randomStream(3, 'sharp'));
  for (const sharpness of [1, 30, 3000]) {
    const heads = [{ V: identity(d), B: scale(sharpness, identity(d)) }];
    const layer = gaussianLayer({ attention: 'sinkhorn', heads });
    const { velocity, marginalError } = sinkhornVelocity(layer, points, { tolerance: 1e-12 });
    // Rows and columns sum to 1, so that the mean of all outputs is that of the tokens.
    const sum = (data: Float64Array, a: number) =>
      data.reduce((total, x, k) => total + (k % d === a ? x : 0), 0);
    expect(velocity.data.every(Number.isFinite)).toBe(true);
    for (let a = 0; a < d; a++) {
      const missed = Math.abs(sum(velocity.data, a) - sum(points.data, a));
      expect(missed).toBeLessThan(200 * (marginalError + 1e-12));
    }
  }
});

test('controls found for the law steer n tokens open loop', () => {
  const to = { mean: Float64Array.of(1, -1), covariance: randomCovariance(s, d, d, 0.3) };
  for (const realisation of ['feed-forward', 'attention'] as const) {
    const { controls } = steer({ from: law, to, realisation });
    const points = sampleLaw(law, 600, randomStream(12, realisation));
    const end = moveParticles(backend, controls, points, { horizon: 1, steps: 20 });
    const error =
      frobeniusNorm(subtract(covarianceOf(end), to.covariance)) / frobeniusNorm(to.covariance);
    expect(error).toBeLessThan(0.3);
  }
});

test('n tokens do not blow up where the closure does, and the departure is marked', () => {
  const layer = gaussianLayer({ heads: [{ V: identity(d), B: identity(d) }] });
  const points = sampleLaw(gaussian([0, 0], identity(d)), 200, randomStream(2, 'finite'));
  const result = compareWithParticles(backend, layer, points, { horizon: 1, steps: 100 });
  expect(result.blowUpTime).not.toBeNull();
  expect(Math.abs((result.blowUpTime as number) - 0.5)).toBeLessThan(0.15);
  expect(result.departure as number).toBeLessThanOrEqual(result.blowUpTime as number);
  expect(result.particleTrace.every(Number.isFinite)).toBe(true);
  // In the hull: |x| ≤ e^{|V|t} max|x_0|.
  const radius = Math.max(
    ...Array.from({ length: 200 }, (_, i) =>
      Math.hypot(points.data[2 * i], points.data[2 * i + 1]),
    ),
  );
  const last = result.particleTrace[result.particleTrace.length - 1];
  expect(last).toBeLessThan((radius * Math.E) ** 2);
  expect(result.tiltRatio[result.tiltRatio.length - 1]).toBeGreaterThan(result.tiltRatio[0]);
});

test('the tilt ratio is the root mean square of |Σ^{1/2}Bx| over √(2 log n)', () => {
  const layer = randomLayer(8, d);
  const points = sampleLaw(law, 40_000, randomStream(3, 'tilt'));
  const { B } = layer.heads[0];
  const single = { ...layer, heads: [layer.heads[0]] };
  let sum = 0;
  for (let i = 0; i < points.rows; i++) {
    const x = { rows: d, columns: 1, data: points.data.subarray(d * i, d * i + d) };
    const Bx = multiply(B, x);
    sum += multiply(transpose(Bx), law.covariance, Bx).data[0];
  }
  const expected = Math.sqrt(sum / points.rows / (2 * Math.log(100)));
  expect(tiltRatio(single, law, 100) / expected).toBeGreaterThan(0.97);
  expect(tiltRatio(single, law, 100) / expected).toBeLessThan(1.03);
});
