import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { singularValueDecomposition } from '../../numeric/decompositions.ts';
import { randomStream } from '../../numeric/random.ts';
import { certifyHeads } from '../certificate.ts';
import { randomHeads } from '../head-law.ts';
import { createHeadProblem } from '../problem.ts';
import { searchFirstVariation } from '../search.ts';
import { sequenceData } from '../sequences.ts';
import { createBoxBound } from './box-bound.ts';
import { contextsOf, type ReducedProblem } from './contexts.ts';
import { encloseGap } from './gap.ts';
import { encloseInfimum } from './lower-bound.ts';
import { createMoments } from './moments.ts';

const backend = await createWasmBackend({ threads: 1, heapMegabytes: 1024 });
afterAll(() => backend.dispose());

/** A problem with random tokens of some size and labels, at a random law. */
function instance(seed: number, d: number, lambda: number, size = 1) {
  const random = randomStream(seed, 'instance');
  const sequences = Array.from({ length: 3 }, () =>
    Array.from({ length: 3 }, () => Array.from({ length: d }, () => size * random.normal())),
  );
  const labels = sequences.map((one) => one.map(() => Math.floor(3 * random.uniform())));
  const data = sequenceData(sequences, labels, 3);
  const problem = createHeadProblem(backend, data, { keyDimension: d, regularisation: lambda });
  const at = problem.linearise(randomHeads(problem.shape, 4, random));
  const reduced: ReducedProblem = {
    contexts: contextsOf(data, at),
    dimension: d,
    classes: 3,
    regularisation: lambda,
    slope: lambda * Math.sqrt(d),
  };
  return { problem, at, reduced, random };
}

/** `M(B)` straight from its definition. */
function momentAt({ contexts, dimension: d, classes }: ReducedProblem, B: Float64Array): number[] {
  const M = new Array<number>(classes * d).fill(0);
  for (const { query, tokens, count, residual } of contexts) {
    const scores = Array.from({ length: count }, (_, v) => {
      let score = 0;
      for (let i = 0; i < d; i++) {
        for (let j = 0; j < d; j++) score += B[i * d + j] * query[j] * tokens[v * d + i];
      }
      return Math.exp(score);
    });
    const total = scores.reduce((sum, e) => sum + e, 0);
    for (let c = 0; c < classes; c++) {
      for (let a = 0; a < d; a++) {
        const mean = scores.reduce((sum, e, v) => sum + (e / total) * tokens[v * d + a], 0);
        M[c * d + a] += residual[c] * mean;
      }
    }
  }
  return M;
}

/** `F(B) = λ√k‖B‖_* − |M(B)|²/(2λ)`. */
function reducedAt(problem: ReducedProblem, B: Float64Array): number {
  const { dimension: d, regularisation, slope } = problem;
  const { values } = singularValueDecomposition({ rows: d, columns: d, data: B });
  const square = momentAt(problem, B).reduce((sum, m) => sum + m * m, 0);
  return slope * values.reduce((sum, s) => sum + s, 0) - square / (2 * regularisation);
}

describe.each([1, 2, 3])('in dimension %i', (d) => {
  it('the reduced function is the least Ψ for given scores', () => {
    const { problem, at, reduced } = instance(1, d, 0.2);
    const { minimiser, infimum } = searchFirstVariation(problem, at, { starts: 24 });
    const [Q, K] = [0, d * d].map((from) => (minimiser as Float64Array).slice(from, from + d * d));
    const B = new Float64Array(d * d);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        for (let a = 0; a < d; a++) B[i * d + j] += (K[a * d + i] * Q[a * d + j]) / Math.sqrt(d);
      }
    }
    expect(reducedAt(reduced, B)).toBeCloseTo(infimum, 6);
  });

  it('moments and slopes of every matrix in a box lie in their enclosures', () => {
    for (let trial = 0; trial < 30; trial++) {
      const { reduced, random } = instance(100 + trial, d, 0.1);
      const centre = random.normals(new Float64Array(d * d));
      const half = centre.map(() => 10 ** (-3 * random.uniform()));
      const moments = createMoments(reduced.contexts, d, 3)({ centre, half });
      for (let point = 0; point < 20; point++) {
        const E = half.map(
          (h) => h * (point < 10 ? 2 * random.uniform() - 1 : Math.sign(random.normal())),
        );
        const M = momentAt(
          reduced,
          centre.map((b, i) => b + E[i]),
        );
        M.forEach((value, e) => {
          expect(Math.abs(value - moments.box.middle[e])).toBeLessThanOrEqual(
            moments.box.open[e] + 1e-15,
          );
          let linear = moments.centre.middle[e];
          for (let b = 0; b < d * d; b++) linear += moments.slope.middle[e * d * d + b] * E[b];
          const left = moments.remainder[e] + moments.centre.open[e] + 1e-15;
          expect(Math.abs(value - linear)).toBeLessThanOrEqual(left);
        });
      }
    }
  });

  it('no point of a box is lower than its bound', () => {
    const worst = { ratio: 0 };
    for (let trial = 0; trial < 30; trial++) {
      const { reduced, random } = instance(200 + trial, d, 10 ** (-1.5 * random01(trial)));
      const scale = 3 * random.uniform();
      const centre = random.normals(new Float64Array(d * d)).map((b) => scale * b);
      const half = centre.map(() => 10 ** (-3 * random.uniform()));
      const { lower, value } = createBoxBound(reduced)({ centre, half });
      const at = (E: (i: number) => number) =>
        reducedAt(
          reduced,
          centre.map((b, i) => b + E(i)),
        );
      const step = 1e-5;
      // The corner to which F falls most steeply, and others.
      const down = half.map((_, i) =>
        Math.sign(at((j) => (i === j ? -step : 0)) - at((j) => (i === j ? step : 0))),
      );
      const values = [
        at((i) => half[i] * down[i]),
        ...Array.from({ length: 20 }, () => at((i) => half[i] * Math.sign(random.normal()))),
        ...Array.from({ length: 20 }, () => at((i) => half[i] * (2 * random.uniform() - 1))),
      ];
      expect(Math.min(...values)).toBeGreaterThanOrEqual(lower);
      worst.ratio = Math.max(worst.ratio, (value - Math.min(...values)) / (value - lower));
    }
    // A bound that is never nearly met would not notice a wrong factor.
    expect(worst.ratio).toBeGreaterThan(0.9);
  });
});

/** Numbers in [0, 1) that fill it evenly. */
function random01(trial: number): number {
  return (trial * 0.618034) % 1;
}

it('the infimum of thirty problems on the line is enclosed, and the search never goes below', () => {
  for (let trial = 0; trial < 30; trial++) {
    const { problem, at } = instance(trial, 1, 10 ** (-2 * random01(trial)), 1 + trial / 15);
    const width = 0.01 * at.risk;
    const { lower, upper, status } = encloseInfimum(problem, at, { width });
    expect(status).toBe('narrow');
    const { infimum } = searchFirstVariation(problem, at, { starts: 16, seed: trial });
    expect(infimum).toBeGreaterThanOrEqual(lower - 1e-14);
    expect(infimum).toBeLessThanOrEqual(upper + width);
  }
});

it('the infimum of problems in the plane is enclosed', () => {
  for (let trial = 0; trial < 4; trial++) {
    const { problem, at } = instance(trial, 2, 0.5);
    const width = 0.02 * at.risk;
    const { lower, upper, status } = encloseInfimum(problem, at, { width });
    expect(status).toBe('narrow');
    const { infimum } = searchFirstVariation(problem, at, { starts: 16, seed: trial });
    expect(infimum).toBeGreaterThanOrEqual(lower - 1e-14);
    expect(infimum).toBeLessThanOrEqual(upper + 1e-12);
  }
});

it('has no gap where scores are not resolved, and refuses there', () => {
  const { problem, at } = instance(1, 2, 1e-9);
  expect(() => encloseInfimum(problem, at, { width: 1 })).toThrow('a larger λ');
  const certificate = certifyHeads(problem, randomHeads(problem.shape, 2, randomStream(1, 'law')), {
    starts: 4,
  });
  expect(encloseGap(problem, certificate, 10)).toBeUndefined();
});

it('refuses λ = 0, and stops at its budget with what is proved until then', () => {
  const { problem, at } = instance(1, 2, 0.05);
  expect(() => encloseInfimum({ ...problem, regularisation: 0 }, at, { width: 1 })).toThrow(
    'λ > 0',
  );
  const { status, boxes, lower } = encloseInfimum(problem, at, { width: 1e-6, boxes: 101 });
  expect([status, boxes]).toEqual(['budget', 101]);
  expect(lower).toBeLessThan(searchFirstVariation(problem, at, { starts: 16 }).infimum);
});
