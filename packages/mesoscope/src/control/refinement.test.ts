import { describe, expect, it } from 'vitest';
import { transformerBlock } from '../field/transformer-block.ts';
import { gradedGrid, refineGrid, uniformGrid } from '../flow/grid.ts';
import { euler, rk4 } from '../flow/scheme.ts';
import type { DepthGrid, Scheme } from '../flow/types.ts';
import type { FloatArray } from '../kernels/backend.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { randomStream } from '../numeric/random.ts';
import { createControlProblem } from './create-problem.ts';
import { hamiltonianProfile } from './hamiltonian.ts';
import { initialParameters, partOf } from './parameters.ts';
import { prolongMoment, prolongParameters, refineDepth, refinedLayout } from './refinement.ts';
import { adam, constantRate, gradientFlow } from './solvers/index.ts';

const backend = createReferenceBackend();
// Without normalisation: dividing by the spread of 3 numbers is stiff, and orders would show at great depth only.
const field = transformerBlock({
  dimension: 3,
  heads: 1,
  keyDimension: 2,
  hidden: 4,
  activation: 'tanh',
  normalisation: 'none',
});
const stream = randomStream(11, 'refinement test');
const batch = {
  samples: 4,
  tokens: Array.from({ length: 16 }, () => stream.integer(5)),
  labels: Array.from({ length: 16 }, () => stream.integer(5)),
};

function problemOn(grid: DepthGrid, scheme: Scheme = euler) {
  return createControlProblem(backend, {
    field,
    grid,
    tokens: 4,
    samples: 4,
    classes: 5,
    vocabulary: 5,
    regularisation: 0.1,
    scheme,
  });
}

describe('prolongation', () => {
  // J changes by no more than the scheme's error, whose order shows: the function of depth has stayed the same.
  it.each([euler, rk4])(
    'by repetition keeps the flow: J of $name changes by its order',
    (scheme) => {
      const changes: number[] = [];
      let grid = gradedGrid(1, 2, 1.2);
      let parameters = initialParameters(field, problemOn(grid).layout, 1) as FloatArray;
      for (let level = 0; level < 5; level++) {
        const problem = problemOn(grid, scheme);
        const finer = prolongParameters(problem.layout, grid, parameters, 'repeat');
        const fineGrid = refineGrid(grid, 2);
        const fine = problemOn(fineGrid, scheme);
        expect(fine.layout).toEqual(refinedLayout(problem.layout));
        const [before, after] = [problem.evaluate(parameters, batch), fine.evaluate(finer, batch)];
        expect(after.penalty).toBeCloseTo(before.penalty, 13);
        changes.push(Math.abs(after.objective - before.objective));
        [grid, parameters] = [fineGrid, finer];
      }
      expect(Math.abs(Math.log2(changes[3] / changes[4]) - scheme.order)).toBeLessThan(0.2);
    },
  );

  it('carries moments so that the step of Adam is the same on both halves', () => {
    const grid = uniformGrid(1, 2);
    const { layout } = problemOn(grid);
    const moment = Float64Array.from({ length: layout.length }, (_, i) => i + 1);
    const m = partOf(refinedLayout(layout), prolongMoment(layout, moment, 1), 'controls');
    const v = partOf(refinedLayout(layout), prolongMoment(layout, moment, 2), 'controls');
    const coarse = partOf(layout, moment, 'controls');
    const P = layout.parametersPerLayer;
    for (let k = 0; k < 4; k++) {
      for (let i = 0; i < P; i++) {
        expect(m[k * P + i]).toBe(coarse[(k >> 1) * P + i] / 2);
        expect(v[k * P + i]).toBe(coarse[(k >> 1) * P + i] / 4);
      }
    }
  });
});

describe('refineDepth', () => {
  const stages = [
    { layers: 1, steps: 6 },
    { layers: 2, steps: 5 },
    { layers: 4, steps: 4 },
  ];
  const options = {
    backend,
    stages,
    rule: adam(),
    rate: () => constantRate({ rate: 0.02 }),
    problem: ({ layers }: { layers: number }) => {
      const grid = uniformGrid(1, layers);
      const problem = problemOn(grid);
      const objective = {
        gradient: (x: Float64Array | Float32Array, _step: number, out: typeof x) =>
          problem.gradient(x, batch, out),
      };
      return { layout: problem.layout, grid, objective };
    },
    start: {
      stage: 0,
      step: 0,
      parameters: initialParameters(field, problemOn(uniformGrid(1, 1)).layout, 2),
      memory: {},
    },
  };

  it('lowers the objective and ends at the last depth', async () => {
    const losses: number[] = [];
    const { status, state } = await refineDepth({
      ...options,
      report: ({ loss }) => {
        losses.push(loss);
        return undefined;
      },
    });
    expect(status).toEqual({ kind: 'steps-done', steps: 15 });
    expect(losses).toHaveLength(15);
    expect(losses[14]).toBeLessThan(losses[0]);
    expect(state.parameters).toHaveLength(problemOn(uniformGrid(1, 4)).layout.length);
  });

  it.each([3, 5, 6, 9])(
    'ends with the same numbers when interrupted after %i steps',
    async (at) => {
      const whole = await refineDepth(options);
      const controller = new AbortController();
      let taken = 0;
      const first = await refineDepth({
        ...options,
        signal: controller.signal,
        report: () => {
          taken += 1;
          if (taken === at) controller.abort();
          return undefined;
        },
      });
      expect(first.status.kind).toBe('aborted');
      const second = await refineDepth({ ...options, start: first.state });
      expect(second.state).toEqual(whole.state);
    },
  );
});

describe('hamiltonianProfile', () => {
  it('has a stationary point in θ_k exactly where the discrete gradient says so', () => {
    // ∂J/∂θ_k = ε ∂H_k/∂θ_k, by finite differences of H_k with h and p held fixed.
    const problem = problemOn(uniformGrid(1, 3));
    const parameters = initialParameters(field, problem.layout, 5);
    const gradient = new Float64Array(problem.layout.length);
    problem.gradient(parameters, batch, gradient);
    const trace = problem.trace(parameters, batch);
    const { offset } = problem.layout.controls;
    const P = problem.layout.parametersPerLayer;
    const direction = Float64Array.from({ length: P }, () => stream.normal());
    for (let k = 0; k < 3; k++) {
      const along = (h: number) => {
        const moved = parameters.slice();
        direction.forEach((x, i) => {
          moved[offset + k * P + i] += h * x;
        });
        return hamiltonianProfile(problem, moved, trace).values[k];
      };
      const slope = (along(1e-4) - along(-1e-4)) / 2e-4;
      let exact = 0;
      direction.forEach((x, i) => {
        exact += 3 * x * gradient[offset + k * P + i];
      });
      expect(Math.abs(slope - exact)).toBeLessThan(1e-7 * (1 + Math.abs(exact)));
    }
  });

  it('becomes constant along a strong extremal, at the rate 1/L', async () => {
    // Strong regularisation makes the problem coercive: the stationary point is the minimiser.
    const deviations: number[] = [];
    for (const layers of [4, 8, 16]) {
      const grid = uniformGrid(1, layers);
      const problem = createControlProblem(backend, {
        field,
        grid,
        tokens: 4,
        samples: 4,
        classes: 5,
        vocabulary: 5,
        regularisation: 2,
        frozen: ['embedding', 'positions', 'readout'],
      });
      const start = initialParameters(field, problem.layout, 3);
      const { state } = await refineDepth({
        backend,
        stages: [{ layers, steps: 200 }],
        tolerance: 1e-12,
        rule: gradientFlow,
        rate: () => constantRate({ rate: layers / 4 }),
        problem: () => ({
          layout: problem.layout,
          grid,
          objective: { gradient: (x, _step, out) => problem.gradient(x, batch, out) },
        }),
        start: { stage: 0, step: 0, parameters: start, memory: {} },
      });
      const trace = problem.trace(state.parameters, batch);
      const profile = hamiltonianProfile(problem, state.parameters, trace);
      deviations.push(profile.deviation / Math.abs(profile.mean));
    }
    expect(deviations[0] / deviations[1]).toBeGreaterThan(1.6);
    expect(deviations[1] / deviations[2]).toBeGreaterThan(1.6);
  });
});
