import { describe, expect, it } from 'vitest';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { symmetricEigen } from '../numeric/decompositions.ts';
import { add, multiplyVector } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { headCurvature } from './curvature.ts';
import { diracStability, gaugeDirections, polishStationary, trainSingleHead } from './dirac.ts';
import { headLaw, randomHeads } from './head-law.ts';
import { randomProblem } from './test-support.ts';

const backend = createReferenceBackend();

function at(regularisation: number, seed = 1) {
  const { problem } = randomProblem(backend, { regularisation, seed });
  const { parameters: head } = randomHeads(problem.shape, 1, randomStream(seed, 'head'), {
    score: 1,
    value: 1,
  });
  return { problem, head };
}

describe('second derivatives of one head', () => {
  it('are the differences of gradients, frozen and moving', () => {
    const { problem, head } = at(0.2);
    const law = headLaw(problem.shape, head);
    const linearisation = problem.linearise(law);
    const { gradient, frozen, interaction } = headCurvature(
      problem,
      linearisation,
      problem.logits(law),
      head,
    );
    const single = add(frozen, interaction);
    const first = new Float64Array(head.length);
    problem.firstVariation(linearisation, head, first);
    const h = 1e-5;
    const gradientAt = (moved: Float64Array, moving: boolean) => {
      const result = new Float64Array(head.length);
      const field = moving ? problem.linearise(headLaw(problem.shape, moved)) : linearisation;
      problem.firstVariation(field, moved, result);
      return result;
    };
    for (let j = 0; j < head.length; j++) {
      expect(gradient[j]).toBeCloseTo(first[j], 13);
      const moved = (step: number) => head.map((x, i) => (i === j ? x + step : x));
      for (const [moving, hessian] of [[false, frozen] as const, [true, single] as const]) {
        const up = gradientAt(moved(h), moving);
        const down = gradientAt(moved(-h), moving);
        for (let i = 0; i < head.length; i++) {
          expect(hessian.data[i * head.length + j]).toBeCloseTo((up[i] - down[i]) / (2 * h), 8);
        }
      }
    }
    expect(symmetricEigen(interaction).values[0]).toBeGreaterThan(-1e-14);
  });

  it('vanish along the gauge at a stationary head', () => {
    for (const regularisation of [0.02, 0]) {
      const { problem, head } = at(regularisation);
      const { head: stationary, stationarity } =
        regularisation > 0
          ? trainSingleHead(problem, head)
          : // Without regularisation the head runs away; the gauge is a property of G at any head.
            { head, stationarity: 0 };
      expect(stationarity).toBeLessThan(1e-12);
      const law = headLaw(problem.shape, stationary);
      const { frozen, interaction } = headCurvature(
        problem,
        problem.linearise(law),
        problem.logits(law),
        stationary,
      );
      const directions = gaugeDirections(problem, stationary);
      expect(directions.length).toBe(regularisation > 0 ? 1 : 4);
      for (const direction of directions) {
        const norm = (v: Float64Array) => Math.hypot(...v);
        expect(norm(multiplyVector(interaction, direction))).toBeLessThan(1e-12);
        if (regularisation > 0) {
          expect(norm(multiplyVector(frozen, direction))).toBeLessThan(1e-11);
        }
      }
    }
  });
});

describe('stability of a Dirac', () => {
  it('has a (V, V) block that is λI', () => {
    const { problem, head } = at(0.1);
    expect(diracStability(problem, head).valueBlockNorm).toBe(0);
  });

  it('returns to a stationary head from nearby', () => {
    const { problem, head } = at(0.05);
    const { head: stationary } = trainSingleHead(problem, head);
    const random = randomStream(5, 'nudge');
    const nudged = stationary.map((x) => x + 1e-4 * random.normal());
    const polished = polishStationary(problem, nudged);
    expect(polished.stationarity).toBeLessThan(1e-13);
    expect(Math.hypot(...polished.head.map((x, j) => x - stationary[j]))).toBeLessThan(2e-3);
  });
});
