import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { minimiseAll } from '../minimise/minimise.ts';
import { randomStream } from '../numeric/random.ts';
import { certifyHeads } from './certificate.ts';
import { headFlow } from './flow.ts';
import { growHeads } from './growth.ts';
import { headLaw, headLawOf, randomHeads, secondMoment } from './head-law.ts';
import { createHeadProblem } from './problem.ts';
import { searchFirstVariation } from './search.ts';
import { sequenceData } from './sequences.ts';
import { minimiseOnSimplex } from './simplex.ts';
import { randomProblem } from './test-support.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ heapMegabytes: 512 });
});
afterAll(() => backend.dispose());

describe('L-BFGS in lockstep', () => {
  it('finds the minimum of Rosenbrock’s function from many starts', () => {
    const starts = [-2, -1, 0, 2].map((x) => Float64Array.of(x, 3 - x));
    const results = minimiseAll((points) => {
      const values = new Float64Array(points.length / 2);
      const gradients = new Float64Array(points.length);
      values.forEach((_, i) => {
        const [x, y] = [points[2 * i], points[2 * i + 1]];
        values[i] = (1 - x) ** 2 + 100 * (y - x * x) ** 2;
        gradients[2 * i] = -2 * (1 - x) - 400 * x * (y - x * x);
        gradients[2 * i + 1] = 200 * (y - x * x);
      });
      return { values, gradients };
    }, starts);
    for (const { point, status } of results) {
      expect(status).toBe('converged');
      expect(point[0]).toBeCloseTo(1, 8);
      expect(point[1]).toBeCloseTo(1, 8);
    }
  });
});

describe('Newton on the simplex', () => {
  it('projects onto it', () => {
    // min ½|w − c|²: the projection, known by thresholding: c = (0.9, 0.4, −0.2) gives (0.75, 0.25, 0).
    const c = [0.9, 0.4, -0.2];
    const value = (w: Float64Array) => w.reduce((sum, x, i) => sum + 0.5 * (x - c[i]) ** 2, 0);
    const weights = minimiseOnSimplex(
      (w) => ({
        value: value(w),
        gradient: w.map((x, i) => x - c[i]),
        hessian: { rows: 3, columns: 3, data: Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1) },
      }),
      value,
      Float64Array.of(0, 0, 1),
    );
    [0.75, 0.25, 0].forEach((w, i) => {
      expect(weights[i]).toBeCloseTo(w, 10);
    });
  });
});

describe('the search for inf Ψ', () => {
  it('finds what an exhaustive search finds (d = 1, k = 1)', () => {
    const random = randomStream(4, 'tiny');
    const sequences = Array.from({ length: 6 }, () =>
      Array.from({ length: 5 }, () => [2 * random.normal()]),
    );
    const labels = sequences.map((tokens) => tokens.map(() => random.integer(2)));
    const data = sequenceData(sequences, labels, 2);
    const regularisation = 0.02;
    const problem = createHeadProblem(backend, data, { keyDimension: 1, regularisation });
    const law = randomHeads(problem.shape, 3, random);
    const at = problem.linearise(law);
    // With |Q| = |K| = √|b| the penalty of a score b is λ|b|; V is eliminated by hand.
    let least = 0;
    const count = 4001;
    const heads = new Float64Array(count * 4);
    for (let i = 0; i < count; i++) {
      const b = -20 + 0.01 * i;
      heads[4 * i] = Math.sqrt(Math.abs(b));
      heads[4 * i + 1] = Math.sign(b) * Math.sqrt(Math.abs(b));
    }
    const gradient = new Float64Array(heads.length);
    problem.firstVariation(at, heads, gradient);
    for (let i = 0; i < count; i++) {
      const moment = gradient[4 * i + 2] ** 2 + gradient[4 * i + 3] ** 2;
      const b = Math.abs(heads[4 * i] * heads[4 * i + 1]);
      least = Math.min(least, -moment / (2 * regularisation) + regularisation * b);
    }
    const found = searchFirstVariation(problem, at);
    expect(found.infimum).toBeLessThanOrEqual(least + 1e-12);
    expect(found.infimum).toBeGreaterThan(least - 1e-4 * Math.abs(least));
    expect(found.lowerBound).toBeLessThanOrEqual(found.infimum);
    expect(found.agreed).toBeGreaterThan(1);
    const [psi] = problem.firstVariation(at, found.minimiser as Float64Array);
    expect(psi).toBeCloseTo(found.infimum, 12);
  });

  it('finds no lower value among many heads of the ball', () => {
    const { problem } = randomProblem(backend, { regularisation: 0, radius: 3 });
    const at = problem.linearise(randomHeads(problem.shape, 3, randomStream(1, 'law')));
    const found = searchFirstVariation(problem, at);
    const head = found.minimiser as Float64Array;
    expect(Math.hypot(...head)).toBeCloseTo(3, 9);
    const random = randomStream(2, 'ball');
    const heads = random.normals(new Float64Array(20000 * head.length));
    for (let i = 0; i < heads.length; i += head.length) {
      const part = heads.subarray(i, i + head.length);
      const size = Math.hypot(...part);
      part.forEach((x, j) => {
        part[j] = (3 * x) / size;
      });
    }
    const values = problem.firstVariation(at, heads);
    expect(Math.min(...values)).toBeGreaterThan(found.infimum);
    // Stationary on the sphere: the gradient is radial.
    const gradient = new Float64Array(head.length);
    problem.firstVariation(at, head, gradient);
    const radial = gradient.reduce((sum, g, j) => sum + g * head[j], 0) / 9;
    gradient.forEach((g, j) => {
      expect(g).toBeCloseTo(radial * head[j], 7);
    });
  });

  it('says −∞ without regularisation on unbounded parameters', () => {
    const { problem } = randomProblem(backend, { regularisation: 0 });
    const law = randomHeads(problem.shape, 3, randomStream(1, 'law'));
    const certificate = certifyHeads(problem, law);
    expect(certificate.infimum).toBe(Number.NEGATIVE_INFINITY);
    expect(certificate.gap).toBe(Number.POSITIVE_INFINITY);
    expect(certificate.search.sentence).toContain('not bounded');
    expect(() => growHeads(problem).next()).toThrow(/regularisation/);
  });
});

describe('growth by certificate', () => {
  it('ends at a certified optimum that no other training beats', () => {
    const { problem } = randomProblem(backend, { regularisation: 0.01 });
    const states = [...growHeads(problem, { tolerance: 1e-7 })];
    const last = states[states.length - 1];
    expect(last.certificate.gap).toBeLessThan(1e-7);
    for (const [i, { certificate }] of states.entries()) {
      if (i > 0) expect(certificate.risk).toBeLessThan(states[i - 1].certificate.risk);
      expect(certificate.risk - last.certificate.risk).toBeLessThanOrEqual(certificate.gap);
    }
    for (let seed = 0; seed < 3; seed++) {
      const start = randomHeads(problem.shape, 48, randomStream(seed, 'start'));
      let risk = Number.NaN;
      for (const state of headFlow(problem, start, { step: 1, steps: 400 })) risk = state.risk;
      expect(risk).toBeGreaterThan(last.certificate.risk - last.certificate.gap);
      expect(risk - last.certificate.risk).toBeLessThan(0.05);
    }
  });

  it('comes to the teacher’s risk as λ → 0', () => {
    // Every sequence stands C times, with the teacher's probabilities as weights: the least risk is its entropy.
    const random = randomStream(8, 'teacher');
    const shape = { dimension: 2, keyDimension: 1, classes: 3 };
    const teacher = randomHeads(shape, 2, random, { score: 1.5, value: 2 });
    const tokens = Array.from({ length: 8 }, () =>
      Array.from({ length: 3 }, () => [random.normal(), random.normal()]),
    );
    const blank = tokens.map((sequence) => sequence.map(() => 0));
    const plain = createHeadProblem(backend, sequenceData(tokens, blank, 3), {
      keyDimension: 1,
      regularisation: 0,
    });
    const logits = plain.logits(teacher);
    const stride = 8;
    let entropy = 0;
    const probability = tokens.map((sequence, s) =>
      sequence.map((_, t) => {
        const weights = [0, 1, 2].map((c) => Math.exp(logits[(s * 3 + c) * stride + t]));
        const total = weights.reduce((a, b) => a + b, 0);
        const p = weights.map((w) => w / total);
        entropy -= p.reduce((sum, x) => sum + x * Math.log(x), 0) / 24;
        return p;
      }),
    );
    const classes = [0, 1, 2];
    const data = sequenceData(
      classes.flatMap(() => tokens),
      classes.flatMap((c) => tokens.map((sequence) => sequence.map(() => c))),
      3,
      { weights: classes.flatMap((c) => probability.map((row) => row.map((p) => p[c]))) },
    );
    let before = Number.POSITIVE_INFINITY;
    for (const regularisation of [1e-2, 1e-3, 1e-4]) {
      const problem = createHeadProblem(backend, data, { keyDimension: 1, regularisation });
      expect(problem.risk(teacher).crossEntropy).toBeCloseTo(entropy, 12);
      const states = [...growHeads(problem, { tolerance: 1e-2 * regularisation })];
      const { risk, gap } = states[states.length - 1].certificate;
      expect(risk).toBeGreaterThan(entropy);
      expect(risk - gap).toBeLessThan(entropy + (regularisation / 2) * secondMoment(teacher));
      expect(risk).toBeLessThan(before);
      before = risk;
    }
    expect(before - entropy).toBeLessThan(2e-3);
  });
});

describe('the flow', () => {
  it('dissipates what the energy identity says', () => {
    const { problem } = randomProblem(backend, { regularisation: 0.05 });
    const start = randomHeads(problem.shape, 9, randomStream(1, 'start'));
    const schedule = (t: number) => 1 + 0.5 * Math.sin(3 * t);
    const h = 0.02;
    const states = [
      ...headFlow(problem, start, { step: h, steps: 100, scheme: 'rk4', schedule }),
    ].map(({ risk, time, slopeSquare }) => ({ risk, rate: schedule(time) * slopeSquare }));
    const integral = states.reduce(
      (sum, { rate }, k) => sum + (rate * h * (k === 0 || k === 100 ? 1 : k % 2 === 1 ? 4 : 2)) / 3,
      0,
    );
    expect((states[0].risk - states[100].risk) / integral).toBeCloseTo(1, 7);
  });

  it('keeps heads in the ball, and is repeatable with noise', () => {
    const { problem } = randomProblem(backend, { regularisation: 0, radius: 1.5 });
    const start = randomHeads(problem.shape, 5, randomStream(1, 'start'), {
      score: 0.3,
      value: 0.3,
    });
    const run = () => {
      let last = new Float64Array();
      const noise = { temperature: 0.05, random: randomStream(2, 'noise') };
      for (const { law } of headFlow(problem, start, { step: 0.5, steps: 40, noise })) {
        last = law.parameters.slice();
      }
      return last;
    };
    const end = run();
    for (let i = 0; i < end.length; i += end.length / 5) {
      expect(Math.hypot(...end.subarray(i, i + end.length / 5))).toBeLessThanOrEqual(1.5 + 1e-12);
    }
    expect(run()).toEqual(end);
  });

  it('refuses steps that are not positive and stochastic Runge–Kutta', () => {
    const { problem } = randomProblem(backend, { regularisation: 0 });
    const start = headLaw(problem.shape, new Float64Array(24));
    const first = (options: object) =>
      headFlow(problem, start, { step: 1, steps: 1, ...options }).next();
    expect(() => first({ step: 0 })).toThrow(/step/);
    expect(() => first({ steps: 0.5 })).toThrow(/steps/);
    expect(() => first({ scheme: 'rk4', draw: randomStream(1, 'd') })).toThrow(/scheme/);
  });

  it('does not move the shape of heads given by hand', () => {
    const law = headLawOf([
      {
        Q: [[1, 0]],
        K: [[0, 1]],
        V: [
          [1, 2],
          [3, 4],
        ],
      },
    ]);
    expect([...law.parameters]).toEqual([1, 0, 0, 1, 1, 2, 3, 4]);
  });
});
