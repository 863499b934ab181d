import { describe, expect, it } from 'vitest';
import { createReferenceBackend } from '../../kernels/reference/backend.ts';
import { minimise, type StochasticObjective, solverStatusSentence } from './minimise.ts';
import { constantRate, cosineRate } from './schedule.ts';
import { adam, gradientFlow } from './update-rule.ts';

const backend = createReferenceBackend();

/** `½ Σ a_i x_i²` and its gradient. */
function quadratic(curvature: (i: number) => number): StochasticObjective {
  return {
    gradient(x, _step, out) {
      let loss = 0;
      for (let i = 0; i < x.length; i++) {
        loss += 0.5 * curvature(i) * x[i] ** 2;
        out[i] = curvature(i) * x[i];
      }
      return { loss };
    },
  };
}

describe('update rules', () => {
  it('reproduces Adam written out by hand, over several chunks and a rest', () => {
    const length = 5000;
    const rule = adam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-6 })(backend, length);
    const x = Float64Array.from({ length }, (_, i) => Math.sin(i));
    const expected = x.slice();
    const m = new Float64Array(length);
    const v = new Float64Array(length);
    for (let t = 1; t <= 4; t++) {
      const g = Float64Array.from({ length }, (_, i) => Math.cos(i * t));
      rule.apply(x, g, 0.1 / t, t - 1);
      for (let i = 0; i < length; i++) {
        m[i] = 0.8 * m[i] + 0.2 * g[i];
        v[i] = 0.95 * v[i] + 0.05 * g[i] ** 2;
        const step = m[i] / (1 - 0.8 ** t) / (Math.sqrt(v[i] / (1 - 0.95 ** t)) + 1e-6);
        expected[i] -= (0.1 / t) * step;
      }
    }
    const error = x.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i])), 0);
    expect(error).toBeLessThan(1e-14);
  });

  it('takes the explicit step of the gradient flow', async () => {
    // x_{k+1} = (1 − η a) x_k exactly.
    const x = Float64Array.from([1, -2, 3]);
    const curvature = (i: number) => [0.5, 1, 4][i];
    const status = await minimise({
      objective: quadratic(curvature),
      rule: gradientFlow(backend, 3),
      parameters: x,
      gradient: new Float64Array(3),
      rate: constantRate({ rate: 0.1 }),
      steps: 20,
    });
    expect(status).toEqual({ kind: 'steps-done', steps: 20 });
    [1, -2, 3].forEach((start, i) => {
      expect(x[i]).toBeCloseTo(start * (1 - 0.1 * curvature(i)) ** 20, 14);
    });
  });
});

describe('schedules', () => {
  it('warms up linearly, stays, and falls along a cosine', () => {
    const constant = constantRate({ rate: 2, warmUp: 3 });
    expect([0, 1, 2, 3, 9].map(constant)).toEqual([0.5, 1, 1.5, 2, 2]);
    const cosine = cosineRate({ rate: 2, warmUp: 3, steps: 13, final: 0.25 });
    expect([0, 1, 2].map(cosine)).toEqual([0.5, 1, 1.5]);
    expect(cosine(3)).toBe(2);
    expect(cosine(8)).toBeCloseTo((2 + 0.5) / 2, 14);
    expect(cosine(13)).toBeCloseTo(0.5, 14);
    expect(cosine(99)).toBeCloseTo(0.5, 14);
  });

  it('refuses rates and lengths that make no schedule', () => {
    expect(() => constantRate({ rate: 0 })).toThrow(/rate/);
    expect(() => constantRate({ rate: Number.NaN })).toThrow(/rate/);
    expect(() => cosineRate({ rate: 1, warmUp: 5, steps: 5 })).toThrow(/steps/);
  });
});

describe('minimise', () => {
  const run = (options: Partial<Parameters<typeof minimise>[0]> = {}) => {
    const parameters = Float64Array.from([1, 1]);
    const result = minimise({
      objective: quadratic(() => 1),
      rule: gradientFlow(backend, 2),
      parameters,
      gradient: new Float64Array(2),
      rate: constantRate({ rate: 0.5 }),
      steps: 1000,
      ...options,
    });
    return { parameters, result };
  };

  it('stops at its tolerance', async () => {
    const { parameters, result } = run({ tolerance: 1e-3 });
    const status = await result;
    expect(status.kind).toBe('tolerance-reached');
    expect(Math.hypot(...parameters)).toBeLessThanOrEqual(1e-3);
    expect(Math.hypot(...parameters)).toBeGreaterThan(0.5e-3);
  });

  it('says that it diverged and keeps the parameters of that step finite', async () => {
    const { result } = run({ rate: constantRate({ rate: 1e200 }) });
    const status = await result;
    expect(status.kind).toBe('diverged');
    expect(solverStatusSentence(status)).toMatch(/smaller rate/);
  });

  it('stops when its signal aborts, at a step boundary', async () => {
    const controller = new AbortController();
    const { result } = run({
      signal: controller.signal,
      report: ({ step }) => {
        if (step === 4) controller.abort();
        return undefined;
      },
    });
    expect(await result).toEqual({ kind: 'aborted', step: 5 });
  });

  it('lets a timer abort a long run', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 10);
    const { result } = run({
      signal: controller.signal,
      steps: 1e9,
      rate: constantRate({ rate: 1e-12 }),
    });
    expect((await result).kind).toBe('aborted');
  });

  it('takes the same steps in one go and continued', async () => {
    const once = run({ steps: 9 });
    await once.result;
    const parameters = Float64Array.from([1, 1]);
    await run({ parameters, steps: 4 }).result;
    await run({ parameters, steps: 9, from: 4 }).result;
    expect(parameters).toEqual(once.parameters);
  });
});
