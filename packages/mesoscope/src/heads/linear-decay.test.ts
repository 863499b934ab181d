import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { symmetricEigen } from '../numeric/decompositions.ts';
import { add } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { headCurvature } from './curvature.ts';
import { polishStationary, trainSingleHead } from './dirac.ts';
import { headFlow } from './flow.ts';
import { headLaw, headLawOf, headLength, randomHeads } from './head-law.ts';
import { linearDecay, timeToFall } from './linear-decay.ts';
import { decayTime, fitLojasiewicz } from './lojasiewicz.ts';
import { createHeadProblem } from './problem.ts';
import { sequenceData } from './sequences.ts';
import { randomProblem } from './test-support.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend();
});
afterAll(() => backend.dispose());

/** Two sequences of one token `x`, one of either class: `R = E log(e^{z_0} + e^{z_1}) − (z_0 + z_1)/2 + (λ/2)∫|θ|²`, z = x∫V. */
function balancedProblem(x: number, regularisation: number) {
  const data = sequenceData([[[x]], [[x]]], [[0], [1]], 2);
  return createHeadProblem(backend, data, { keyDimension: 1, regularisation });
}

describe('the linearised flow', () => {
  const shape = { dimension: 1, keyDimension: 1, classes: 2 };
  const weights = [0.25, 0.75];

  it('decays at rate λ where the logits are 0, exactly', () => {
    const problem = balancedProblem(0, 0.3);
    const limit = headLaw(shape, new Float64Array(8), weights);
    const law = headLawOf(
      [
        { Q: [[1]], K: [[-2]], V: [[0.5], [3]] },
        { Q: [[0]], K: [[1]], V: [[-1], [2]] },
      ],
      weights,
    );
    const { rates, after } = linearDecay(problem, limit);
    expect(rates).toHaveLength(8);
    for (const rate of rates) expect(rate).toBeCloseTo(0.3, 9);
    const first = problem.risk(law).risk - Math.LN2;
    for (const t of [0, 1, 5]) {
      expect(after(law).excess(t)).toBeCloseTo(first * Math.exp(-2 * 0.3 * t), 8);
    }
  });

  // diag p − ppᵀ at p = (½, ½) has the eigenvalue ½ along (1, −1)/√2: only the weighted mean of V along it feels it.
  it('has one rate λ + x²/2, of the mean value along (1, −1), and λ for all else', () => {
    const [x, λ] = [1.5, 0.2];
    const problem = balancedProblem(x, λ);
    const limit = headLaw(shape, new Float64Array(8), weights);
    const { rates, after } = linearDecay(problem, limit);
    expect(rates).toHaveLength(8);
    for (const rate of rates.subarray(0, 7)) expect(rate).toBeCloseTo(λ, 8);
    expect(rates[7]).toBeCloseTo(λ + x ** 2 / 2, 8);
    const [first, second] = [0.02, -0.01];
    const along = (size: number) => ({
      Q: [[0]],
      K: [[0]],
      V: [[size / Math.SQRT2], [-size / Math.SQRT2]],
    });
    const law = headLawOf([along(first), along(second)], weights);
    const mean = weights[0] * first + weights[1] * second;
    const variance = weights[0] * first ** 2 + weights[1] * second ** 2 - mean ** 2;
    const fast = λ + x ** 2 / 2;
    for (const t of [0, 0.5, 3]) {
      const expected =
        (fast / 2) * mean ** 2 * Math.exp(-2 * fast * t) +
        (λ / 2) * variance * Math.exp(-2 * λ * t);
      expect(after(law).excess(t) / expected).toBeCloseTo(1, 7);
    }
  });

  it('of copies of one head: H_Ψ + G once and H_Ψ for every other copy, from exact second derivatives', () => {
    const { problem } = randomProblem(backend, { regularisation: 0.2, keyDimension: 1 });
    const start = randomHeads(problem.shape, 1, randomStream(2, 'start'), { score: 1, value: 1 });
    const { head } = polishStationary(problem, trainSingleHead(problem, start.parameters).head);
    const single = headLaw(problem.shape, head);
    const at = problem.linearise(single);
    const { frozen, interaction } = headCurvature(problem, at, problem.logits(single), head);
    const expected = [
      ...symmetricEigen(frozen).values,
      ...symmetricEigen(frozen).values,
      ...symmetricEigen(add(frozen, interaction)).values,
    ].sort((a, b) => a - b);
    const copies = headLaw(
      problem.shape,
      Float64Array.of(...head, ...head, ...head),
      [0.2, 0.3, 0.5],
    );
    const { rates } = linearDecay(problem, copies);
    expect(rates).toHaveLength(3 * headLength(problem.shape));
    rates.forEach((rate, j) => {
      expect(rate).toBeCloseTo(expected[j], 7);
    });
  });

  it('predicts the flow near its limit', () => {
    const problem = balancedProblem(1.5, 0.2);
    const limit = headLaw(shape, new Float64Array(8), weights);
    const law = randomHeads(shape, 2, randomStream(4, 'near'), { score: 1e-3, value: 1e-3 });
    const near = headLaw(shape, law.parameters, weights);
    const predicted = linearDecay(problem, limit).after(near);
    const steps = { step: 0.05, steps: 100, scheme: 'rk4' as const };
    for (const { time, risk, slopeSquare } of headFlow(problem, near, steps)) {
      expect((risk - Math.LN2) / predicted.excess(time)).toBeCloseTo(1, 4);
      expect(Math.sqrt(slopeSquare) / predicted.slope(time)).toBeCloseTo(1, 4);
    }
  });
});

describe('times of decay', () => {
  it('invert an exponential', () => {
    expect(timeToFall((t) => 3 * Math.exp(-2 * t), 1e-6)).toBeCloseTo(Math.log(3e6) / 2, 10);
    expect(timeToFall((t) => 1 / (1 + t), 1e-3)).toBeCloseTo(999, 8);
  });

  it('are infinite for what does not fall', () => {
    expect(timeToFall(() => 1, 0.5)).toBe(Number.POSITIVE_INFINITY);
  });

  // u̇ = −c²u^{2a}: u = (u_0^{−(2a−1)} + (2a−1)c²t)^{−1/(2a−1)}, and u_0 e^{−c²t} at a = ½.
  it.each([0.5, 0.6, 0.75, 5 / 6])('solve u̇ = −c²u^{2a}, a = %f', (exponent) => {
    const constant = 1.7;
    const [from, time] = [0.3, 12];
    const p = 2 * exponent - 1;
    const to =
      p === 0
        ? from * Math.exp(-(constant ** 2) * time)
        : (from ** -p + p * constant ** 2 * time) ** (-1 / p);
    const fit = { exponent, constant, exponentInterval: null };
    expect(decayTime(fit, from, to)).toBeCloseTo(time, 8);
  });

  it.each([0.5, 0.75, 5 / 6])('come with an exponent: noisy powers, a = %f', (exponent) => {
    const random = randomStream(7, 'noise of slopes');
    const excess = Array.from({ length: 200 }, (_, i) => 10 ** (-3 - i / 50));
    const slopes = excess.map((u) => 1.7 * u ** exponent * Math.exp(0.05 * random.normal()));
    const fit = fitLojasiewicz(excess, slopes);
    const [low, high] = fit.exponentInterval ?? [Number.NaN, Number.NaN];
    expect(low).toBeLessThan(exponent);
    expect(high).toBeGreaterThan(exponent);
    expect(high - low).toBeLessThan(0.05);
    const exact = fitLojasiewicz(
      excess,
      excess.map((u) => 1.7 * u ** exponent),
    );
    expect(exact.exponent).toBeCloseTo(exponent, 12);
    expect(exact.constant).toBeCloseTo(1.7, 10);
  });
});
